"""Silences as acknowledgements: one for one alert, found again by what its comment ends with.

A silence has no field for an id of ours, and its own id may change when it is edited, so the comment carries the
episode and the token. Silences that people made are never touched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.core.episodes import moment_text, parse_moment
from tieline.core.port import Ref, Token

AUTHOR: Final = "tieline"

_MARK: Final = re.compile(r"\[(?P<ref>[^\s\[\]]+) (?P<token>[^\[\]]+)\]\Z")

CLOSE_ENOUGH: Final = timedelta(seconds=5)
"""A silence that ends this much too early is left as it is."""


@dataclass(frozen=True, slots=True)
class Silence:
    """One of ours that is in force or will be."""

    id: str
    starts: datetime
    ends: datetime
    matchers: tuple[Mapping[str, Any], ...]
    token: Token


def ours(silences: Sequence[Mapping[str, Any]], ref: Ref) -> list[Silence]:
    """Those we made for this episode that have not expired, the longest first. Raises ValueError."""
    found = [mine for silence in silences if (mine := _ours(silence, ref)) is not None]
    return sorted(found, key=lambda silence: (silence.ends, silence.id), reverse=True)


def new_silence(labels: Mapping[str, str], words: str, starts: datetime, ends: datetime) -> Mapping[str, Any]:
    """The body that silences the alert with these labels, every one of them; both times by Alertmanager's clock."""
    matchers = [
        {"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in sorted(labels.items())
    ]
    return {
        "matchers": matchers,
        "startsAt": moment_text(starts),
        "endsAt": moment_text(ends),
        "createdBy": AUTHOR,
        "comment": words,
    }


def extended(silence: Silence, ref: Ref, note: str, ends: datetime) -> Mapping[str, Any]:
    """The body that makes a silence of ours last until `ends`. Its start and matchers must stay: with others,
    Alertmanager expires it and makes a new one."""
    return {
        "id": silence.id,
        "matchers": [dict(matcher) for matcher in silence.matchers],
        "startsAt": moment_text(silence.starts),
        "endsAt": moment_text(ends),
        "createdBy": AUTHOR,
        "comment": comment(note, ref, silence.token),
    }


def comment(note: str, ref: Ref, token: Token) -> str:
    """What people read in Alertmanager, and what we find our silence by."""
    return f"{note} [{ref} {token}]"


def _ours(silence: Mapping[str, Any], ref: Ref) -> Silence | None:
    try:
        marked = _MARK.search(str(silence["comment"]))
        if silence["createdBy"] != AUTHOR or silence["status"]["state"] == "expired":
            return None
        if marked is None or marked["ref"] != ref:
            return None
        return Silence(
            str(silence["id"]),
            parse_moment(silence["startsAt"]),
            parse_moment(silence["endsAt"]),
            tuple(silence["matchers"]),
            Token(marked["token"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"a silence without {error}") from None
