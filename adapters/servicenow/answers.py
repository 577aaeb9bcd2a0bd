"""What an answer of the Table API means. Pure, but for reading the bytes of one response."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieline.core.errors import NeedsOperator, Rejected, RemoteError, TryAgain, as_sentence
from tieline.core.http import at_origin, outcome, server_date

Row = dict[str, Any]

_REFUSED_VALUES = ("data policy", "business rule")
"""403 means three things (vendor's table of statuses): access rules, a data policy, a business rule. The last two are
about this record's values, so that the connection goes on; the words tell them apart."""


_POLICY_FIELDS = re.compile(r"following fields (?:are|is) (?:mandatory|read[ -]?only)\s*:\s*(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: its JSON object, or None where the body is something else. Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    json: dict[str, Any] | None
    text: str


def said(response: Any) -> Said:
    """What a requests response says, whose content was read."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    content: bytes = response.content
    return Said(response.status_code, headers, _object(content), content[:20_000].decode(errors="replace"))


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    # A text cut in the middle of an emoji leaves half of it, which no UTF-8 store takes.
    return _whole(value) if b"\\ud" in content.lower() else value


def _whole(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_whole(name): _whole(inner) for name, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case _:
            return value


def flat(row: Mapping[str, Any]) -> Row:
    """The row with every reference as its sys_id, whether or not the instance left out the links."""
    return {
        name: value.get("value", "") if isinstance(value, Mapping) else ("" if value is None else value)
        for name, value in row.items()
    }


def with_wait(answer: Said) -> Mapping[str, str]:
    """The headers, with a Retry-After worked out from X-RateLimit-Reset (a UNIX time) where there is none."""
    reset = answer.headers.get("x-ratelimit-reset", "")
    now = server_date(answer.headers)
    if answer.status != 429 or "retry-after" in answer.headers or not reset.isdecimal() or now is None:
        return answer.headers
    return {**answer.headers, "retry-after": str(max(0, int(reset[:12]) - int(now.timestamp())))}


def unread(connection: str, words: str, error: RemoteError) -> TryAgain:
    """The error for something that was written and could not be looked at afterwards, for this reason."""
    if isinstance(error, TryAgain):
        return TryAgain(connection, words, wait=error.wait, maybe_done=True, limit=error.limit)
    return TryAgain(connection, words, maybe_done=True)


def refusal(
    connection: str, method: str, path: str, answer: Said, headers: Mapping[str, str], now: datetime, url: str
) -> RemoteError | None:
    """The error that an answer means, or None for a good one with a `result`."""
    words = _words(answer)
    if answer.status == 403 and any(sign in words.lower() for sign in _REFUSED_VALUES):
        refused = f"{method} {path} was refused: {words[:500]}"
        return Rejected(connection, refused, refused=named_fields(words), status=answer.status)
    if (
        answer.status in (404, 410)
        and answer.json is not None
        and (path.count("/") < 3 or "does not represent any resource" in words)
    ):
        met = as_sentence(f"{method} {path} answered {answer.status}" + (f": {words[:500]}" if words else ""))
        advice = f"{met} Check `url` and `table`: there is no such table."
        return NeedsOperator(connection, advice, status=answer.status)
    failure = outcome(connection, method, path, answer.status, headers, words, server_date(headers) or now, url)
    if failure is not None:
        return failure
    if answer.json is None:
        return _no_json(connection, method, f"{path}{at_origin(url)}", answer)
    if answer.json.get("error") or answer.json.get("status") == "failure" or "result" not in answer.json:
        # A cancelled transaction answers 200 with the rows it had and an error beside them: the rows are not all.
        return TryAgain(
            connection,
            f"{method} {path} answered {answer.status} with an error inside: {words[:500] or 'no result'}",
            maybe_done=method != "GET",
            status=answer.status,
        )
    return None


def named_fields(words: str) -> dict[str, str]:
    """The fields that a data policy's refusal names, by their labels (`schema.by_name` knows the columns)."""
    found = _POLICY_FIELDS.search(words)
    labels = found.group(1).split(",") if found is not None else []
    return {label.strip(): words[:500] for label in labels if label.strip()}


def _no_json(connection: str, method: str, path: str, answer: Said) -> RemoteError:
    if "hibernat" in answer.text.lower():
        asleep = f"{method} {path}: the instance hibernates; wake it up in the developer portal."
        return NeedsOperator(connection, asleep, status=answer.status)
    return TryAgain(
        connection,
        f"{method} {path} answered {answer.status} with a page that is not JSON (a login or maintenance page?); "
        "check `url`.",
        maybe_done=method != "GET",
        status=answer.status,
    )


def _words(answer: Said) -> str:
    error = (answer.json or {}).get("error")
    if isinstance(error, Mapping):
        return ": ".join(str(error[name]) for name in ("message", "detail") if error.get(name))
    return str(error or "")
