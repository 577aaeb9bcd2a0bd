"""What each command prints under `--json`: the shapes for cli.md, which a test holds against what commands print.

A text says what a value is: `text`, `integer`, `number`, `boolean`, `moment` (ISO 8601 with its zone), `anything`, or
`… or null`. A list holds any number of what stands in it. A name in angle brackets stands for any names, and one with a
question mark at its end is there where it applies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tieline.core.model import ConnectionName
from tieline.core.views import Sparse
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS

ERROR: Final[Any] = {
    "error": "text",
    "exit_code": "integer",
    "problems?": [
        {"file": "text", "line": "integer", "column": "integer", "code": "text", "what": "text", "fix": "text"}
    ],
}

_FAILURE: Final = {
    "seed": "integer",
    "world": "text",
    "steps": "integer",
    "story": ["text"],
    "violations": ["text"],
    "trace": "text",
}
_SHOWN_TOKEN: Final = {"id": "text", "name": "text", "until": "moment", "reaches": "text"}


def of_model(model: type[BaseModel]) -> dict[str, Any]:
    """The shape of what a model writes."""
    fields = {name: field for name, field in model.model_fields.items() if not field.exclude}
    return {_name(model, name, field): _of(field.annotation, name) for name, field in fields.items()}


def _name(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """As it is written; with a question mark where it may be left out."""
    mark = "?" if issubclass(model, Sparse) and not field.is_required() else ""
    return (field.serialization_alias or name) + mark


def _of(annotation: Any, name: str) -> Any:
    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _of(inner[0], name)
    if NoneType in inner:
        told = _of(inner[0], name)
        return f"{told} or null" if isinstance(told, str) else told
    if get_origin(annotation) in (tuple, list):
        return [_of(inner[0], name)]
    if get_origin(annotation) is dict:
        named = "connection" if inner[0] is ConnectionName else name.removesuffix("s")
        return {f"<{named}>": _of(inner[1], named)}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return of_model(annotation)
    return "anything" if annotation is Any else _WORDS.get(annotation, "text")


_WORDS: Final[Mapping[object, str]] = {int: "integer", bool: "boolean", datetime: "moment"}

_VIEWS: Final = {f"tieline {view.name}": {"": of_model(view.answer)} for view in OWN_VIEWS.by_name.values()}

_ACTS: Final = {f"tieline {act.name}": {"": of_model(act.answer)} for act in OWN.by_name.values()}

SHAPES: Final[Mapping[str, Mapping[str, Any]]] = {
    **_VIEWS,
    **_ACTS,
    "tieline init": {"": {"file": "text", "tools": ["text"], "console": "text", "account": "text"}},
    "tieline adapter new": {"": {"folder": "text", "files": ["text"]}},
    "tieline adapter prove": {
        "": {
            "format": "text",
            "tieline": "text",
            "tool": "text",
            "version": "text",
            "mapping": "text",
            "powers": ["text"],
            "milliseconds": {"<read or write>": {"median": "integer", "most": "integer"}},
            "kept": ["text"],
            "otherwise": {"<test>": "text"},
            "crashed": {"<test>": "text"},
            "not_asked": {"<test>": "text"},
            "records": {"closed": "integer", "left": "integer"},
        }
    },
    "tieline plugin new": {"": {"folder": "text", "files": ["text"]}},
    "tieline check": {
        "": [{"connection": "text", "tool": "text", "works": "boolean", "account": "text", "notes": ["text"]}]
    },
    "tieline edit": {
        "": {"incident": "text", "changed": {"<field>": "anything"}, "unchanged": {"<field>": "anything"}}
    },
    "tieline token issue": {
        "": {"id": "text", "name": "text", "owner": "text", "reaches": "text", "until": "moment", "token": "text"}
    },
    "tieline account add": {"": {"account": "text", "until": "moment", "code": "text"}},
    "tieline account password": {"": {"account": "text", "until": "moment", "code": "text"}},
    "tieline login": {"": {"url": "text", "identity": "text", "token": _SHOWN_TOKEN}},
    "tieline logout": {"": {"url": "text", "now": "text or null"}},
    "tieline whoami": {"": {"server": "text or null", "identity": "text", "token?": _SHOWN_TOKEN}},
    "tieline mapping list": {"": ["text"]},
    "tieline mapping check": {"": ERROR["problems?"]},
    "tieline mapping explain": {
        "": [{"field": "text", "path": "text", "read": "text", "write": "text", "policy": "text", "because": "text"}]
    },
    "tieline audit verify": {
        "": {
            "entries": "integer",
            "head": "text",
            "whole": "boolean",
            "shredded": "integer",
            "replaced": [{"entry": "integer", "by": "integer", "who": "text", "opened": "boolean"}],
        }
    },
    "tieline store copy": {"": {"to": "text", "rows": "integer", "tables": {"<table>": "integer"}}},
    "tieline demo": {"": {"whole": "boolean", "checks": [{"what": "text", "found": "text", "holds": "boolean"}]}},
    "tieline simulate": {
        "with `--mutant list`": {"<planted bug>": "text"},
        "with `--seed`": _FAILURE,
        "with `--mutant all`": {
            "store": "text",
            "first": "integer",
            "steps": "integer",
            "bound": "integer",
            "mutants": {"<planted bug>": "integer or null"},
            "seen": {"<planted bug>": ["text"]},
            "missed": ["text"],
            "seconds": "number",
            "cpu_seconds": "number",
        },
        "": {
            "schedules": "integer",
            "first": "integer",
            "steps": "integer",
            "tools": "text",
            "plugins": "boolean",
            "store": "text",
            "failures": "integer",
            "failed": ["integer"],
            "faults": {"<fault>": "integer"},
            "writes": "integer",
            "seconds": "number",
            "cpu_seconds": "number",
            "schedules_per_cpu_second": "number",
            "smallest": [_FAILURE],
        },
    },
}
"""By the command's path: each shape that it prints, by when it does; "" is the usual one."""


def shown(path: str) -> str:
    """The section of a command's shapes; "" for one that prints no JSON."""
    return "".join(
        f"\nUnder `--json`{f', {when}' if when else ''}:\n\n{block(shape)}"
        for when, shape in SHAPES.get(path, {}).items()
    )


def block(shape: Any) -> str:
    """A shape as a block of JSON."""
    return f"```json\n{json.dumps(shape, indent=2, ensure_ascii=False)}\n```\n"
