"""What people do in the tools, step by step, and what all tools must show afterwards, whatever became of the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.crash.process import Rest
from tests.crash.tools import SILENT, TOOLS, Tools

from tieline.core.model import Audience
from tieline.core.port import Ref
from tieline.sync.records import ReplicaState

DISK: Final = "Disk full on db1"
MAIL: Final = "Mail is slow"
MAIL_AGAIN: Final = "Mails arrive late"
ALERT: Final = "HighLatency"


@dataclass
class Ledger:
    """What people wrote: it must be there in the end, in every copy that was not deleted or merged away."""

    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    absent: set[tuple[str, str]] = field(default_factory=set)
    """Tool and title of the records that people took away."""
    quiet: bool = False
    """Whether the alert should be silenced at its source."""
    episode: Ref | None = None


Deed = Callable[[Tools, Ledger], None]


def _edit(tool: str, title: str, **values: Any) -> Deed:
    def act(tools: Tools, ledger: Ledger) -> None:
        tools.tools[tool].edit(tools.find(tool, title).ref, **values)
        ledger.fields.setdefault(title, {}).update(values)

    return act


def _open(tool: str, title: str, **values: Any) -> Deed:
    def act(tools: Tools, ledger: Ledger) -> None:
        tools.tools[tool].make({"title": title, "status": "new", **values})
        ledger.fields[title] = {"title": title, "status": "new", **values}

    return act


def _remark(tool: str, title: str, words: str, audience: Audience = Audience.STAFF) -> Deed:
    def act(tools: Tools, ledger: Ledger) -> None:
        tools.tools[tool].comment(tools.find(tool, title).ref, words, audience, author="somebody")
        ledger.remarks.setdefault(title, []).append(words)

    return act


def _merge(tool: str, title: str, into: str) -> Deed:
    def act(tools: Tools, ledger: Ledger) -> None:
        tools.tools[tool].merge(tools.find(tool, title).ref, tools.find(tool, into).ref)
        ledger.absent.add((tool, title))

    return act


def _move(tool: str, title: str, key: str) -> Deed:
    def act(tools: Tools, ledger: Ledger) -> None:
        tools.tools[tool].move(tools.find(tool, title).ref, key)

    return act


def _delete(tool: str, title: str) -> Deed:
    def act(tools: Tools, ledger: Ledger) -> None:
        tools.tools[tool].delete(tools.find(tool, title).ref)
        ledger.absent.add((tool, title))

    return act


def _fire(tools: Tools, ledger: Ledger) -> None:
    ledger.episode = tools.alerts.fire({"alertname": ALERT, "service": "shop", "severity": "critical"})
    ledger.fields[ALERT] = {}


def _end(tools: Tools, ledger: Ledger) -> None:
    if ledger.episode is None:
        raise LookupError("nothing fires")
    tools.alerts.end(ledger.episode)
    ledger.quiet = False
    # The engine resolves what its alert opened; nobody had to write it.
    ledger.fields[alert_title(tools, "left")]["status"] = "resolved"


def _take(tools: Tools, ledger: Ledger) -> None:
    _edit("right", alert_title(tools, "right"), status="in_progress", assignee="person-1")(tools, ledger)
    ledger.quiet = True


def alert_title(tools: Tools, tool: str) -> str:
    """What the record that the alert opened is called."""
    return next(str(row.body["title"]) for row in tools.rows(tool) if ALERT in str(row.body["title"]))


@dataclass(frozen=True)
class Step:
    """One thing that happens while the engine is away; then it starts, and works until it rests."""

    words: str
    deeds: tuple[Deed, ...]


STEPS: Final = (
    Step("a person opens an incident", (_open("left", DISK, severity="high", description="/var is full"),)),
    Step(
        "three people edit it in three tools at once",
        (
            _edit("left", DISK, priority="p2"),
            _edit("middle", DISK, description="**/var** is full"),
            _edit("right", DISK, tags=["db", "storage"]),
        ),
    ),
    Step(
        "people comment, for each other and for everybody",
        (
            _remark("left", DISK, "looking at it"),
            _remark("right", DISK, "we are on it", Audience.CUSTOMERS),
            _remark("middle", DISK, "logs are growing"),
        ),
    ),
    Step("somebody takes it", (_edit("middle", DISK, status="in_progress", assignee="person-2"),)),
    Step("an alert fires", (_fire,)),
    Step("somebody takes the alert's incident, which quiets the alert", (_take,)),
    Step("it ends", (_end,)),
    Step("two people report one thing in two tools", (_open("left", MAIL), _open("right", MAIL_AGAIN))),
    Step(
        "one report is merged into the other",
        (_merge("left", MAIL_AGAIN, MAIL), _edit("middle", MAIL, category="mail")),
    ),
    Step("a record moves to another place", (_move("middle", DISK, "OPS-77"), _edit("left", DISK, team="storage"))),
    Step("a record is deleted", (_delete("right", MAIL), _edit("left", MAIL, service="post"))),
    Step(
        "it is resolved",
        (
            _edit("right", DISK, status="resolved", close_code="fixed", close_notes="old logs removed"),
            _remark("left", DISK, "thank you"),
        ),
    ),
)


def meanwhile(tools: Tools, ledger: Ledger) -> None:
    """What a person does in one tool while the engine is dead, to records that it may just have made or changed."""
    for row in tools.rows(SILENT):
        title = str(row.body["title"])
        tools.tools[SILENT].edit(row.ref, hold_reason="seen meanwhile", priority="p1")
        ledger.fields.setdefault(title, {}).update(hold_reason="seen meanwhile", priority="p1")


def findings(tools: Tools, ledger: Ledger, rest: Rest) -> list[str]:
    """What is not as it must be, a sentence each."""
    found = [*_records(tools, ledger), *_comments(tools, ledger), *_store(rest)]
    if ledger.episode is not None:
        quiet = bool(tools.alerts.firing[ledger.episode].quiet) if ledger.episode in tools.alerts.firing else False
        if quiet is not ledger.quiet:
            found.append(f"the alert is {'silenced' if quiet else 'not silenced'} at its source")
    return found


def _records(tools: Tools, ledger: Ledger) -> list[str]:
    found = []
    for title, written in ledger.fields.items():
        shown: list[Mapping[str, Any]] = []
        for name in TOOLS:
            bodies = [row.body for row in tools.rows(name) if title in str(row.body["title"])]
            expected = 0 if (name, title) in ledger.absent else 1
            if len(bodies) != expected:
                found.append(f"{name} shows {len(bodies)} records called {title!r}, not {expected}")
            shown += bodies
        for body in shown:
            missing = {key: value for key, value in written.items() if _plain(body.get(key)) != _plain(value)}
            if missing:
                found.append(f"lost: {title!r} should show {missing}, and one copy shows {dict(body)}")
        if any(_meaning(body) != _meaning(shown[0]) for body in shown):
            found.append(f"the copies of {title!r} differ: {shown}")
    known = set(ledger.fields)
    for name in TOOLS:
        strays = [row.body["title"] for row in tools.rows(name) if not any(t in str(row.body["title"]) for t in known)]
        if strays:
            found.append(f"{name} shows records that nobody made: {strays}")
    return found


def _comments(tools: Tools, ledger: Ledger) -> list[str]:
    found = []
    for title, remarks in ledger.remarks.items():
        for name in TOOLS:
            if (name, title) in ledger.absent:
                continue
            notes = Counter(
                remark for note in tools.find(name, title).notes for remark in remarks if remark in note.text
            )
            found += [
                f"{name} shows the comment {remark!r} {notes[remark]} times" for remark in remarks if notes[remark] != 1
            ]
    return found


def _store(rest: Rest) -> list[str]:
    found = [f"parked: {sentence}" for sentence in rest.parked]
    found += [f"a conflict waits: {words}" for words in rest.conflicts]
    if rest.written_idle:
        found.append(f"{rest.written_idle} writes while nothing happened")
    for incident, copies in rest.incidents:
        unfinished = [copy for copy in copies if copy.dirty or copy.ledger or copy.state is ReplicaState.IN_DOUBT]
        found += [f"the copy of INC-{incident.id} in {copy.connection} is unfinished" for copy in unfinished]
    return found


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def _meaning(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _plain(value) for key, value in body.items() if value not in (None, "", [])}
