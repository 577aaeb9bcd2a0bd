"""api.md: the calls, what goes with them, and what can be wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.markdown import code, table
from tieline.core.offer import Offers
from tieline.sync.api import calls, openapi
from tieline.sync.api.application import HEADERS
from tieline.sync.api.problems import MEDIA_TYPE, Kind

ABOUT = """\
# The API

`tieline web` serves it under `/api/v1` ([how to call it](../how-to/call-the-api.md)). Every call shows a token, as
`Authorization: Bearer tl_…`. `GET /api/v1/openapi.json` describes all of it as OpenAPI 3.1, and so does
`tieline api openapi`. What an act or a view is told, and the right that it takes, stands at [acts](acts.md) and
[views](views.md): an act is told a JSON object, a view a query. What a plugin offers is called the same way, as
`POST /api/v1/GROUP/ACT`, and stands in the description of the workspace that allows it.

## Calls

"""
PROBLEMS = f"""\
## Problems

What goes wrong is `{MEDIA_TYPE}` (RFC 9457): `type` is for programs and stays, `title` and `status` say the kind,
`detail` is the sentence that a command would say. Where arguments are wrong, `errors` lists each of them, as `field`
and `detail`.

"""


def page() -> str:
    """The tables."""
    description = openapi.description(calls.calls(calls.offered(Offers())), Offers())
    operations = [
        (path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    rows = [(code(f"{method.upper()} {path}"), one["summary"]) for path, method, one in operations]
    kinds = [(code(kind.uri), str(kind.status), kind.title, kind.meaning) for kind in Kind]
    return "\n".join(
        [
            ABOUT + table(["call", "what it does"], rows),
            "\n## Headers\n\nOf a call:\n",
            table(["header", "meaning"], _told(description["components"]["parameters"].values())),
            "\nOf an answer, where they apply:\n",
            table(["header", "meaning"], _answered(description, operations)),
            "\nOf every answer:\n",
            table(["header", "value"], [(code(name), code(value)) for name, value in HEADERS.items()]),
            "\n" + PROBLEMS + table(["type", "status", "title", "meaning"], kinds),
        ]
    )


def _told(parameters: Any) -> list[tuple[str, str]]:
    return [(code(one["name"]), one["description"]) for one in parameters]


def _answered(description: Mapping[str, Any], operations: Any) -> list[tuple[str, str]]:
    components = description["components"]
    answers = [answer for _path, _method, one in operations for answer in one["responses"].values()]
    found: dict[str, str] = {"Allow": "The methods that a call takes, where it was asked for by another."}
    for answer in [*answers, *components["responses"].values()]:
        for name, reference in answer.get("headers", {}).items():
            found[name] = components["headers"][reference["$ref"].rpartition("/")[2]]["description"]
    return [(code(name), words) for name, words in sorted(found.items())]
