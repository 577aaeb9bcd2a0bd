"""Reads a mapping's YAML tree into a `Document` and reports every finding, each with its place, its code and a fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tieline.core.model import CATALOGUE, FieldSpec, FieldType, RecordKind, Severity
from tieline.core.values import KIND, proved_currency
from tieline.core.yaml import Node
from tieline.mappings.computed import computed_places
from tieline.mappings.convert.lines import units
from tieline.mappings.delivered import deliveries_of
from tieline.mappings.document import (
    FORMATS,
    Case,
    Document,
    Example,
    FieldRule,
    Format,
    MoneyFormat,
    Policy,
    PolicyKind,
    ReadElse,
    Scalar,
    Shown,
    TextDialect,
    When,
)
from tieline.mappings.paths import Path, parse_path
from tieline.mappings.placing import check_places
from tieline.mappings.schema import DOCUMENT
from tieline.mappings.shape import Shape, nearest
from tieline.mappings.tables import check_tables
from tieline.mappings.tree import entries, listed, plain, word

DESCRIPTION = "description"
_LINES = frozenset({TextDialect.PLAIN, TextDialect.MARKDOWN, TextDialect.JIRA_WIKI})
"""The dialects whose text is lines, some of which may be a block of ours."""
SHORTEST_LINE = 20
SHORTEST_TEXT = 1000
_ONLY_FOR: Mapping[str, frozenset[FieldType]] = {
    "limit": frozenset({FieldType.TEXT, FieldType.RICH_TEXT, FieldType.TAGS}),
    "case": frozenset({FieldType.CHOICE, FieldType.TEXT, FieldType.TAGS}),
    "text": frozenset({FieldType.RICH_TEXT}),
    "format": frozenset(FORMATS),
    "currency": frozenset({FieldType.MONEY}),
    "places": frozenset({FieldType.MONEY, FieldType.DECIMAL}),
    "each": frozenset({FieldType.PERSONS}),
    "kind": frozenset({FieldType.REFERENCE}),
    "connection": frozenset({FieldType.REFERENCE}),
    "separator": frozenset({FieldType.TAGS, FieldType.PERSONS}),
    "spaces": frozenset({FieldType.TAGS}),
    "pairs": frozenset({FieldType.TAGS}),
    "yes": frozenset({FieldType.FLAG}),
    "no": frozenset({FieldType.FLAG}),
    "values": frozenset({FieldType.CHOICE, FieldType.TEXT}),
    "read_also": frozenset({FieldType.CHOICE, FieldType.TEXT}),
    "read_else": frozenset({FieldType.CHOICE, FieldType.TEXT}),
    "write_also": frozenset({FieldType.CHOICE, FieldType.TEXT}),
    "cannot": frozenset({FieldType.CHOICE}),
    "needs": frozenset({FieldType.CHOICE, FieldType.TEXT}),
    "takes": frozenset({FieldType.CHOICE, FieldType.TEXT}),
    "join": frozenset({FieldType.TEXT, FieldType.RICH_TEXT}),
}


class Setting(NamedTuple):
    """What a field's rule inherits from the document."""

    text: TextDialect
    empty: Any
    record: RecordKind
    case: Case


Catalogue = Mapping[RecordKind, Mapping[str, FieldSpec]]


def lint(root: Node, name: str, digest: str, shape: Shape, catalogue: Catalogue = CATALOGUE) -> Document | None:
    """The document, or None when `shape` holds problems. `catalogue` are the fields that there are."""
    shape.check(root, DOCUMENT)
    if any(problem.code != "MAP001" for problem in shape.problems):  # later findings would say the same again
        return None
    top = entries(root)
    record = RecordKind(word(top["record"]))
    if record not in catalogue:
        shape.report(top["record"], "MAP002", f"record cannot be `{record}`.", nearest(record, catalogue))
        return None
    specs = catalogue[record]
    text = TextDialect(word(top["text"])) if "text" in top else TextDialect.MARKDOWN
    case = Case(word(top["case"])) if "case" in top else Case.EXACT
    setting = Setting(text, plain(top, "empty"), record, case)
    rules: dict[str, FieldRule] = {}
    for field, node in entries(top["fields"]).items():
        if field not in specs:
            shape.report(
                node,
                "MAP007",
                f"no field of the record kind `{record}` is called `{field}`.",
                nearest(field, specs),
                at_key=True,
            )
            continue
        rules[field] = _rule(specs[field], node, setting, shape)
    _check_needs(top["fields"], rules, shape)
    computed = tuple(computed_places(top.get("computed"), shape))
    policies = dict(_policies(top, rules, specs, shape))
    _check_defaults(top, rules, shape)
    create = {path: value.plain() for path, value in _paths_of(top.get("create"), shape)}
    if all(problem.code not in ("MAP009", "MAP022") for problem in shape.problems):  # every place is known
        check_places(top, rules, computed, shape)
    alerts = Shown(word(top["alerts"])) if "alerts" in top else None
    if alerts is Shown.DESCRIPTION:
        _check_room_for_alerts(top["alerts"], rules.get(DESCRIPTION), shape)
    read = [path for rule in rules.values() for path in rule.looked_at]
    deliveries = deliveries_of(top.get("deliveries"), shape, read)
    if shape.problems:
        return None
    return Document(
        name=name,
        tool=word(top["tool"]),
        record=record,
        specs=specs,
        text=text,
        text_limit=plain(top, "text_limit"),
        rules=rules,
        policies=policies,
        defaults=_defaults(top),
        create=create,
        computed=computed,
        examples=tuple(_examples(top)),
        digest=digest,
        alerts=alerts,
        deliveries=deliveries,
    )


