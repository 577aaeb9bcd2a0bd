"""The state of everything in a few figures.

Of a daemon that works it tells what that runs, which is not always what the file says: whoever edited it has still to
reload, or was refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field

from tieline.core.arguments import Answer, Ask
from tieline.core.config import Config
from tieline.core.model import ConnectionName
from tieline.core.shown import Note, Part, Table
from tieline.core.store import engines, volume
from tieline.core.views import Moment, Row, Sparse
from tieline.sync import explain
from tieline.sync.daemon import elsewhere
from tieline.sync.daemon.heartbeat import Life, ago
from tieline.sync.daemon.running import Loaded, loaded
from tieline.sync.office import projecting
from tieline.sync.office.look import EngineLook
from tieline.sync.views import jobs
from tieline.sync.views.at_work import at_work
from tieline.sync.views.waiting import Doubted


class Status(Ask):
    """It is told nothing."""


class ReloadRefused(Row):
    """A reload that a worker refused."""

    worker: str
    at: Moment
    reason: str
    sentence: str


class WorkerSeen(Row):
    """The last sign of a worker."""

    worker: str
    running: bool
    seen_seconds_ago: int


class StoreLeft(Row):
    """A store that a daemon works on, and the file does not name any more."""

    store: str
    sentence: str


class DaemonSeen(Row):
    """Whether a daemon works on the store."""

    running: bool
    refused: str
    seen_seconds_ago: int | None
    sentence: str
    reload_refused: tuple[ReloadRefused, ...]
    workers: tuple[WorkerSeen, ...]
    elsewhere: tuple[StoreLeft, ...]

    def shown(self) -> Iterator[str]:
        yield self.sentence
        yield from (one.sentence for one in self.elsewhere)
        for one in self.reload_refused:
            yield f"Worker {one.worker}: {one.sentence}" if len(self.workers) > 1 else one.sentence


class RoleSeen(Row):
    """What is done beside the daemon, and by how many processes. `since` is when the last one gave a sign, where it is
    missing; `sentences` say what is wrong with it and what to do."""

    role: str
    running: int
    missing: bool
    since: Moment | None
    sentences: tuple[str, ...]


class Flapping(Row):
    """An alert that flaps."""

    incident: str
    title: str
    flaps: int
    held_until: Moment | None


class StillFiring(Row):
    """An incident that is over, of which alerts fire."""

    incident: str
    title: str
    status: str
    alerts: int
    raised_again_at: Moment | None


class LeftOut(Row):
    """Records that a source told of and that were left out."""

    records: int
    since: Moment
    last_at: Moment
    why: str
    sentence: str


class NotKept(Row):
    """A field that a tool was not told, or did not keep."""

    field: str
    kind: str
    copies: int
    sentence: str

    def told(self) -> str:
        copies = "one copy" if self.copies == 1 else f"{self.copies} copies"
        return f"{self.field} is not kept in {copies}: {self.sentence}"


class UnknownWord(Row):
    """A word for a severity that nobody knows."""

    word: str
    alerts: int
    sentence: str


class ConnectionNow(Sparse):
    """How a connection is."""

    polled_seconds_ago: int | None
    state: str
    reason: str
    since: Moment | None = None
    next_try_at: Moment | None = None
    doubt: Doubted | None = None
    severity_unknown: tuple[UnknownWord, ...] = ()
    left_out: LeftOut | None = None
    held: tuple[NotKept, ...] = ()
    risks: tuple[str, ...]
    file_says: str
    last_state: str = ""
    only_listens: bool = Field(exclude=True)

    def row(self, name: str, now: datetime) -> tuple[str, str, str]:
        """Its state, with when it is tried next where it waits or is stopped, and when it was asked."""
        state = self.state
        if self.next_try_at is not None and state != "working":
            seconds = int((self.next_try_at - now).total_seconds())
            state = f"{state}, tried next " + (f"in {seconds} s" if seconds > 0 else "now")
        if self.only_listens:
            return name, state, "webhooks only"
        asked = self.polled_seconds_ago
        return name, state, "never" if asked is None else f"{ago(timedelta(seconds=asked))} ago"

    def what_to_do(self) -> Iterator[str]:
        """Sentences for whoever looks after it."""
        told = (one.sentence for one in (self.doubt, self.left_out) if one is not None)
        yield from filter(None, (self.reason, self.file_says, *told))
        yield from (one.told() for one in self.held)
        yield from (one.sentence for one in self.severity_unknown)
        yield from self.risks


class FileProblem(Row):
    """A problem of the file as it is now."""

    file: str
    line: int
    column: int
    code: str
    what: str
    fix: str


class StatusShown(Answer):
    """The state of everything, counted over what whoever asks sees. What is of no item yet is counted for whoever reads
    all of its connection; of the file, and of those who work, whoever reads everything is told."""

    daemon: DaemonSeen
    roles: tuple[RoleSeen, ...] = Field(description="What is done beside the daemon: by plugins, and for people.")
    stalled: tuple[str, ...] = Field(
        description="What does not go on although somebody does it; for whoever reads everything."
    )
    counted_over: str = Field(description="What they see, and the figures count: everything, or scopes.")
    incidents_open: int = Field(description="Incidents that are not over.")
    flapping: tuple[Flapping, ...]
    resolved_while_firing: tuple[StillFiring, ...]
    signals_firing: int = Field(description="Alerts that fire.")
    signals_left_out: int = Field(description="Alerts that sources told of and that were left out, of no incident.")
    inbox_waiting: int = Field(description="Records that wait to be read, whatever they belong to.")
    copies_gone: int = Field(description="Copies of open items that were deleted over there.")
    copies_behind: int = Field(description="Copies that wait to be written.")
    oldest_undelivered_seconds: int = Field(description="Since when the first of those waits.")
    parked: int = Field(description="What was put aside and waits for a person.")
    conflicts: int = Field(description="Fields that wait for a person.")
    severity_unknown: int = Field(description="Alerts that fire with a word that nobody knows for how bad they are.")
    ends_doubted: int = Field(description="Alerts that are no longer listed and not taken for ended.")
    jobs_running: int = Field(description="Jobs that run.")
    jobs_stuck: int = Field(description="Those of which a step takes longer than it may.")
    jobs_parked: int = Field(description="Jobs that wait for a person.")
    connections: dict[ConnectionName, ConnectionNow]
    plugins_set_aside: dict[str, str] = Field(
        description="Plugins whose tables a newer version makes, each with what to do about it."
    )
    file_problems: tuple[FileProblem, ...]
    file: str = Field(exclude=True)
    now: datetime = Field(exclude=True)
    is_wide: bool = Field(exclude=True)

    def shown(self) -> Sequence[Part]:
        figures = [
            (name.replace("_", " "), str(value))
            for name, value in self
            if type(value) is int and (value or not name.startswith("jobs_"))
        ]
        connections = [one.row(name, self.now) for name, one in self.connections.items()]
        refused = [_refused(self.file, len(self.file_problems), running=self.daemon.running)]
        return (
            *self.daemon.shown(),
            *(f"{words[:1].upper()}{words[1:]}" for one in self.roles for words in one.sentences),
            *self.stalled,
            *(refused if self.file_problems else ()),
            Table("Tieline", ["what", "now"], figures),
            *([] if self.is_wide else [f"Counted over what you see: {self.counted_over}."]),
            Table("Connections", ["connection", "state", "polled"], connections, "no connections are configured"),
            *(Note(name, sentence) for name, one in self.connections.items() for sentence in one.what_to_do()),
            *(Note(name, f"{sentence}.") for name, sentence in self.plugins_set_aside.items()),
            *self._alerts(),
        )

    def _alerts(self) -> Iterator[Table]:
        if self.flapping:
            rows = [(one.incident, one.title, str(one.flaps), _until(one.held_until)) for one in self.flapping]
            yield Table("Alerts that flap", ["incident", "alert", "flaps", "held until"], rows)
        if self.resolved_while_firing:
            again = [
                (
                    one.incident,
                    one.title,
                    one.status,
                    str(one.alerts),
                    "not" if one.raised_again_at is None else _until(one.raised_again_at),
                )
                for one in self.resolved_while_firing
            ]
            columns = ["incident", "title", "status", "alerts", "raised again at"]
            yield Table("Over, and still firing", columns, again)


def _refused(file: str, problems: int, *, running: bool) -> str:
    many = "one problem, which stands" if problems == 1 else f"{problems} problems, which stand"
    goes_on = "The daemon goes on with what it read before; none would start with this." if running else ""
    return f"{file} is refused as it is now, for {many} below. {goes_on or 'No daemon starts with it.'}"


def _until(moment: datetime | None) -> str:
    return "not held" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S UTC")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the connections: what the daemon runs (None: none does, or it does not say) and what the file
    says (None: it is refused)."""

    file: str
    at_work: Mapping[str, Loaded] | None
    written: Mapping[str, Loaded] | None

    def of(self, name: str) -> Loaded | None:
        """The connection as it is at work, or else as it would be."""
        return (self.at_work if self.at_work is not None else self.written or {}).get(name)

    @property
    def names(self) -> list[str]:
        return [*dict.fromkeys([*(self.at_work or ()), *(self.written or ())])]

    def is_left_out(self, name: str) -> bool:
        """True for one that nobody has any more, as far as that can be told."""
        told = [one for one in (self.at_work, self.written) if one is not None]
        return bool(told) and not any(name in one for one in told)

    def is_not_loaded(self, name: str) -> bool:
        """True for one that the file has, and the daemon at work has not."""
        return self.at_work is not None and name not in self.at_work and name in (self.written or ())

    def difference(self, name: str) -> str:
        """What the file says of a connection that is at work, where that is something else; "" where it is not."""
        if self.at_work is None or self.written is None or name not in self.at_work:
            return ""
        if name not in self.written:
            return f"{self.file} no longer has it; the daemon goes on with it until it has read that (SIGHUP)."
        if self.written[name] != self.at_work[name]:
            return f"{self.file} says something else of it by now; the daemon reads that on SIGHUP."
        return ""


