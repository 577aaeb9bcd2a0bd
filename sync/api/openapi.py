"""The API described as OpenAPI 3.1: from the declarations of acts and views, and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from tieline.core.access import READ
from tieline.core.acts import Act
from tieline.core.declared import Declared
from tieline.core.described import described
from tieline.core.offer import Offers
from tieline.core.views import View
from tieline.sync.api.calls import ROOT, Calls
from tieline.sync.api.index import Index
from tieline.sync.api.problems import MEDIA_TYPE, Kind
from tieline.sync.api.signing_in import Asking
from tieline.sync.office.office import LONGEST_KEY
from tieline.sync.office.proposing import AsksFirst

PATH: Final = f"{ROOT}openapi.json"
EVENTS: Final = f"{ROOT}events"
WHOAMI: Final = f"{ROOT}whoami"
COMMAND: Final = "x-command"
"""Under this name stands how it is asked for on a command line."""
ELSEWHERE: Final = "x-not-by-token"
"""Under this name stand those commands that whoever shows a token is not offered."""
Mode = Literal["validation", "serialization"]
_AT: Final = "#/components/schemas/"
_SCHEMAS: Final = f"{_AT}{{model}}"

ALWAYS: Final = (Kind.MALFORMED, Kind.NOT_PROVED, Kind.TOO_OFTEN, Kind.BROKEN, Kind.BUSY)
LOOKING: Final = (*ALWAYS, Kind.NOT_ALLOWED, Kind.NOT_THERE, Kind.WRONG_WORDS)
ACTING: Final = (
    *LOOKING,
    Kind.TOO_SLOW,
    Kind.NOT_DONE,
    Kind.CHANGED,
    Kind.TOO_LARGE,
    Kind.MEDIA_TYPE,
    Kind.KEY_REUSED,
)


class FieldProblem(BaseModel):
    """What is wrong with one argument; `field` is empty where it is about several."""

    field: str
    detail: str


class ProblemDetails(BaseModel):
    """What is wrong with a call (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="What programs know it by; it stays.")
    title: str
    status: int
    detail: str = Field(description="The sentence that a command would say.")
    errors: list[FieldProblem] = Field(default=[], description="Where arguments are wrong: each of them.")


def description(calls: Calls, offers: Offers, elsewhere: Collection[str] = ()) -> dict[str, Any]:
    """The document; `offers` are those of plugins, and `elsewhere` is called what there is beside these calls."""
    schemas = _Schemas([one for methods in calls.values() for one in methods.values()])
    paths = {
        path: {method.lower(): _operation(path, method, one, schemas) for method, one in methods.items()}
        for path, methods in calls.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tieline",
            "version": "1",
            "description": "Keeps one incident in step across its tools. Every act is a POST, every view a GET.",
        },
        "tags": [{"name": name, "description": offer.summary} for name, offer in offers.by_group.items()],
        "paths": {
            ROOT: {"get": _index(schemas)},
            **paths,
            EVENTS: {"get": _EVENTS},
            WHOAMI: {"get": _who(schemas)},
        },
        "components": {
            "schemas": schemas.all,
            "responses": {kind.slug: _problem(kind) for kind in Kind},
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "tl_ID_SECRET",
                    "description": "From `tieline token issue`.",
                }
            },
        },
        "security": [{"token": []}],
        **({ELSEWHERE: sorted(elsewhere)} if elsewhere else {}),
    }


