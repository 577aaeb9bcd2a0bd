"""Silences as acknowledgements: one for one alert, found again by a token in its comment.

A silence has no field for an id of ours, and its own id may change when it is edited, so the comment carries the token.
Silences that people made are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.core.episodes import moment_text, parse_moment
from tieline.core.port import Token

AUTHOR: Final = "tieline"

CLOSE_ENOUGH: Final = timedelta(seconds=5)
"""A silence that ends this much too early is left as it is."""


@dataclass(frozen=True, slots=True)
class Silence:
    """One of ours that is in force or will be."""

    id: str
    starts: datetime
    ends: datetime
    matchers: tuple[Mapping[str, Any], ...]


def ours(silences: Any, token: Token) -> list[Silence]:
    """Those we made with this token that have not expired, the longest first. Raises ValueError."""
    if not isinstance(silences, list):
        raise ValueError("the list of silences is not a list")
    found = [_silence(silence) for silence in silences if _carries(silence, token)]
    return sorted(found, key=lambda silence: (silence.ends, silence.id), reverse=True)


def new_silence(
    labels: Mapping[str, str], note: str, token: Token, starts: datetime, ends: datetime
) -> Mapping[str, Any]:
    """The body that silences the alert with these labels, every one of them; both times by Alertmanager's clock."""
    # A matcher on an empty value would match every alert without the label; Alertmanager drops such labels itself.
    matchers = [
        {"name": name, "value": value, "isRegex": False, "isEqual": True}
        for name, value in sorted(labels.items())
        if value
    ]
    return {
        "matchers": matchers,
        "startsAt": moment_text(starts),
        "endsAt": moment_text(ends),
        "createdBy": AUTHOR,
        "comment": comment(note, token),
    }


def extended(silence: Silence, note: str, token: Token, ends: datetime) -> Mapping[str, Any]:
    """The body that makes a silence of ours last until `ends`. Its start and matchers must stay: with others,
    Alertmanager expires it and makes a new one."""
    return {
        "id": silence.id,
        "matchers": [dict(matcher) for matcher in silence.matchers],
        "startsAt": moment_text(silence.starts),
        "endsAt": moment_text(ends),
        "createdBy": AUTHOR,
        "comment": comment(note, token),
    }


def comment(note: str, token: Token) -> str:
    """What people read in Alertmanager, and what we find our silence by."""
    return f"{note} {_mark(token)}"


def _mark(token: Token) -> str:
    return f"[{token}]"


def _carries(silence: Any, token: Token) -> bool:
    if not isinstance(silence, dict) or not isinstance(silence.get("status"), dict):
        raise ValueError("a silence without a `status`")
    return (
        silence["status"].get("state") in ("active", "pending")
        and silence.get("createdBy") == AUTHOR
        and str(silence.get("comment") or "").endswith(_mark(token))
    )


def _silence(silence: Mapping[str, Any]) -> Silence:
    try:
        return Silence(
            str(silence["id"]),
            parse_moment(silence["startsAt"]),
            parse_moment(silence["endsAt"]),
            tuple(silence["matchers"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"a silence without {error}") from None
