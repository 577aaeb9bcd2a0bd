"""Before the first word is exchanged: does the live tool have what the mapping speaks of?

ServiceNow ignores a field it does not know and answers as if nothing had been asked, and a value that a tool does not
offer is refused only when somebody needs it. Both are found here, and named with the line of the mapping to look at.
"""

from __future__ import annotations

from collections.abc import Mapping

from tieline.core.errors import NeedsOperator, RemoteError
from tieline.core.port import Describer, FieldFact, Power
from tieline.mappings.document import FieldRule
from tieline.mappings.paths import Path, show
from tieline.sync.engine import Connected
from tieline.sync.outcomes import Standing, Then, Verb, outcome


def missing_fields(here: Connected) -> list[str]:
    """One sentence for each path of the mapping that leads nowhere in the tool. Asks the tool for its schema."""
    facts = _facts(here)
    if facts is None:
        return []
    return [
        f"{rule.file}:{rule.line}:{rule.column}: {name} is mapped to {show(path)!r}, which {here.name} does not have"
        for name, rule in sorted(here.mapping.document.rules.items())
        for path in _paths(rule)
        if not _leads_somewhere(show(path), facts)
    ]


def missing_choices(here: Connected) -> list[str]:
    """One sentence for each value the mapping would write and the tool does not offer."""
    facts = _facts(here) or {}
    sentences: list[str] = []
    for name, rule in sorted(here.mapping.document.rules.items()):
        fact = facts.get(show(rule.to)) if rule.to is not None else None
        if fact is None or fact.choices is None or rule.values is None:
            continue
        for word, value in sorted({**rule.values, **rule.write_also}.items()):
            if str(value) not in fact.choices:
                offered = ", ".join(list(fact.choices)[:12])
                sentences.append(f"{name} {word!r} would be written as {value!r}, and {here.name} offers {offered}")
    return sentences


def preflight(here: Connected) -> str:
    """Why the mapping could not be held against the tool's schema; "" where it was. Raises NeedsOperator when it names
    fields that the tool does not have."""
    try:
        missing = missing_fields(here)
    except RemoteError as error:
        if outcome(error, Standing.ABSENT).then is not Then.WITHOUT:
            raise
        return f"its schema cannot be read, so that the mapping is not held against it: {error}"
    if missing:
        raise NeedsOperator(
            here.name, f"{'; '.join(missing)}. Correct the mapping or its overlay, then send SIGHUP to the daemon."
        )
    return ""


def _facts(here: Connected) -> Mapping[str, FieldFact] | None:
    source = here.source
    if not (isinstance(source, Describer) and here.can(Power.DESCRIBE)):
        return None
    return here.call(Verb.DESCRIBE, source.describe)


def _paths(rule: FieldRule) -> list[Path]:
    return [*dict.fromkeys([*rule.read, *([rule.to] if rule.to is not None else [])])]


def _leads_somewhere(path: str, facts: Mapping[str, FieldFact]) -> bool:
    """A path may go deeper than the schema tells (`fields.assignee.accountId`), or stop above it (`priority`)."""
    return any(
        path == name or path.startswith((f"{name}.", f"{name}[")) or name.startswith((f"{path}.", f"{path}["))
        for name in facts
    )
