"""What the changelog tells of our own writes: pure functions from its entries to what they replaced.

An entry names its author, its moment, and each field before and after. An entry of ours whose field somebody else had
changed since we looked has replaced what they wrote, and says itself what that was. Its texts are plain: of a rich text
the words are told, not the formatting. The account must be ours alone: what a person writes under it counts as ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tieline.adapters.jira.issue import entries, user_ids
from tieline.core import gap
from tieline.core.port import Body

_RICH: Final = frozenset({"description", "environment"})
_PEOPLE: Final = frozenset({"assignee", "reporter"})
_LISTS: Final = frozenset({"labels"})


def replaced(changelog: Body | None, since: int, account: str) -> dict[str, Body]:
    """By field, the entry's item with which `account` replaced what others had written after `since` (milliseconds).

    Where stamps have whole seconds, an edit in the very second of `since` cannot be told from the state we had seen.
    """
    return gap.replaced(
        gap.Entry(account in user_ids(entry.get("author") or {}), str(item.get("fieldId") or item.get("field")), item)
        for entry in _since(changelog, since)
        for item in entry.get("items") or []
    )


def is_shared(changelog: Body | None, since: int) -> bool:
    """Whether more than one account wrote after `since`: only then can one have replaced what another wrote."""
    return len({user_ids(entry.get("author") or {}) for entry in _since(changelog, since)}) > 1


def untold(changelog: Body | None, since: int) -> str:
    """Why the changelog may lack entries since then, or "": the site lists the newest ones only."""
    listed = (changelog or {}).get("histories") or []
    if len(listed) >= int((changelog or {}).get("total") or 0) or len(_since(changelog, since)) < len(listed):
        return ""
    return f"the issue changed more than {len(listed)} times since we looked; its changelog in Jira tells the rest"


def put_back(fields: Body, items: Mapping[str, Body], *, cloud: bool) -> dict[str, Any]:
    """The issue's fields, with what was replaced in the places where it stood."""
    return {**fields, **{name: _held(name, fields.get(name), item, cloud) for name, item in items.items()}}


def _since(changelog: Body | None, since: int) -> list[Body]:
    return [entry for at, entry in entries(changelog) if at > since]


def _held(name: str, now: Any, item: Body, cloud: bool) -> Any:
    """A value as an issue holds it, from how an entry tells it: `from` is an id, `fromString` what people read."""
    identity, text = item.get("from"), item.get("fromString")
    if name in _LISTS:
        return str(text or "").split()
    if not text and not identity:
        return None
    if name in _PEOPLE or (isinstance(now, dict) and "displayName" in now):
        return (
            {"accountId": identity, "displayName": text}
            if cloud
            else {"name": identity, "key": identity, "displayName": text}
        )
    if cloud and (name in _RICH or (isinstance(now, dict) and now.get("type") == "doc")):
        return _document(str(text or ""))
    if identity is not None:
        return {"id": identity, "name": text, "value": text}
    return text


def _document(text: str) -> dict[str, Any]:
    lines = [{"type": "text", "text": line} if line else None for line in text.splitlines()]
    content = [{"type": "paragraph", "content": [line] if line else []} for line in lines]
    return {"type": "doc", "version": 1, "content": content}