def _check_room_for_alerts(node: Node, rule: FieldRule | None, shape: Shape) -> None:
    """A block stands between lines of one text, which is read and written as such at any time."""
    if (
        rule is None
        or rule.text not in _LINES
        or rule.read != (rule.to,)
        or rule.when is not When.ALWAYS
        or rule.only_when
    ):
        where = f" (line {node.line} of {node.file})" if rule is not None and rule.file != node.file else ""
        what = f"`alerts: description`{where} needs one text, which is read and written in one place at any time."
        fix = "write `alerts: comment`, or `alerts: null` in an overlay; or leave the description so."
        shape.report(node, "MAP028", what, fix, at_key=True)


def _defaults(top: dict[str, Node]) -> dict[str, str]:
    return {name: word(node) for name, node in entries(top.get("defaults")).items()}


def _rule(spec: FieldSpec, node: Node, setting: Setting, shape: Shape) -> FieldRule:
    keys = entries(node)
    for key, types in _ONLY_FOR.items():
        if key in keys and spec.type not in types:
            shape.report(
                keys[key],
                "MAP018",
                f"`{key}` says nothing about {spec.name}, which is a {spec.type} field.",
                f"take `{key}` out.",
                at_key=True,
            )
    read = tuple(_path(item, shape) for item in listed(keys.get("from")))
    when, parts = _write(spec, keys, setting, shape)
    to = _path(keys["to"], shape) if "to" in keys else read[0] if len(read) == 1 and not parts else None
    if not read and to is None and not parts:
        shape.report(node, "MAP019", f"{spec.name} is neither read nor written.", "say where it stands: `from:`.")
    if len(read) > 1 and to is None and not parts and when is not When.NEVER:
        fix = "add `to:` with the one path to write, or `write: never`."
        shape.report(
            keys["from"],
            "MAP020",
            f"{spec.name} is read from several places, and none of them is named for writing.",
            fix,
        )
    case = Case(word(keys["case"])) if "case" in keys else setting.case
    check_tables(spec, keys, case, shape)
    _check_limit(spec, keys, shape)
    form = _format(spec, keys, shape)
    _check_money(spec, node, form, shape)
    _check_reference(spec, node, shape)
    return FieldRule(
        name=spec.name,
        read=read,
        to=to,
        when=when,
        values=plain(keys, "values"),
        read_also=_inverted(keys.get("read_also")),
        words=_words(spec, keys, setting, shape),
        read_else=_read_else(keys, shape),
        write_also=plain(keys, "write_also") or {},
        parts=parts,
        needs=_lists(keys.get("needs")),
        takes=_lists(keys.get("takes")),
        limit=plain(keys, "limit"),
        case=case,
        text=TextDialect(word(keys["text"])) if "text" in keys else setting.text,
        format=form,
        currency=plain(keys, "currency") or "",
        places=plain(keys, "places"),
        each=_path(keys["each"], shape) if "each" in keys else None,
        kind=plain(keys, "kind") or "",
        connection=plain(keys, "connection") or "",
        beside={path: value.plain() for path, value in _paths_of(keys.get("with"), shape)},
        clear=keys["clear"].plain() if "clear" in keys else setting.empty,
        clearable=_clearable(spec, keys),
        join=plain(keys, "join"),
        separator=plain(keys, "separator"),
        spaces=plain(keys, "spaces"),
        pairs=bool(plain(keys, "pairs")),
        yes=tuple(plain(keys, "yes") or ()),
        no=tuple(plain(keys, "no") or ()),
        only_when=tuple((path, tuple(allowed.plain())) for path, allowed in _paths_of(keys.get("only_when"), shape)),
        line=node.key_line or node.line,
        column=node.key_column or node.column,
        file=node.file,
    )


