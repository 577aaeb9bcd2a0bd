"""The verdict: not what the story says, but what the tools, the store and the journal show."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from tieline.cli.decide import engine_of
from tieline.cli.demo.stage import Stage
from tieline.cli.demo.story import Story
from tieline.core import journal
from tieline.sync.road.compare import compare

QUIET: Final = 5.0
"""Seconds of watching that nothing is written: more than two polls."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the final table."""

    what: str
    found: str
    holds: bool


def judge(stage: Stage) -> list[Check]:
    """Check everything, against the tools themselves."""
    quiet = _quiet(stage)
    copies, journal_check = _copies_and_journal(stage)
    parked, conflicts = stage.listed("parked"), stage.listed("conflicts")
    return [
        *copies,
        _duplicates(stage),
        quiet,
        Check("conflicts and parked records left", f"{len(conflicts)} and {len(parked)}", not conflicts and not parked),
        _boards(stage),
        _silences(stage),
        journal_check,
    ]


def _quiet(stage: Stage) -> Check:
    before = _writes(stage)
    time.sleep(QUIET)
    extra = _writes(stage) - before
    words = ", ".join(f"{tool} {call}" for tool, call in extra) if extra else "0"
    return Check(f"writes while nothing happens ({QUIET:.0f} s of polling)", words, not extra)


def _writes(stage: Stage) -> Counter[tuple[str, str]]:
    """Every request that changed something, by tool: searches that use POST do not."""
    found: Counter[tuple[str, str]] = Counter()
    for tool, url in stage.urls.items():
        for method, path in stage.client.get(f"{url}/_simulator/requests").json():
            reads = method in ("GET", "HEAD") or path.endswith(("/search/jql", "/bulkfetch", "/oauth_token.do"))
            if not reads and not path.endswith("/api/v2/alerts"):
                found[tool, f"{method} {path}"] += 1
    return found


def _copies_and_journal(stage: Stage) -> tuple[list[Check], Check]:
    checks: list[Check] = []
    with engine_of(str(stage.folder)) as engine:
        compared = list(compare(engine))
        for name in ("snow", "jira", "pager"):
            mine = [one for one in compared if one.connection == name]
            different = {f"{one.key} {field}": pair for one in mine for field, pair in one.differ.items()}
            missing = [one.key for one in mine if one.missing]
            fields = sum(one.fields for one in mine)
            words = f"{len(mine)} copies, {fields} fields equal"
            if different or missing:
                words = f"differ: {different} missing: {missing}"
            checks.append(Check(f"copies in {name}, read again", words, bool(mine) and not different and not missing))
        verified = journal.verify(engine.store)
    return checks, Check("journal", f"{verified.count} entries, chain whole", verified.count > 0)


def _duplicates(stage: Stage) -> Check:
    incidents = len(stage.listed("incidents"))
    counts: dict[str, Any] = {
        "ServiceNow": len(stage.act("servicenow", "list")),
        "Jira": len(stage.act("jira", "list", project="OPS")),
        "PagerDuty": len(stage.act("pagerduty", "list")),
    }
    words = f"{incidents} incidents; " + ", ".join(f"{tool} {count}" for tool, count in counts.items())
    return Check("duplicates", words, all(count == incidents for count in counts.values()))


def _boards(stage: Stage) -> Check:
    """What the tickets of the first incident say of its alerts, against Alertmanager's own list."""
    fires = stage.client.get(f"{stage.urls['alertmanager']}/api/v2/alerts").json()
    names = sorted(one["labels"]["instance"] for one in fires if one["labels"].get("service") == "checkout")
    boards = Story(stage, lambda _words, _seconds: None).boards("INC-1")
    wanted = f"{len(names)} alerts fire now"
    right = [tool for tool, said in boards.items() if said.count("fire now") == said.count(wanted) == 1]
    words = f"{wanted}, in {', '.join(right)}" if right else "in no ticket"
    return Check("which alerts fire, as the tickets say it", words, len(names) == 3 and len(right) == len(boards))


def _silences(stage: Stage) -> Check:
    found = stage.client.get(f"{stage.urls['alertmanager']}/api/v2/silences").json()
    active = [one for one in found if one["status"]["state"] == "active"]
    return Check("silences left behind", f"{len(active)} of {len(found)}", bool(found) and not active)
