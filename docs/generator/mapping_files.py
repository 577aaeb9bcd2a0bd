"""mappings.md: the keys of mapping files, the shipped mappings in words, and every code with its bad file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generator.markdown import code, table
from generator.sources import members
from tieline import mappings
from tieline.core.model import CATALOGUE, FieldType
from tieline.core.severities import WORDS
from tieline.mappings.codes import CODES
from tieline.mappings.document import (
    Case,
    DecimalFormat,
    DurationFormat,
    InstantFormat,
    MoneyFormat,
    PersonsFormat,
    PolicyKind,
    TextDialect,
    When,
)
from tieline.mappings.schema import COMPUTED, DELIVERIES, EXAMPLE, FIELD, SIGNATURE, json_schema

GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "mappings"
ABOUT = """\
# Mappings

A mapping says how a tool's record becomes canonical fields and back: one YAML file, both directions. It is proved
before the daemon may use it. How to change one is told in [change a mapping](../how-to/change-a-mapping.md);
editors get the format from `tieline mapping schema`.

A *path* names a place in the tool's JSON: `fields.priority.name`.

## Keys of the file
"""

WORDS_OF_SEVERITY = """\

## Words for severity

What `words: severity` reads, whatever the case; a hyphen or an underscore is a space. `signals.severity_words` adds to
it and goes first. A rank (`P1`, `sev-2`, a number) is not in it: ranks run both ways, and nobody but you knows what
yours mean. What is unknown stays unknown: `tieline check` says so of what fires or what the rules would raise, `tieline
status` and the incident of what has fired, and the incident gets the urgency `signals.unknown_urgency`.
"""

VALUES = """\

## Numbers, money, lengths of time, persons and references

For fields of these types, which the catalogue below has none of yet. Each value has one form in the incident, so that
equal is equal: no number is a binary fraction. A tool's number that is finer than `places` is read as it would be
written. In conditions, a decimal and the `amount` of money compare as numbers (`cost.amount > 100 && cost.currency ==
"EUR"`), a length of time as its milliseconds; a list of persons is asked with `exists` or `in`.
"""

RICH_TEXT = """An edit made in a tool is taken over block by block, and written over what stands in the others: a block
that nobody touched keeps its nodes to the letter, with the pictures, colours and macros that Markdown cannot say. Such
a thing is shown elsewhere as words in brackets. A change of those words, or one that a table or a list cannot hold, is
held as `unwritable` with a sentence; the rest of the edit goes through. Two people who changed different blocks of one
text both stand; the same block is settled by the field's policy.