_PARAMETERS: Final = {
    "idempotency-key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Under one key it is done once within a week, and answered the same.",
        "schema": {"type": "string", "pattern": f"^[!-~]{{1,{LONGEST_KEY}}}$"},
    },
    "if-match": {
        "name": "If-Match",
        "in": "header",
        "description": "The revision that the one item has to be at, in quotes; 412 where it is at another.",
        "schema": {"type": "string", "pattern": r'^("[0-9]{1,18}"|\*)$'},
    },
    "break-glass": {
        "name": "Break-Glass",
        "in": "header",
        "description": "Why what others are to approve first is done at once; it is reviewed by somebody else. What is "
        "not ASCII is UTF-8, written with % and two hexadecimal digits.",
        "schema": {"type": "string", "pattern": "^[ -~]{1,300}$"},
    },
    "if-none-match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of what is known: 304 where that is still so.",
        "schema": {"type": "string"},
    },
}
_HEADERS: Final = {
    "etag": {"description": "Another one as soon as anything of it is.", "schema": {"type": "string"}},
    "link": {"description": 'The next page, as `rel="next"`.', "schema": {"type": "string"}},
    "retry-after": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    "www-authenticate": {"description": "How to show a token.", "schema": {"type": "string"}},
    "review": {"description": "The review that waits, since it was done at once.", "schema": {"type": "string"}},
    "replayed": {"description": "`true` where it had been done before, under its key.", "schema": {"type": "string"}},
}


_PROBLEM: Final[list[tuple[type[BaseModel], Mode]]] = [
    (ProblemDetails, "serialization"),
    (Asking, "serialization"),
    (AsksFirst, "serialization"),
    (Index, "serialization"),
]


def _refs_of(kinds: Iterable[Kind]) -> dict[str, Any]:
    return {str(kind.status): {"$ref": f"#/components/responses/{kind.slug}"} for kind in kinds}


_EVENTS: Final = {
    "operationId": "events",
    "summary": "What happens, as it does.",
    "description": "Server-sent events: each entry of the journal about an item or a connection, with its kind, when, "
    "who, and about what. It begins with what happens from now on, or after the event of `Last-Event-ID`.\n\nIt takes "
    f"the right `{READ}`.",
    "tags": ["events"],
    "parameters": [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "Go on after the event of this id, without loss; `begin` is before everything.",
            "schema": {"type": "string", "pattern": "^([0-9a-f]{32}|begin)$"},
        }
    ],
    "responses": {
        "200": {
            "description": "It goes on until one of the two sides ends it.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **_refs_of((*ALWAYS, Kind.NOT_ALLOWED)),
    },
}


def _index(schemas: _Schemas) -> dict[str, Any]:
    return {
        "operationId": "index",
        "summary": "What there is.",
        "description": "Every act and view with its address and whether whoever asks may do it, the kinds of items, "
        "and where the rest is told. It takes no right.",
        "tags": ["index"],
        "parameters": [_ref("parameters", "if-none-match")],
        "responses": {
            "200": _done("What there is.", schemas.of(Index), {"ETag": _ref("headers", "etag")}),
            "304": _UNCHANGED,
            **_problems(ALWAYS),
        },
    }


def _who(schemas: _Schemas) -> dict[str, Any]:
    return {
        "operationId": "whoami",
        "summary": "Who asks.",
        "description": "Who the token that is shown stands for, and what it reaches. It takes no right.",
        "tags": ["whoami"],
        "parameters": [_ref("parameters", "if-none-match")],
        "responses": {
            "200": _done("Whoever it is.", schemas.of(Asking), {"ETag": _ref("headers", "etag")}),
            "304": _UNCHANGED,
            **_problems(ALWAYS),
        },
    }


def _names(schemas: Mapping[str, Any], called: Mapping[str, str]) -> dict[str, str]:
    """What each schema is called, by how pydantic has called it: `called` has those of what is told and answered. Of
    the others each goes by the name of its model, with its module's before it where several are called so, so that a
    name says nothing of where a model stands, and stays when that moves."""
    names = dict(called)
    taken = {name: schemas[known] for known, name in called.items()}
    for known in sorted(schemas.keys() - names.keys(), key=lambda one: (_MODULES in one, one)):
        *modules, model = re.sub(r"-(Input|Output)$", "", known).split(_MODULES)
        place = "".join(word.capitalize() for word in modules[-1].split("_")) if modules else ""
        # An enumeration is the same whether it is told or answered.
        apart = (model, f"{place}{model}", known)
        names[known] = next(one for one in apart if taken.get(one, schemas[known]) == schemas[known])
        taken[names[known]] = schemas[known]
    return names


