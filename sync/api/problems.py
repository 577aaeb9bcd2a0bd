"""What can be wrong with a call (RFC 9457): each kind has a name that stays, and its detail is the sentence that a
command would say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Final

import orjson
from starlette.responses import Response

PREFIX: Final = "/api/v1/problems/"
MEDIA_TYPE: Final = "application/problem+json"


class Kind(Enum):
    """A kind of problem: its name, its HTTP status, and its title. Closed; the docstring of each is its meaning."""

    def __init__(self, slug: str, status: int, title: str, meaning: str) -> None:
        self.slug, self.status, self.title, self.meaning = slug, status, title, meaning

    @property
    def uri(self) -> str:
        """What programs know it by."""
        return f"{PREFIX}{self.slug}"

    MALFORMED = (
        "malformed",
        400,
        "The call cannot be read",
        "The body is no JSON of a bearable shape, or a header holds what it cannot hold.",
    )
    NOT_PROVED = (
        "not-proved",
        401,
        "Who asks is not proved",
        "There is no token, or it is wrong, revoked or over. `WWW-Authenticate` says how to show one.",
    )
    NOT_ALLOWED = (
        "not-allowed",
        403,
        "That may not be done",
        "Whoever the token stands for may not do it, or the token does not reach it. It is journalled.",
    )
    NOT_THERE = (
        "not-there",
        404,
        "There is no such thing",
        "No such call, or no such incident, ticket, field or connection; or it is not there for whoever asks.",
    )
    METHOD = ("method", 405, "Not by this method", "The call is there, and takes another method: see `Allow`.")
    TOO_SLOW = ("too-slow", 408, "The body did not arrive", "The body took too long to come in.")
    NOT_DONE = (
        "not-done",
        409,
        "As things are, that cannot be done",
        "Nothing was done; the detail says why, and what to do next.",
    )
    CHANGED = (
        "changed",
        412,
        "It changed meanwhile",
        "The item is not at the revision that `If-Match` names. Nothing was done; look at it again.",
    )
    TOO_LARGE = ("too-large", 413, "The body is too large", "The body is larger than `web.body_limit`.")
    MEDIA_TYPE = ("media-type", 415, "Not of this type", "A body is `application/json`, as it is and not compressed.")
    WRONG_WORDS = (
        "wrong-words",
        422,
        "What was said is not what it takes",
        "An argument is missing, unknown or of a wrong shape; `errors` names each.",
    )
    KEY_REUSED = (
        "key-reused",
        422,
        "The key was used for something else",
        "Something else was asked for under this `Idempotency-Key` before.",
    )
    TOO_OFTEN = (
        "too-often",
        429,
        "Too many calls",
        "The token is used more often than `web.calls_per_minute`, or too many wrong ones came from this address.",
    )
    PLUGIN_FAULT = (
        "plugin-fault",
        500,
        "A plugin has a fault",
        "The code of a plugin failed; the detail says where, and the log more. Nothing was done.",
    )
    BROKEN = ("broken", 500, "This is a fault of ours", "The log says what happened. Nothing was done by halves.")
    BUSY = (
        "busy",
        503,
        "Not now",
        "The store does not answer, or too many calls wait. Come back after `Retry-After`.",
    )


class Problem(Exception):
    """A call is not answered as it hoped."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Iterable[tuple[str, str]] = (),
        wait: timedelta | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.errors, self.wait = kind, detail, tuple(errors), wait
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        said: dict[str, Any] = {
            "type": self.kind.uri,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        }
        if self.errors:
            said["errors"] = [{"field": field, "detail": words} for field, words in self.errors]
        if self.wait is not None:
            self.headers["Retry-After"] = str(max(1, round(self.wait.total_seconds())))
        body = orjson.dumps(said).decode("utf-8", "replace")
        return Response(body, self.kind.status, self.headers, MEDIA_TYPE)
