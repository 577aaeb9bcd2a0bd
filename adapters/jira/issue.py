"""What one issue says: pure functions from Jira's JSON to the port's words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.jira.essence import lasting
from tieline.core.port import Body, Reading, Ref, Token, Version

PROPERTY: Final = "tieline"
"""The key of the entity property that carries our tokens, on issues and on comments."""

FIELDS: Final = ("*all", "-comment", "-worklog", "-attachment")
"""What is asked for: everything but the lists that have their own address (and their own length limits)."""


def moment(text: str) -> datetime:
    """Jira's time text, in the account's own offset: `2023-03-27T20:54:15.878+0300`. Raises ValueError."""
    return datetime.fromisoformat(text)


def milliseconds(text: str) -> int:
    """The same as milliseconds since 1970, UTC."""
    return int(moment(text).timestamp() * 1000 + 0.5)


def version(issue: Body, volatile: frozenset[str] = frozenset()) -> Version:
    """`updated` and a digest of every field's essence.

    `updated` alone is not enough: a Data Center on MySQL keeps whole seconds. The digest alone is not enough: a value
    changed and changed back is an edit. `volatile` names fields that a site computes anew at every look.
    """
    fields: Mapping[str, Any] = issue["fields"]
    text = json.dumps(
        [issue["key"], lasting(fields, volatile)], sort_keys=True, ensure_ascii=True, separators=(",", ":")
    )
    return Version(f"{milliseconds(fields['updated'])}.{hashlib.sha256(text.encode()).hexdigest()[:16]}")


def moment_of(version: Version) -> int:
    """`updated` of the issue at this version, in milliseconds."""
    return int(version.partition(".")[0])


def token_of(issue: Body) -> Token | None:
    """Our create token, from the issue's entity property."""
    held = issue.get("properties")
    return token_in(held.get(PROPERTY)) if isinstance(held, dict) else None


def token_in(held: Any) -> Token | None:
    """The token inside a property's value, or None when it is not one of ours."""
    found = held.get("token") if isinstance(held, dict) else None
    return Token(found) if isinstance(found, str) and found else None


def users(fields: Body) -> Iterator[Mapping[str, Any]]:
    """Every person that a field holds, single or in a list."""
    for value in fields.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and ("accountId" in item or "emailAddress" in item):
                yield item


def user_ids(user: Mapping[str, Any]) -> tuple[str, ...]:
    """What a person is called in bodies: the account id on Cloud; user name and key on Data Center."""
    names = ("accountId",) if "accountId" in user else ("name", "key")
    return tuple(user[name] for name in names if isinstance(user.get(name), str) and user[name])


def is_by(user: Mapping[str, Any], account: str) -> bool:
    """Whether it is this account. A Data Center takes a user name in whatever case, and its directories tell it so."""
    return account.casefold() in {identity.casefold() for identity in user_ids(user)}


def people(fields: Body, known: Mapping[str, str]) -> dict[str, str]:
    """Ids to addresses. A hidden address is filled in from `known`: those we have looked up by address before."""
    found: dict[str, str] = {}
    for user in users(fields):
        for identity in user_ids(user):
            email = user.get("emailAddress") or known.get(identity)
            if email:
                found[identity] = email.lower()
    return found


def reading(
    issue: Body,
    site: str,
    at: datetime | None,
    known: Mapping[str, str],
    volatile: frozenset[str] = frozenset(),
    annotations: Mapping[str, str] | None = None,
) -> Reading:
    """The port's view of an issue; `at` is the Date of the answer that brought it."""
    fields: Body = issue["fields"]
    age = None if at is None else max(at - moment(fields["updated"]), timedelta(0))
    return Reading(
        ref=Ref(str(issue["id"])),
        version=version(issue, volatile),
        body=issue,
        key=str(issue["key"]),
        url=f"{site}/browse/{issue['key']}",
        token=token_of(issue),
        age=age,
        people=people(fields, known),
        annotations=dict(annotations or {}),
    )


def says(held: Any, wanted: Any) -> bool:
    """Whether what the tool holds means what was written: `{"name": "High"}` is meant by the whole priority object.
    Texts compare with white space folded, which Jira trims; names of options without case, as Jira looks them up."""
    if wanted is None or wanted in ([], ""):
        return held in (None, [], "")
    if isinstance(wanted, dict) and wanted.get("type") == "doc":
        return plain(held) == plain(wanted)
    if isinstance(wanted, dict):
        if all(value is None for value in wanted.values()):
            return held is None  # {"accountId": null} is how a user field is emptied
        return isinstance(held, dict) and all(_named(held.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(held, list) or len(held) != len(wanted):
            return False
        return all(any(says(item, value) for item in held) for value in wanted)
    if isinstance(wanted, str) and isinstance(held, str):
        return " ".join(held.split()) == " ".join(wanted.split())
    return bool(held == wanted)


def _named(held: Any, wanted: Any) -> bool:
    if isinstance(held, str) and isinstance(wanted, str):
        return held.casefold() == wanted.casefold()
    return says(held, wanted)


def plain(document: Any) -> str:
    """The words of an ADF document or of a text, with white space folded: what survives Jira's rewriting of nodes."""
    words: list[str] = []
    stack = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            words.append(node)
        elif isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, dict):
            stack.extend([node.get("content"), node.get("text")])
    return " ".join(" ".join(words).split())


def entries(changelog: Any) -> list[tuple[int, Body]]:
    """The entries of a changelog with their moments in milliseconds, oldest first. One without a moment cannot be
    placed and is left out."""
    found: list[tuple[int, int, Body]] = []
    for entry in (changelog or {}).get("histories") or []:
        try:
            found.append((milliseconds(entry["created"]), int(entry.get("id") or 0), entry))
        except (KeyError, TypeError, ValueError):
            continue
    return [(at, entry) for at, _number, entry in sorted(found, key=lambda one: one[:2])]


def overwritten(changelog: Any, since: str, fields: set[str], account: str) -> str:
    """What others wrote into `fields` between our read (at `updated` = `since`) and our write: the race that a tool
    without conditional writes leaves open. One sentence, or "" when there was none."""
    lost = [
        f"{item.get('field')}: “{item.get('toString')}” by {_name(history)}"
        for at, history in entries(changelog)
        if at > milliseconds(since) and not is_by(author_of(history), account)
        for item in history.get("items") or []
        if (item.get("fieldId") or item.get("field")) in fields
    ]
    return "; ".join(lost)


def _name(history: Body) -> str:
    return str(author_of(history).get("displayName", "somebody"))


def author_of(history: Body) -> Body:
    """Who made an entry; nothing where the site does not say."""
    author = history.get("author")
    return author if isinstance(author, dict) else {}