_MODULES: Final = "__"
"""Where pydantic tells models of one name apart, this stands between the modules that lead to each."""


def _renamed(part: Any, names: Mapping[str, str]) -> Any:
    """A part of a schema, with what it refers to by its new name."""
    if isinstance(part, list):
        return [_renamed(one, names) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: f"{_AT}{names[one.removeprefix(_AT)]}" if key == "$ref" and isinstance(one, str) else _renamed(one, names)
        for key, one in part.items()
    }


def _of_calls(declared: Iterable[Declared], known: Mapping[Any, str]) -> dict[str, str]:
    """What is told and answered goes by the act or the view whose it is; what several share, by its own name."""
    named: dict[str, list[str]] = {}
    for one in declared:
        called = "".join(word.capitalize() for word in re.split(r"[\W_]+", one.name))
        named.setdefault(known[one.ask, "validation"], []).append(f"{called}Ask")
        named.setdefault(known[one.answer, "serialization"], []).append(f"{called}Answer")
    return {one: names[0] for one, names in named.items() if len(names) == 1}


@lru_cache(maxsize=4)
def _schemas_of(models: tuple[tuple[type[BaseModel], Mode], ...]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Where the schema of each stands, and all of them. Making them takes a tenth of a second."""
    return models_json_schema(models, ref_template=_SCHEMAS)


class _Schemas:
    """The schemas of all that is told and answered."""

    def __init__(self, declared: Sequence[Declared]) -> None:
        told: list[tuple[type[BaseModel], Mode]] = [(one.ask, "validation") for one in declared]
        answered: list[tuple[type[BaseModel], Mode]] = [(one.answer, "serialization") for one in declared]
        refs, schema = _schemas_of((*told, *answered, *_PROBLEM))
        known = {model: str(one["$ref"]).removeprefix(_AT) for model, one in refs.items()}
        names = _names(schema["$defs"], _of_calls(declared, known))
        self._refs = {model: {"$ref": f"{_AT}{names[one]}"} for model, one in known.items()}
        self.all: dict[str, Any] = {names[one]: _renamed(part, names) for one, part in schema["$defs"].items()}

    def ask(self, declared: Declared) -> dict[str, str]:
        """Where the schema of what it is told stands."""
        return dict(self._refs[declared.ask, "validation"])

    def answer(self, declared: Declared) -> dict[str, str]:
        """Where the schema of what it answers stands."""
        return dict(self._refs[declared.answer, "serialization"])

    def of(self, answer: type[BaseModel]) -> dict[str, str]:
        """Where the schema of this answer stands."""
        return dict(self._refs[answer, "serialization"])

    def whole(self, declared: Declared) -> dict[str, Any]:
        """The schema of what it is told."""
        whole: dict[str, Any] = self.all[self.ask(declared)["$ref"].rpartition("/")[2]]
        return whole


def _operation(path: str, method: str, declared: Declared, schemas: _Schemas) -> dict[str, Any]:
    rights = " or ".join(f"`{right}`" for right in declared.rights)
    takes = f"It takes the right {rights}." if rights else "It takes no right."
    name = path.removeprefix(ROOT).replace("/", "_")
    if isinstance(declared, View) and method == "POST":
        return {
            "operationId": f"{name}_by_post",
            "summary": _sentence(declared.help),
            "description": f"The same as by GET, for a question that fits into no address.\n\n{takes}",
            "tags": [declared.name.partition(" ")[0]],
            **_asking(declared, schemas),
        }
    words = {
        "operationId": name,
        "summary": _sentence(declared.help),
        "description": f"{declared.help}\n\n{takes}",
        "tags": [declared.name.partition(" ")[0]],
        COMMAND: described(declared).facts(),
    }
    return {**words, **(_looking if isinstance(declared, View) else _acting)(declared, schemas)}


def _sentence(words: str) -> str:
    """The first of them, whatever lines they stand in."""
    return " ".join(words.split()).partition(". ")[0].removesuffix(".") + "."


def _acting(act: Declared, schemas: _Schemas) -> dict[str, Any]:
    asks_first = isinstance(act, Act) and bool(act.asks_first)
    headers = {"Idempotent-Replayed": _ref("headers", "replayed")}
    has_glass = isinstance(act, Act) and act.has_glass
    done = {**headers, **({"Tieline-Review": _ref("headers", "review")} if has_glass else {})}
    proposed = _done("Nothing is done before somebody else approves it.", schemas.of(AsksFirst), headers)
    how = ("idempotency-key", "if-match", *(["break-glass"] if has_glass else []))
    return {
        "parameters": [_ref("parameters", name) for name in how],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schemas.ask(act), **_example(act)}},
        },
        "responses": {
            "200": _done("It is done.", schemas.answer(act), done),
            **({"202": proposed} if asks_first else {}),
            **_problems(ACTING),
        },
    }


def _example(declared: Declared) -> dict[str, Any]:
    return {} if declared.example is None else {"example": dict(declared.example)}


def _looking(view: Declared, schemas: _Schemas) -> dict[str, Any]:
    whole = schemas.whole(view)
    required = whole.get("required", ())
    example = view.example or {}
    parameters = [
        {**_parameter(name, schema, required), **({"example": example[name]} if name in example else {})}
        for name, schema in whole["properties"].items()
    ]
    headers = {"ETag": _ref("headers", "etag"), "Link": _ref("headers", "link")}
    return {
        "parameters": [*parameters, _ref("parameters", "if-none-match")],
        "responses": {
            "200": _done("What there is to see.", schemas.answer(view), headers),
            "304": _UNCHANGED,
            **_problems(LOOKING),
        },
    }


def _asking(view: Declared, schemas: _Schemas) -> dict[str, Any]:
    """A view whose question is a body."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schemas.ask(view), **_example(view)}},
        },
        "responses": {
            "200": _done("What there is to see.", schemas.answer(view), {}),
            **_problems((*LOOKING, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.MEDIA_TYPE)),
        },
    }


