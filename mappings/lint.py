"""Reads a mapping's YAML tree into a `Document` and reports every finding, each with its place, its code and a fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tieline.core.model import CATALOGUE, FieldSpec, FieldType, RecordKind, Severity
from tieline.core.yaml import Node
from tieline.mappings.computed import computed_places
from tieline.mappings.convert.lines import units
from tieline.mappings.document import (
    Case,
    Document,
    Example,
    FieldRule,
    InstantFormat,
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
    "format": frozenset({FieldType.INSTANT}),
    "separator": frozenset({FieldType.TAGS}),
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


def lint(root: Node, name: str, digest: str, shape: Shape) -> Document | None:
    """The document, or None when `shape` holds problems."""
    shape.check(root, DOCUMENT)
    if any(problem.code != "MAP001" for problem in shape.problems):  # later findings would say the same again
        return None
    top = entries(root)
    record = RecordKind(word(top["record"]))
    specs = CATALOGUE[record]
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
    if shape.problems:
        return None
    return Document(
        name=name,
        tool=word(top["tool"]),
        record=record,
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
        format=InstantFormat(word(keys["format"])) if "format" in keys else InstantFormat.RFC3339,
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
    if setting.record is RecordKind.SIGNAL:
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
    if spec.choices is not Severity or setting.record is not RecordKind.SIGNAL:
        what = f"`words` says nothing about {spec.name} of a record of kind `{setting.record}`."
        shape.report(keys["words"], "MAP018", what, "use values and read_also.", at_key=True)
    return True


def _read_else(keys: dict[str, Node], shape: Shape) -> ReadElse | None:
    if "read_else" not in keys:
        return None
    inner = entries(keys["read_else"])
    return ReadElse(_path(inner["from"], shape), _inverted(inner["values"]))


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
        elif kind == PolicyKind.UNION and specs[name].type is not FieldType.TAGS:
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