`servicenow_html` is for fields of type HTML, and for work notes where the instance shows HTML without `[code]`: say
`text: servicenow_html` in an overlay."""


def page() -> str:
    """Format, shipped mappings, codes."""
    parts = [
        ABOUT,
        _keys(json_schema()),
        "\n## Keys of a field\n",
        _keys(FIELD),
        "\n## Keys of a computed place\n\nWhat the tool makes by itself, whatever we write there; the laws are proved "
        "through it. How ServiceNow's priority stands there: [change a mapping]"
        "(../how-to/change-a-mapping.md#say-what-the-tool-computes).\n",
        _keys(COMPUTED),
        "\n## Keys of deliveries\n\nHow webhooks are understood by the tool `webhook`, which knows none by itself: "
        "[take in any webhook](../how-to/take-in-any-webhook.md).\n",
        _keys(DELIVERIES),
        "\n## Keys of a signature\n",
        _keys(SIGNATURE),
        "\n## Keys of an example\n",
        _keys(EXAMPLE),
        "\n## Policies\n\nWho wins when a field was changed on more than one side; `owner`, `once` and `never` also "
        "say who is heard at all.\n",
        _enum("policy", PolicyKind),
        "\n## When a field is written\n",
        _enum("write", When),
        "\n## Text\n\nRich text is Markdown in the incident and the tool's own dialect in the tool: "
        + ", ".join(code(str(one)) for one in TextDialect)
        + f".\n\n{RICH_TEXT}\n\n## Upper and lower case\n",
        _enum("case", Case),
        "\n## Times\n",
        _enum("format", InstantFormat),
        VALUES,
        "\n### Exact numbers\n",
        _enum("format", DecimalFormat),
        "\n### Money\n\nThe incident says `12.50 EUR`: at least the decimal places of its currency, and its ISO 4217 "
        "code.\n",
        _enum("format", MoneyFormat),
        "\n### Lengths of time\n\nThe incident says whole milliseconds.\n",
        _enum("format", DurationFormat),
        "\n### Lists of persons\n\nThe incident says e-mail addresses, and a list is written whole or not at all: one "
        "without somebody would take that person away.\n",
        _enum("format", PersonsFormat),
        "\n### References\n\nThe incident says a kind, a connection and the ref there, as in `problem snow 9d385017`, "
        "or a kind and an item of ours, as in `incident INC-12`. With `kind` and `connection`, a rule reads and writes "
        "bare refs.\n",
        WORDS_OF_SEVERITY,
        table(["severity", "words"], [(code(one.value), ", ".join(map(code, said))) for one, said in WORDS.items()]),
        "\n## Fields\n\nThe canonical fields, by what a record is. Not known is absent; empty is null.\n",
        *(_catalogue(str(kind), fields) for kind, fields in CATALOGUE.items()),
        "\n## Shipped mappings\n\nAs `tieline mapping explain NAME` says it.\n",
        *(_explained(name) for name in sorted(mappings.shipped())),
        "\n## Codes\n\nWhat `tieline mapping check` and the daemon say about a file, each with a file that earns it.\n",
        table(
            ["code", "what is wrong"],
            [(f"[{one}](#{one.lower()})" if one in bad_files() else code(one), what) for one, what in CODES.items()],
        ),
        *(_bad(one) for one in CODES if one in bad_files()),
    ]
    return "\n".join(parts)


def _keys(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (code(name) + (" (required)" if name in required else ""), _type(one), one.get("description", ""))
        for name, one in schema["properties"].items()
    ]
    return table(["key", "type", "meaning"], rows)


def _type(schema: Mapping[str, Any]) -> str:
    words = {"object": "mapping", "array": "list", "boolean": "true or false", "string": "text"}
    if "enum" in schema and schema["type"] == "string":
        return ", ".join(code(one) for one in schema["enum"])
    given = schema.get("type", [])
    kinds = [given] if isinstance(given, str) else given
    return " or ".join(words.get(kind, kind) for kind in kinds) or "any"


def _enum(head: str, kind: Any) -> str:
    meant = {"always": "whenever it differs", "never": "never"} if kind is When else {}
    rows = [(code(value), said or meant.get(value, "")) for value, said in members(kind)]
    return table([head, "meaning"], rows)


def _catalogue(kind: str, fields: Mapping[str, Any]) -> str:
    types = {
        FieldType.TEXT: "one line",
        FieldType.RICH_TEXT: "Markdown",
        FieldType.PERSON: "e-mail address",
        FieldType.PERSONS: "e-mail addresses",
        FieldType.DURATION: "milliseconds",
    }
    rows = [
        (
            code(spec.name),
            ", ".join(code(one.value) for one in spec.choices)
            if spec.choices
            else types.get(spec.type, str(spec.type)),
            spec.meaning,
        )
        for spec in fields.values()
    ]
    return f"\n### Of a record of kind `{kind}`\n\n" + table(["field", "value", "meaning"], rows)


def _explained(name: str) -> str:
    mapping = mappings.load(name)
    rows = [
        (code(row.field), code(row.path), row.read, row.write, row.policy)
        for row in mappings.explain(mapping)
        if row.path or row.write != "no"
    ]
    left_out = [code(row.field) for row in mappings.explain(mapping) if not row.path and row.write == "no"]
    without = f"\n\nNot carried: {', '.join(left_out)}." if left_out else ""
    return f"\n### `{name}`\n\n" + table(["field", "where", "read", "write", "policy"], rows) + without


def bad_files() -> dict[str, Path]:
    """The bad file of each code; where a code has several, the first."""
    found: dict[str, Path] = {}
    for path in sorted(GOLDEN.glob("*.yaml")):
        expected = re.match(r"# expect: \d+:\d+ (MAP\d{3})", path.read_text("utf-8"))
        if expected is not None:
            found.setdefault(expected[1], path)
    return found


def _bad(name: str) -> str:
    path = bad_files()[name]
    text = path.read_text("utf-8").partition("\n")[2].strip("\n")
    said = next(problem for problem in mappings.check(path) if problem.code == name)
    # Lines count in the file without its first line, which the test reads.
    place = f"{path.name}:{said.line - 1}:{said.column}"
    return f"\n### {name}\n\n```yaml\n{text}\n```\n\n`{place}: {name}` {said.what} Fix: {said.fix}"
