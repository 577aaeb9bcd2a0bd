"""Names in the settings that the site does not know: they would match nothing, without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from tieline.adapters.jira import jql
from tieline.adapters.jira.settings import ANY, JiraSettings
from tieline.adapters.jira.wire import Wire
from tieline.adapters.jira.workflow import moves_of
from tieline.core.errors import Gone


def unknown_fields(wire: Wire, settings: JiraSettings) -> Iterator[str]:
    """A sentence for each option that names a field by an id that the site does not have."""
    named: Mapping[str, Any] = {
        "create_fields": settings.create_fields,
        "transition_fields": settings.transition_fields,
        "volatile_fields": settings.volatile_fields,
    }
    if not any(named.values()):
        return
    known = {str(field["id"]) for field in wire.get_list("/field").json}
    for option, names in named.items():
        if unknown := sorted(set(names) - known):
            yield f"`{option}` names {', '.join(unknown)}, which no field of the site has as its id"


def unknown_transitions(
    wire: Wire, settings: JiraSettings, told: Callable[[], Mapping[str, str]], first: Callable[[str], list[str]]
) -> Iterator[str]:
    """A sentence for names in `transition_comments` that are neither a status nor a transition. `told` gives the
    statuses by id, `first` finds an issue by JQL. Only issues tell of transitions, each of those out of its status."""
    unknown = {name.casefold(): name for name in settings.transition_comments if name != ANY}
    statuses = told() if unknown else {}
    for status in statuses.values():
        unknown.pop(status.casefold(), None)
    if not unknown:
        return
    unseen, offered = [], set[str]()
    scope = jql.scope(settings.project, settings.issue_type, "")
    for identity, status in statuses.items():
        found = first(f"{scope} AND status = {identity}")
        moves = _offered(wire, found[0]) if found else ()
        offered |= set(moves)
        if not moves:
            unseen.append(status)
        for name in moves:
            unknown.pop(name.casefold(), None)
    if unknown:
        where = f"issue type {settings.issue_type} in project {settings.project}"
        yield (
            f"`transition_comments` names {', '.join(sorted(unknown.values()))}, which is neither a status of {where} "
            f"({', '.join(statuses.values())}) nor a transition there ({', '.join(sorted(offered)) or 'none'})"
            + (f", as far as issues show it: none stands in {', '.join(unseen)}" if unseen else "")
        )


def _offered(wire: Wire, issue: str) -> tuple[str, ...]:
    try:
        answer = wire.get(f"/issue/{quote(issue, safe='')}/transitions", {"expand": "transitions.fields"})
    except Gone:
        return ()
    return tuple(move.name for move in moves_of(answer.json))
