"""What the changelog tells of who did what: pure functions from its entries.

An entry names its author, its moment, and each field before and after. An entry of ours whose field somebody else had
changed since we looked has replaced what they wrote, and says itself what that was. Its texts are plain: of a rich text
the words are told, not the formatting. The account must be ours alone: what a person writes under it counts as ours.
A rule of the site writes under an account of its own (Automation for Jira) or under nobody's name; what a workflow's
post-function writes stands under the name of whoever made the transition, and nobody can tell it from theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tieline.adapters.jira.issue import author_of, entries, is_by, user_ids
from tieline.core import gap
from tieline.core.port import Body

_RICH: Final = frozenset({"description", "environment"})
_PEOPLE: Final = frozenset({"assignee", "reporter"})
_LISTS: Final = frozenset({"labels"})


def replaced(changelog: Body | None, since: int, hands: Hands) -> dict[str, Body]:
    """By field, the entry's item with which our account replaced what others had written after `since` (milliseconds).

    Where stamps have whole seconds, an edit in the very second of `since` cannot be told from the state we had seen.
    """
    return gap.replaced(
        gap.Entry(hands.ours(entry), name, item) for entry in _since(changelog, since) for name, item in _items(entry)
    )


@dataclass(frozen=True, slots=True)
class Hands:
    """Whose entries are whose: `account` is ours, `rules` are names and ids under which the site's rules write."""

    account: str
    rules: frozenset[str]

    def ours(self, entry: Body) -> bool:
        return is_by(author_of(entry), self.account)

    def a_persons(self, entry: Body) -> bool:
        author = author_of(entry)
        # People may call themselves what they like, so that a name counts for accounts of apps alone.
        names = {*user_ids(author), *((str(author.get("displayName")),) if author.get("accountType") == "app" else ())}
        return bool(author) and not self.ours(entry) and not names & self.rules


def is_shared(changelog: Body | None, since: int, hands: Hands) -> bool:
    """Whether somebody else wrote after `since` and before our last entry: that may have been replaced."""
    entries = _since(changelog, since)
    last = max((number for number, entry in enumerate(entries) if hands.ours(entry)), default=0)
    return any(not hands.ours(entry) for entry in entries[:last])


def afterwards(changelog: Body | None, since: int, hands: Hands) -> dict[str, Body]:
    """By field, the item that tells what stood there before persons changed it, after our last entry since `since`."""
    entries = _since(changelog, since)
    last = max((number for number, entry in enumerate(entries) if hands.ours(entry)), default=-1)
    return _by_persons(entries[last + 1 :], hands)


def beside_ours(
    changelog: Body | None, since: int, hands: Hands, sent: Mapping[str, Any], now: Body
) -> dict[str, Body]:
    """As `afterwards`, and of fields that we wrote and that the site left alone: nothing of ours stands behind what
    persons wrote there. `sent` is what we wrote by field, `now` the issue's fields; what shows as sent is ours."""
    dropped = {name: item for name, item in _by_persons(_since(changelog, since), hands).items() if name in sent}
    found = {**dropped, **afterwards(changelog, since, hands)}
    return {name: item for name, item in found.items() if name not in sent or not _shows(now.get(name), sent[name])}


def _shows(now: Any, sent: Any) -> bool:
    """Whether an issue's value is the one that was sent: of an object, a part is enough to name it."""
    if isinstance(now, Mapping) and isinstance(sent, Mapping):
        return all(now.get(name) == value for name, value in sent.items())
    return bool(now == sent)


def since_birth(changelog: Body | None, hands: Hands) -> dict[str, Body] | None:
    """By field, what stood there before persons changed it, ever; None where the changelog does not tell it all."""
    return None if changelog is None or untold(changelog, 0) else _by_persons(_since(changelog, 0), hands)


def _by_persons(entries: Iterable[Body], hands: Hands) -> dict[str, Body]:
    """What persons wrote over, where nobody but persons wrote after them. `entries` come oldest first."""
    found: dict[str, Body] = {}
    for entry in entries:
        for name, item in _items(entry):
            if hands.a_persons(entry):
                found.setdefault(name, item)
            else:
                found.pop(name, None)
    return found


def by_rule(changelog: Body | None, hands: Hands) -> frozenset[str]:
    """The fields that a rule of the site changed last."""
    last = _last_entries(changelog)
    return frozenset(name for name, entry in last.items() if not hands.ours(entry) and not hands.a_persons(entry))


def by_us(changelog: Body | None, hands: Hands) -> frozenset[str]:
    """The fields that we changed last."""
    return frozenset(name for name, entry in _last_entries(changelog).items() if hands.ours(entry))


def _last_entries(changelog: Body | None) -> dict[str, Body]:
    return {name: entry for entry in _since(changelog, 0) for name, _item in _items(entry)}


def last_entry(changelog: Body | None, hands: Hands) -> str:
    """When the newest entry that is no person's was made, as the site writes it; or ""."""
    return next((str(one["created"]) for one in reversed(_since(changelog, 0)) if not hands.a_persons(one)), "")


def _items(entry: Body) -> Iterator[tuple[str, Body]]:
    for item in entry.get("items") or []:
        if isinstance(item, dict):
            yield str(item.get("fieldId") or item.get("field")), item


def untold(changelog: Body | None, since: int) -> str:
    """Why the changelog may lack entries since then, or "": the site lists the newest ones only."""
    listed = (changelog or {}).get("histories") or []
    if len(listed) >= int((changelog or {}).get("total") or 0) or len(_since(changelog, since)) < len(listed):
        return ""
    return f"the issue changed more than {len(listed)} times since we looked; its changelog in Jira tells the rest"


def put_back(
    fields: Body, items: Mapping[str, Body], *, cloud: bool, statuses: Mapping[str, Body] | None = None
) -> dict[str, Any]:
    """The issue's fields, with what the items tell of in the places where it stood. `statuses` are whole ones by id:
    an entry tells a status by its name alone, and a mapping may ask for its category."""
    told = {name: _held(name, fields.get(name), item, cloud) for name, item in items.items()}
    if "status" in told:
        told["status"] = (statuses or {}).get(str(items["status"].get("from")), told["status"])
    if "resolution" in told and "resolutiondate" in fields and told["resolution"] is None:
        told["resolutiondate"] = None  # it goes with the resolution, and no entry tells of it
    return {**fields, **told}


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
