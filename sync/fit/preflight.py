"""Before the first word is exchanged: does the live tool have what the mapping speaks of?

ServiceNow ignores a field it does not know and answers as if nothing had been asked, and a value that a tool does not
offer is refused only when somebody needs it. Both are found here, and named with the line of the mapping to look at.
"""

from __future__ import annotations

from collections.abc import Mapping

from tieline.core.errors import NeedsOperator, RemoteError
from tieline.core.port import FieldFact
from tieline.mappings.document import FieldRule
from tieline.mappings.paths import Path, show
from tieline.sync.engine import Connected
from tieline.sync.fit import fitting
from tieline.sync.outcomes import Standing, Then, outcome


def missing_fields(here: Connected, now: float) -> list[str]:
    """One sentence for each path of the mapping that leads nowhere in the tool. Asks the tool for its schema, and fits
    the mapping to it; `now` is in seconds that never run backwards."""
    facts = fitting.ask(here, now)
    if facts is None:
        return []
    return [
        f"{rule.file}:{rule.line}:{rule.column}: {name} is mapped to {show(path)!r}, which {here.name} does not have"
        for name, rule in sorted(here.mapping.document.rules.items())
        for path in _paths(rule)
        if not _leads_somewhere(show(path), facts)
    ]


def left_out(here: Connected) -> list[str]:
    """One sentence for all that the tool cannot be told, as it was asked last: by the very mapping that writes."""
    found = fitting.found(here)
    told = {
        one.sentence: "It is required there: what needs it is parked." if one.required else "The rest is written."
        for one in found.unfit
    }
    return [*(f"{sentence} {what}" for sentence, what in told.items()), *found.remarks]


def preflight(here: Connected, now: float) -> str:
    """Why the mapping could not be held against the tool's schema; "" where it was. What stops a lane makes `tieline
    check` say no: both ask here. Raises NeedsOperator when the mapping names fields that the tool does not have. `now`
    is in seconds that never run backwards."""
    try:
        missing = missing_fields(here, now)
    except RemoteError as error:
        return without_schema(error)
    if missing:
        raise NeedsOperator(
            here.name, f"{'; '.join(missing)}. Correct the mapping or its overlay, then send SIGHUP to the daemon."
        )
    return ""


def unseen(here: Connected) -> list[str]:
    """One sentence for each path of the mapping that the tool has and does not show to our account, as it was asked
    last."""
    facts = here.facts or {}
    return [
        f"{rule.file}:{rule.line}:{rule.column}: {name} is mapped to {show(path)!r}, which {here.name} does not show "
        "to this account: it is not read. Grant the account read access to it, or take it out of the mapping."
        for name, rule in sorted(here.mapping.document.rules.items())
        for path in _paths(rule)
        if (fact := facts.get(show(path))) is not None and not fact.readable
    ]


def without_schema(error: RemoteError) -> str:
    """The sentence about a schema that cannot be had, which proves nothing against the mapping. Raises any other
    error."""
    if outcome(error, Standing.ABSENT).then is not Then.WITHOUT:
        raise error
    return f"its schema cannot be read, so that the mapping is not held against it: {error}"


def _paths(rule: FieldRule) -> list[Path]:
    return [*dict.fromkeys([*rule.read, *([rule.to] if rule.to is not None else [])])]


def _leads_somewhere(path: str, facts: Mapping[str, FieldFact]) -> bool:
    """A path may go deeper than the schema tells (`fields.assignee.accountId`), or stop above it (`priority`)."""
    return any(
        path == name or path.startswith((f"{name}.", f"{name}[")) or name.startswith((f"{path}.", f"{path}["))
        for name in facts
    )