def _write(
    spec: FieldSpec, keys: dict[str, Node], setting: Setting, shape: Shape
) -> tuple[When, dict[str, dict[Path, Scalar]]]:
    """When the field is written, and the parts that each value is written as where `write` is a table."""
    node = keys.get("write")
    if setting.record == RecordKind.SIGNAL:
        if node is not None and node.value != "never":
            shape.report(node, "MAP018", f"{spec.name} of a signal is never written.", "take `write` out.", at_key=True)
        return When.NEVER, {}
    if node is None:
        return When.ALWAYS, {}
    if isinstance(node.value, str):
        return When(node.value), {}
    return When.ALWAYS, {value: dict(_constants(parts, shape)) for value, parts in entries(node).items()}


def _clearable(spec: FieldSpec, keys: dict[str, Node]) -> bool:
    """A title is never emptied, and a choice only where the file says what empties it (ServiceNow refuses to)."""
    if "required" in keys:
        return keys["required"].value is not True
    if "clear" in keys:
        return True
    chosen = spec.type in (FieldType.CHOICE, FieldType.FLAG) or "values" in keys
    return not (chosen or spec.name == "title")


def _words(spec: FieldSpec, keys: dict[str, Node], setting: Setting, shape: Shape) -> bool:
    """Whether the field is read by the table of `core.severities`. Nothing could be written by it."""
    if "words" not in keys:
        return False
    if spec.choices is not Severity or setting.record != RecordKind.SIGNAL:
        what = f"`words` says nothing about {spec.name} of a record of kind `{setting.record}`."
        shape.report(keys["words"], "MAP018", what, "use values and read_also.", at_key=True)
    return True


def _read_else(keys: dict[str, Node], shape: Shape) -> ReadElse | None:
    if "read_else" not in keys:
        return None
    inner = entries(keys["read_else"])
    return ReadElse(_path(inner["from"], shape), _inverted(inner["values"]))


def _format(spec: FieldSpec, keys: dict[str, Node], shape: Shape) -> Format:
    """How the tool writes the value. The words of all types are known to the schema, and those of this one here."""
    known = FORMATS.get(spec.type, FORMATS[FieldType.INSTANT])
    said = word(keys["format"]) if "format" in keys else known[0]
    found = next((one for one in known if one == said), None)
    if found is None and spec.type in FORMATS:
        what = f"`{said}` is no format of {spec.name}, which is a {spec.type} field."
        shape.report(keys["format"], "MAP002", what, nearest(said, known))
    return found or known[0]


_TELL_CURRENCY = frozenset({MoneyFormat.AMOUNT_CURRENCY, MoneyFormat.CURRENCY_AMOUNT})


def _check_money(spec: FieldSpec, node: Node, form: Format, shape: Shape) -> None:
    """A number without a currency is no money, and one that tells its own may be in another."""
    keys = entries(node)
    if spec.type is not FieldType.MONEY:
        return
    if form in _TELL_CURRENCY and "currency" in keys:
        what = f"the tool tells the currency of {spec.name} by itself where it is written as {form}."
        shape.report(keys["currency"], "MAP018", what, "take `currency` out, or name the `format`.", at_key=True)
    elif form not in _TELL_CURRENCY and "currency" not in keys:
        what = f"nothing says in which currency {spec.name} is, which is written as {form}."
        shape.report(node, "MAP003", what, "add `currency: EUR`, or whichever it is.", at_key=True)
    elif "currency" in keys:
        try:
            proved_currency(word(keys["currency"]))
        except ValueError as wrong:
            shape.report(keys["currency"], "MAP002", f"{wrong}.", "write its ISO 4217 code.")


def _check_reference(spec: FieldSpec, node: Node, shape: Shape) -> None:
    """What a bare ref means needs both: of what kind it is, and where."""
    keys = entries(node)
    if spec.type is not FieldType.REFERENCE:
        return
    for key, other in (("kind", "connection"), ("connection", "kind")):
        if key in keys and other not in keys:
            what = f"a ref of {spec.name} is one of a kind and of a connection, and `{other}` is not said."
            shape.report(keys[key], "MAP003", what, f"add `{other}:`, or take `{key}` out.", at_key=True)
    if "kind" in keys and not KIND.fullmatch(word(keys["kind"])):
        what = f"`{word(keys['kind'])}` names no kind of thing."
        shape.report(keys["kind"], "MAP002", what, "write a word in lower case, like problem.")


