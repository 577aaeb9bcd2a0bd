"""What of an issue is somebody's doing. Pure.

A site shows many things that nobody writes: a date in words ("Today 10:00 AM" is "Yesterday" a day later), a running
clock, a cache of what other products know, a name that stands in the account's language. A version that held them would
move while nobody touches the record, and each write would meet a stale one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_PASSING: Final = frozenset(
    {
        # Seen or counted, not written by anybody; or a copy of another issue's state, which moves without this one.
        "updated", "lastViewed", "votes", "watches", "watcher", "workratio", "progress", "aggregateprogress",
        "aggregatetimespent", "aggregatetimeestimate", "aggregatetimeoriginalestimate", "statuscategorychangedate",
        "comment", "worklog", "attachment", "issuelinks", "subtasks", "sub-tasks",
    }
)  # fmt: skip

_WORDS: Final = frozenset(
    {"friendly", "jira", "self", "_links", "avatarUrls", "avatarId", "iconUrl", "i18nErrorMessage"}
)
"""Members of an object that say once more, for people or in the account's zone, what stands beside them."""

_DEVELOPMENT: Final = re.compile(r"\{(?:[a-z]+=\{.*|json=\{.*)?\}", re.DOTALL)
"""The development panel: `{pullrequest={dataType=pullrequest, state=OPEN}, json={"cachedValue":{…},"isStale":true}}`,
and `{}` before there is any. It holds what repositories said, and how old that is."""

_RANK: Final = re.compile(r"\d\|[0-9a-z]{4,}:[0-9a-z]*")
"""A place in a backlog. The site deals them out anew when they get too long."""

_IN_MEMORY: Final = re.compile(r"(?<=[\w.])@[0-9a-f]{4,}(?=\[)")
"""The address in memory of an object as Data Center prints it: `…sprint.Sprint@1f39f706[id=1,state=ACTIVE]`. A name
before it is looked back at, and not looked for: that would read a long word once for each of its letters."""


def lasting(fields: Mapping[str, Any], volatile: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The essence of every field that somebody writes. `volatile` names those that a site computes at every look."""
    return {
        name: essence(value)
        for name, value in fields.items()
        if name not in _PASSING and name not in volatile and value is not None and not _passes(value)
    }


def _passes(value: Any) -> bool:
    return isinstance(value, str) and bool(_DEVELOPMENT.fullmatch(value) or _RANK.fullmatch(value))


def essence(value: Any) -> Any:
    """A value without its decoration: a user is an account id, an option its id, several of them have no order. A
    running SLA clock stands still."""
    if isinstance(value, list):
        return sorted((essence(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, str):
        return _IN_MEMORY.sub("", value)
    if not isinstance(value, dict) or value.get("type") == "doc":
        return value
    for name in ("epochMillis", "accountId", "id", "key", "name", "value"):
        if isinstance(value.get(name), str | int):
            child = value.get("child")
            return [value[name], essence(child)] if child else value[name]
    return {name: essence(item) for name, item in value.items() if name not in _WORDS}