def status(look: EngineLook, _ask: Status) -> StatusShown:
    """The state of everything in a few figures. Exit code 1 while no daemon works on the store, the store takes no
    writes of it, or what is to run beside it is missing; 3 while the file is refused."""
    team = at_work(look, unwritable=_unwritable(look.config))
    daemon = team.daemon
    found = explain.status(look.seen_in, look.now, look.sight)
    for one in (*found["flapping"], *found["resolved_while_firing"]):
        # Whoever reads what is restricted is journalled, and the status is to be seen where nothing can be written.
        one["title"] = "" if look.sight.labelled(one["incident"]) is not None else one["title"]
    _tell_of_connections(found["connections"], _known(look, daemon), running=daemon.running)
    wide = look.sight.is_wide
    file = look.config.file.name
    left = [{"store": one, "sentence": elsewhere.sentence(one, file)} for one in look.outside.stores_left]
    seen = {**daemon.facts(), "elsewhere": left} if wide else {**daemon.facts(), **_OF_THE_WORKSPACE}
    problems = [asdict(one) for one in look.outside.problems] if wide else []
    offers = look.offers.by_group.values() if wide else ()
    found["plugins_set_aside"] = projecting.set_aside(look.seen_in, offers)
    told = {
        **found,
        **jobs.counted(look.seen_in, look.sight, look.now),
        "daemon": seen,
        "roles": [
            {
                "role": one.role,
                "running": one.running,
                "missing": one.is_missing,
                "since": one.since,
                "sentences": one.sentences,
            }
            for one in team.roles
        ],
        "stalled": team.stalled,
        "counted_over": look.sight.words,
        "file_problems": problems,
    }
    return StatusShown.model_validate({**told, "file": file, "now": look.now, "is_wide": wide})


