"""The mapping file's format, declared once: lint checks files against it, editors get it as JSON Schema.

The declaration is JSON Schema itself, in the small part of it that `tieline.mappings.shape` understands.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tieline.core.deliveries import Algorithm, Encoding, Form
from tieline.core.model import OWN_CATALOGUE
from tieline.mappings.document import FORMATS, Case, PolicyKind, Shown, TextDialect, When

Schema = dict[str, Any]

SCALAR: Schema = {"type": ["string", "integer", "number", "boolean"]}
PATH: Schema = {"type": "string", "minLength": 1}
PATHS: Schema = {"type": ["string", "array"], "items": PATH, "minItems": 1, "minLength": 1}
TO_ONE: Schema = {"type": "object", "additionalProperties": SCALAR}
TO_MANY: Schema = {"type": "object", "additionalProperties": {"type": "array", "items": SCALAR, "minItems": 1}}
ANYTHING: Schema = {}


def _table(meaning: str, base: Schema) -> Schema:
    return {**base, "description": meaning}


FIELD: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "from": _table("Where it stands in the body. A list is read in order: the first that holds something.", PATHS),
        "to": _table("Where it is written, if not at `from`.", PATH),
        "values": _table("Canonical value to tool value, one to one, read and written.", TO_ONE),
        "read_also": _table("Canonical value to further tool values that mean it. Read, never written.", TO_MANY),
        "words": {
            "type": "string",
            "enum": ["severity"],
            "description": "severity: further words mean what Tieline's own table says, whatever their case (see below)"
            " and what `signals.severity_words` adds to it. For signals.",
        },
        "read_else": {
            "type": "object",
            "description": "Where to look when `from` holds a word that nobody mapped.",
            "additionalProperties": False,
            "required": ["from", "values"],
            "properties": {"from": PATH, "values": _table("Canonical value to the tool values that mean it.", TO_MANY)},
        },
        "write_also": _table("Canonical value to a tool value that reads back as another canonical value.", TO_ONE),
        "cannot": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Canonical values this tool has no word for. They are left out of writes.",
        },
        "write": {
            "type": ["string", "object"],
            "enum": [str(when) for when in When],
            "additionalProperties": {"type": "object", "additionalProperties": SCALAR, "minProperties": 1},
            "description": "always; once: at creation; needed: only where `needs` or `takes` of another ask for it; "
            "never; or per canonical value the parts of the body to write.",
        },
        "needs": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "description": "Per canonical value the fields that must be written beside it.",
        },
        "takes": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "description": "Per canonical value the fields that are written beside it when they are known.",
        },
        "limit": {
            "type": "integer",
            "minimum": 1,
            "description": "Longest text in UTF-16 units (ADF: its JSON); of tags, each.",
        },
        "case": {
            "type": "string",
            "enum": [str(case) for case in Case],
            "description": "folded: the tool takes words of tables in upper and lower case; lower, upper: it keeps the "
            "value so; the mapping's `case` otherwise.",
        },
        "text": {
            "type": "string",
            "enum": [str(dialect) for dialect in TextDialect],
            "description": "How the tool writes this rich text; the mapping's `text` otherwise.",
        },
        "format": {
            "type": "string",
            "enum": list(dict.fromkeys(str(form) for known in FORMATS.values() for form in known)),
            "description": "How the tool writes this value; each type has its own (see below).",
        },
        "currency": {
            "type": "string",
            "minLength": 1,
            "description": "Of money: its ISO 4217 code, where the tool keeps the amount alone.",
        },
        "places": {
            "type": "integer",
            "minimum": 0,
            "description": "Of a number: how many decimal places the tool keeps. What is finer is rounded to even.",
        },
        "each": _table("Of a list of persons as objects: where the person stands in each.", PATH),
        "kind": {
            "type": "string",
            "minLength": 1,
            "description": "Of a reference: what the tool's bare refs point to; with `connection`.",
        },
        "connection": {
            "type": "string",
            "minLength": 1,
            "description": "Of a reference: in which connection that is; without it the tool holds whole references.",
        },
        "with": _table("Path to constant, written whenever this field is written.", {"type": "object"}),
        "clear": {**ANYTHING, "description": "What is written to empty the field; the mapping's `empty` otherwise."},
        "required": {"type": "boolean", "description": "True when the tool refuses an empty value."},
        "join": {
            "type": "string",
            "description": "Puts the texts of all `from` paths together, with this between.",
        },
        "separator": {
            "type": "string",
            "minLength": 1,
            "description": "Tags or persons as one text with this between them.",
        },
        "spaces": {"type": "string", "minLength": 1, "description": "What stands for a space where tags have none."},
        "pairs": {"type": "boolean", "description": "Tags from an object, as `name=value`."},
        "yes": {"type": "array", "items": SCALAR, "minItems": 1, "description": "Tool values that mean true."},
        "no": {"type": "array", "items": SCALAR, "minItems": 1, "description": "Tool values that mean false."},
        "only_when": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": SCALAR, "minItems": 1},
            "description": "Path to allowed values. While the body says otherwise, the field reads as empty.",
        },
    },
}

COMPUTED: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["source"],
    "properties": {
        "from": _table("The places that the tool makes it of. Without any, the tool fills it as it likes.", PATHS),
        "table": {
            "type": "object",
            "minProperties": 1,
            "description": "What it makes of them: a level for each place of `from`, and in the last one the value. "
            "Without a table it is a copy of the one place.",
        },
        "only_beside": _table("The tool takes a value here, but only in a write that has this other place too.", PATH),
        "source": {"type": "string", "minLength": 1, "description": "Where the fact stands, or how it was seen."},
    },
}

EXAMPLE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "because": {"type": "string", "description": "What the example shows."},
        "body": {"type": "object", "description": "A record as the tool holds it."},
        "people": _table("The tool's person ids in the body, to e-mail addresses.", {"type": "object"}),
        "fields": {"type": "object", "description": "What the body means. Every field that can be read is compared."},
        "unmapped": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Fields whose value in the body has no meaning here.",
        },
        "write": {"type": "object", "description": "Canonical fields to write."},
        "writes": {"type": "object", "description": "The body that writing them sends."},
        "creating": {"type": "boolean", "description": "True when `writes` is sent at creation."},
    },
}

SIGNATURE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["header"],
    "properties": {
        "header": {"type": "string", "minLength": 1, "description": "The header that the HMAC stands in."},
        "algorithm": {
            "type": "string",
            "enum": [str(one) for one in Algorithm],
            "description": "Its hash; sha256 unless said otherwise.",
        },
        "encoding": {
            "type": "string",
            "enum": [str(one) for one in Encoding],
            "description": "How its bytes are written; hex unless said otherwise.",
        },
        "prefix": {"type": "string", "minLength": 1, "description": "What stands in front of it, as in `sha256=`."},
        "separator": {
            "type": "string",
            "minLength": 1,
            "description": "What stands between several in one header; a comma unless said otherwise.",
        },
        "signs": {
            "type": "string",
            "minLength": 1,
            "description": "What is signed: `{body}`, headers by their names in braces, and what stands between them; "
            "`{timestamp}` is the time that `timestamp` leads to. `{body}` alone unless said otherwise.",
        },
        "timestamp": {
            "type": "string",
            "minLength": 1,
            "description": "The header with the time of signing: seconds or milliseconds since 1970, or RFC 3339. A "
            "delivery that is older than the connection's `webhook_age` is refused. It must be in `signs`.",
        },
        "timestamp_prefix": {
            "type": "string",
            "minLength": 1,
            "description": "What stands in front of the time, where the header holds several things: `t=`.",
        },
    },
}

DELIVERIES: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["episode"],
    "properties": {
        "form": {
            "type": "string",
            "enum": [str(form) for form in Form],
            "description": "json unless said otherwise; cloudevents: CloudEvents 1.0, structured, binary or batched. "
            "An event is then read as in structured mode: `id`, `source`, `type`, `data.…`.",
        },
        "alerts": _table(
            "Where a list of alerts stands. Each is then a body of its own, and what stands around the list is in its "
            "member `envelope`: those members of it that the mapping reads. Without it the delivery is one alert.",
            PATH,
        ),
        "episode": {
            "type": ["string", "array", "object"],
            "items": PATH,
            "minItems": 1,
            "minLength": 1,
            "minProperties": 1,
            "additionalProperties": PATHS,
            "description": "The places whose texts together tell one firing from another; each has to be there, and "
            "one at least holds something. Where kinds of alerts have them in different places: a word for each kind "
            "to its places, of which the first counts that holds something.",
        },
        "once": _table(
            "The places whose texts together no two deliveries share, or `*` for all of it. What says the same there "
            "within seven days is a repetition. Leave it out where an alert may end and fire again in the same words.",
            PATHS,
        ),
        "once_header": {
            "type": "string",
            "minLength": 1,
            "description": "A header that no two deliveries share, in place of `once`. Where they are signed, it is.",
        },
        "leaves_out": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "array", "minItems": 1},
            "description": "Path to values by which a delivery says nothing of an alert (an attempt, a comment). It is "
            "taken and leads to nothing; null stands for what is not there, too.",
        },
        "labels": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": PATHS,
            "description": "Label to where it stands. Alerts are grouped by labels, as by `alertname`, the rule that "
            "they are of; they are added to those in the body's own member `labels`.",
        },
        "key": _table("What people call the alert: the first place that holds something.", PATHS),
        "url": _table("Where people open it.", PATHS),
        "signature": {**SIGNATURE, "description": "The HMAC that proves it, where its tool signs: see below."},
    },
}

RECORD_IS: Final = f"What a record is: {', '.join(OWN_CATALOGUE)}, or a kind of item that a plugin offers."

DOCUMENT: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tool", "record", "fields"],
    "properties": {
        "about": {"type": "string", "description": "What this mapping is for."},
        "tool": {"type": "string", "minLength": 1, "description": "The tool it speaks to."},
        "record": {"type": "string", "pattern": "^[a-z][a-z0-9_]{1,19}$", "description": RECORD_IS},
        "text": {
            "type": "string",
            "enum": [str(dialect) for dialect in TextDialect],
            "description": "How the tool writes comments and rich text.",
        },
        "text_limit": {"type": "integer", "minimum": 1, "description": "Longest comment in UTF-16 units."},
        "case": {
            "type": "string",
            "enum": [str(Case.EXACT), str(Case.FOLDED)],
            "description": "folded: the tool takes words of tables in upper and lower case; exact otherwise.",
        },
        "empty": {**ANYTHING, "description": "What the tool writes for an empty field. Null unless said otherwise."},
        "fields": {
            "type": "object",
            "additionalProperties": FIELD,
            "description": "Canonical field to its rule. In an overlay, null takes a field out.",
        },
        "policy": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": f"Canonical field to who wins: {', '.join(PolicyKind)}; owner as `owner:connection`.",
        },
        "defaults": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Canonical field to the value written where `needs` asks for it and nobody filled it in.",
        },
        "create": _table("Path to constant, written at creation only.", {"type": "object"}),
        "computed": {
            "type": "object",
            "additionalProperties": COMPUTED,
            "description": "Path to how the tool fills that place. Every write is proved through it.",
        },
        "alerts": {
            "type": "string",
            "enum": [str(place) for place in Shown],
            "description": "Where the tool shows which alerts fire: in a block of its description, or in one comment "
            "of ours. It is written in place, never anew; without this key it is not shown there.",
        },
        "deliveries": {
            **DELIVERIES,
            "description": "How the tool's webhooks are understood, where its adapter is the generic `webhook`.",
        },
        "examples": {"type": "array", "items": EXAMPLE, "description": "Records from reality; they run at every load."},
    },
}


def json_schema() -> Schema:
    """The format as JSON Schema, for editors. `mappings/schema.json` is this, written down."""
    names = sorted({name for fields in OWN_CATALOGUE.values() for name in fields})
    properties = {**DOCUMENT["properties"]}
    for key in ("fields", "policy", "defaults"):
        properties[key] = {
            **properties[key],
            "propertyNames": {"anyOf": [{"enum": names}, {"pattern": "^[a-z][a-z0-9_]*$"}]},
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tieline mapping",
        **DOCUMENT,
        "properties": properties,
    }


def schema_text() -> str:
    """What stands in `mappings/schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