_UNCHANGED: Final = {
    "description": "It is still as it is known.",
    "headers": {"ETag": {"$ref": "#/components/headers/etag"}},
}


def _parameter(name: str, schema: Mapping[str, Any], required: Iterable[str]) -> dict[str, Any]:
    """An argument in a query, where nothing stands for null."""
    plain = {key: value for key, value in schema.items() if key not in ("description", "title", "anyOf", "default")}
    plain |= next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), {})
    if schema.get("default") is not None:
        plain["default"] = schema["default"]
    told = {"name": name, "in": "query", "required": name in required, "schema": plain}
    return {**told, "description": schema["description"]} if "description" in schema else told


def _done(words: str, schema: Mapping[str, str], headers: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": words, "headers": dict(headers), "content": {"application/json": {"schema": schema}}}


def _problems(kinds: Iterable[Kind]) -> dict[str, Any]:
    """By status; of several kinds of one status, which their `type` tells apart, the one that is met most."""
    most = {kind.status: kind for kind in reversed(list(kinds))}
    return {str(status): _ref("responses", most[status].slug) for status in sorted(most)}


def _problem(kind: Kind) -> dict[str, Any]:
    headers = {}
    if kind in (Kind.TOO_OFTEN, Kind.BUSY):
        headers["Retry-After"] = _ref("headers", "retry-after")
    if kind is Kind.NOT_PROVED:
        headers["WWW-Authenticate"] = _ref("headers", "www-authenticate")
    content = {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS.format(model=ProblemDetails.__name__)}}}
    return {"description": f"{kind.title}. {kind.meaning}", "headers": headers, "content": content}


def _ref(what: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{what}/{name}"}