def of_connections(look: EngineLook, daemon: Life) -> Mapping[ConnectionName, ConnectionNow]:
    """How each connection is, and nothing of what else there is to count."""
    found = explain.of_connections(look.seen_in, look.now, look.sight).facts
    _tell_of_connections(found, _known(look, daemon), running=daemon.running)
    return {ConnectionName(name): ConnectionNow.model_validate(one) for name, one in found.items()}


_OF_THE_WORKSPACE: Final[Mapping[str, tuple[()]]] = {"reload_refused": (), "workers": (), "elsewhere": ()}
"""What is left out of what is told of the daemon, for whoever reads within a scope only."""


def _unwritable(config: Config) -> str:
    """Why nobody can write into the store, as far as that shows from outside; "" where it does not."""
    file = engines.file_of(config.store)
    words = volume.trouble(file) if file is not None else ""
    return f"{config.store}: {words}." if words else ""


def _known(look: EngineLook, daemon: Life) -> Known:
    written = {str(name): loaded(one) for name, one in look.config.connections.items()}
    seen = explain.connections(look.seen_in, look.sight, {*written, *(daemon.connections or ())})

    def theirs(connections: Mapping[str, Loaded]) -> Mapping[str, Loaded]:
        return {name: one for name, one in connections.items() if name in seen}

    at_work = None if daemon.connections is None else theirs(daemon.connections)
    return Known(look.config.file.name, at_work, None if look.outside.problems else theirs(written))


def _tell_of_connections(found: dict[str, dict[str, Any]], known: Known, *, running: bool) -> None:
    """Complete what the store says of each connection by what the daemon runs, and by what the file says."""
    for name in known.names:
        found.setdefault(name, explain.not_started())
    for name, one in found.items():
        at_work = None if known.is_not_loaded(name) else known.of(name)
        one["risks"] = [] if at_work is None else list(at_work.risks)
        one["file_says"] = known.difference(name)
        at_work = known.of(name)
        one["only_listens"] = at_work is not None and at_work.only_listens
        if known.is_left_out(name):
            # What was said of it stands in the store, and nobody says anything of it any more.
            gone = f"{known.file} has no such connection: a daemon that has read it neither asks nor writes there."
            one.update(last_state=one["state"], state="not configured", reason=gone, next_try_at=None)
        elif not running:
            # What the last daemon said of it holds no longer: nobody tries.
            one.update(last_state=one["state"], state="not running", next_try_at=None)
        elif known.is_not_loaded(name):
            waits = f"{known.file} has it, and the daemon has not read that yet: it does on SIGHUP."
            one.update(last_state=one["state"], state="not loaded", reason=waits, next_try_at=None)
