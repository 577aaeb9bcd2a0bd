"""Notes: PagerDuty's comments. Plain text, seen by everybody in the account and nobody outside.

So all notes are for staff, and one that was written for customers is narrower there, never wider. A note has no room
for a token: ours are known by their author, the user of `from_email`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.pagerduty.incident import moment
from tieline.adapters.pagerduty.wire import Wire
from tieline.core.model import Audience
from tieline.core.port import Body, Ref, RemoteComment

_READERS: Final = Audience.STAFF
AUDIENCES: Final = frozenset({_READERS})
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def listed(wire: Wire, ref: Ref, account: str | None) -> Sequence[RemoteComment]:
    """All notes, oldest first; PagerDuty lists the newest first. Raises Gone."""
    path = f"/incidents/{quote(ref, safe='')}/notes"
    rows = wire.list_in(wire.get(path), "notes", path)
    comments = [comment_of(row, account) for row in reversed(rows)]
    return sorted(comments, key=lambda comment: comment.created_at or _EARLIEST)


def added(wire: Wire, ref: Ref, text: str, account: str | None) -> RemoteComment:
    """Write one note."""
    path = f"/incidents/{quote(ref, safe='')}/notes"
    note = wire.object_in(wire.post(path, {"note": {"content": text}}), "note", path, wrote=True)
    return comment_of(note, account)


def edited(wire: Wire, ref: Ref, note: str, text: str, account: str | None) -> RemoteComment:
    """Give a note another text. Raises Gone."""
    path = f"/incidents/{quote(ref, safe='')}/notes/{quote(note, safe='')}"
    held = wire.object_in(wire.put(path, {"note": {"content": text}}), "note", path)
    return comment_of(held, account)


def comment_of(note: Body, account: str | None) -> RemoteComment:
    user: Any = note.get("user") or {}
    mine = user.get("type") == "user_reference" and account is not None and user.get("id") == account
    return RemoteComment(
        id=str(note["id"]),
        body=str(note.get("content") or ""),
        author=str(user.get("summary") or user.get("id") or ""),
        created_at=moment(note.get("created_at")),
        audience=_READERS,
        ours=mine,
    )