def _check_limit(spec: FieldSpec, keys: dict[str, Node], shape: Shape) -> None:
    shortest = SHORTEST_TEXT if spec.type is FieldType.RICH_TEXT else SHORTEST_LINE
    limit = plain(keys, "limit")
    if limit is None:
        return
    if limit < shortest:
        what = f"a limit of {limit} leaves no room for {spec.name} and the mark that it was cut."
        shape.report(keys["limit"], "MAP011", what, f"write at least {shortest}, or take the limit out.")
        return
    for key in ("values", "write_also"):
        for node in entries(keys.get(key)).values():
            if isinstance(node.value, str) and units(node.value) > limit:
                what = f"{node.value!r:.60} is longer than {limit}, so {spec.name} would read back cut."
                shape.report(node, "MAP027", what, "write the word as the tool holds it, or raise the limit.")


def _check_needs(fields: Node, rules: dict[str, FieldRule], shape: Shape) -> None:
    for name in rules:
        keys = entries(entries(fields)[name])
        tables = [*entries(keys.get("needs")).values(), *entries(keys.get("takes")).values()]
        for wanted in (item for table in tables for item in listed(table)):
            rule = rules.get(word(wanted))
            if rule is None or rule.when is When.NEVER or wanted.value == name:
                what = f"{name} needs `{wanted.value}`, which this mapping does not write."
                shape.report(wanted, "MAP010", what, nearest(word(wanted), set(rules) - {name}))


def _policies(
    top: dict[str, Node], rules: dict[str, FieldRule], specs: Mapping[str, FieldSpec], shape: Shape
) -> Iterator[tuple[str, Policy]]:
    for name, node in entries(top.get("policy")).items():
        kind, colon, owner = word(node).partition(":")
        if name not in rules:
            shape.report(
                node, "MAP007", f"there is a policy for `{name}` and no field.", nearest(name, rules), at_key=True
            )
        elif kind not in set(PolicyKind) or (colon and kind != PolicyKind.OWNER):
            shape.report(node, "MAP012", f"`{node.value}` is not a policy.", nearest(kind, PolicyKind))
        elif kind == PolicyKind.OWNER and not owner:
            shape.report(node, "MAP013", f"{name} has an owner with no name.", "write it as `owner:connection`.")
        elif kind == PolicyKind.UNION and not specs[name].type.is_set:
            shape.report(node, "MAP012", f"{name} is not a set, so `union` cannot join it.", "write `latest`.")
        else:
            yield name, Policy(PolicyKind(kind), owner.strip(), node.file, node.line, node.column)


def _check_defaults(top: dict[str, Node], rules: dict[str, FieldRule], shape: Shape) -> None:
    for name, node in entries(top.get("defaults")).items():
        if name not in rules:
            shape.report(
                node, "MAP007", f"there is a default for `{name}` and no field.", nearest(name, rules), at_key=True
            )
            continue
        values = rules[name].values
        if values is not None and node.value not in values:
            shape.report(
                node, "MAP008", f"the default of {name} is not one of its values.", nearest(word(node), values)
            )


def _examples(top: dict[str, Node]) -> Iterator[Example]:
    for node in listed(top.get("examples")):
        keys = node.plain()
        yield Example(
            because=keys.get("because", "this example"),
            body=keys.get("body", {}),
            people=keys.get("people", {}),
            fields=keys.get("fields"),
            unmapped=tuple(keys.get("unmapped", ())),
            write=keys.get("write"),
            writes=keys.get("writes"),
            creating=keys.get("creating", False),
            line=node.line,
            column=node.column,
            file=node.file,
        )


def _path(node: Node, shape: Shape) -> Path:
    try:
        return parse_path(word(node))
    except ValueError as wrong:
        shape.report(node, "MAP009", f"{wrong}.", "write names with dots between them.")
        return ("?",)


def _paths_of(node: Node | None, shape: Shape) -> Iterator[tuple[Path, Node]]:
    for text, value in entries(node).items():
        try:
            yield parse_path(text), value
        except ValueError as wrong:
            shape.report(value, "MAP009", f"{wrong}.", "write names with dots between them.", at_key=True)


def _lists(node: Node | None) -> dict[str, tuple[str, ...]]:
    return {value: tuple(map(word, listed(items))) for value, items in entries(node).items()}


def _constants(node: Node, shape: Shape) -> Iterator[tuple[Path, Scalar]]:
    for path, value in _paths_of(node, shape):
        yield path, _scalar(value)


def _scalar(node: Node) -> Scalar:
    return node.value if isinstance(node.value, str | int | float) else ""


def _inverted(node: Node | None) -> dict[Scalar, str]:
    return {_scalar(item): value for value, items in entries(node).items() for item in listed(items)}
