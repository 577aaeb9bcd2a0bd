"""`tieline status`: the state of everything in a few figures.

It reads the store and works while the daemon is down. Of a daemon that works it tells what that runs, which is not
always what the file says: whoever edited it has still to reload, or was refused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import click

from tieline.cli.accounts import account, owns_store
from tieline.cli.open import clock, configuration_to_look, moment, store_of, unwritable
from tieline.cli.output import emit, json_option, note, say, table
from tieline.cli.rights import Asker
from tieline.core.config import Config
from tieline.core.errors import ConfigError, Problem
from tieline.core.store.store import Store
from tieline.sync import explain
from tieline.sync.daemon import elsewhere
from tieline.sync.daemon.heartbeat import Life, ago, life
from tieline.sync.daemon.running import Loaded, loaded


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


@click.command()
@json_option
@click.pass_obj
def status(workspace: str, as_json: bool) -> None:
    """The state of everything in a few figures. Exit code 1 while no daemon works on the store, or the store takes no
    writes of it; 3 while the file is refused."""
    config, problems = configuration_to_look(workspace)
    with _looking_into(config, problems) as store:
        now = moment(config, store)
        who = Asker(account(), owns_store(config), now)
        with store.read() as connection:
            daemon = life(connection, now, unwritable=unwritable(config))
            shown = explain.status(connection, now, who.sight(connection))
            found = {"daemon": {**daemon.facts(), **_elsewhere(config)}, **shown}
    known = _known(config, daemon, refused=bool(problems))
    _tell_of_connections(found["connections"], known, running=daemon.running)
    found["file_problems"] = [asdict(one) for one in problems]
    if as_json:
        emit(found)
    else:
        _show(found, known, now)
        for problem in problems:
            say(problem, err=True)
    sys.exit(3 if problems else 0 if daemon.running and not daemon.refused else 1)


@contextmanager
def _looking_into(config: Config, problems: Sequence[Problem]) -> Iterator[Store]:
    """The store. Raises ConfigError where there is none, with the file's own problems first: it may be named there."""
    try:
        with store_of(config, sealed=True) as store:
            yield store
    except ConfigError as error:
        missing = [_with_what_may_still_run(config, one) for one in error.problems]
        raise ConfigError([*problems, *missing], "there is nothing to show") from error


def _elsewhere(config: Config) -> dict[str, Any]:
    """The stores that daemons still work on which the file named before."""
    left = elsewhere.stores_left(config, clock().now())
    return {"elsewhere": [{"store": one, "sentence": elsewhere.sentence(one, config.file.name)} for one in left]}


def _with_what_may_still_run(config: Config, problem: Problem) -> Problem:
    if problem.code != "STORE007":
        return problem
    told = " ".join(one["sentence"] for one in _elsewhere(config)["elsewhere"])
    still = told or "A daemon that was started before `store` was changed goes on with the one that it named."
    return replace(problem, fix=f"{problem.fix} {still}")


def _known(config: Config, daemon: Life, *, refused: bool) -> Known:
    written = None if refused else {str(name): loaded(one) for name, one in config.connections.items()}
    return Known(config.file.name, daemon.connections, written)


def _tell_of_connections(found: dict[str, dict[str, Any]], known: Known, *, running: bool) -> None:
    """Complete what the store says of each connection by what the daemon runs, and by what the file says."""
    for name in known.names:
        found.setdefault(name, explain.not_started())
    for name, one in found.items():
        at_work = None if known.is_not_loaded(name) else known.of(name)
        one["risks"] = [] if at_work is None else list(at_work.risks)
        one["file_says"] = known.difference(name)
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


def _show(found: dict[str, Any], known: Known, now: datetime) -> None:
    daemon = found.pop("daemon")
    say(daemon["sentence"])
    for one in daemon["elsewhere"]:
        say(one["sentence"])
    several = len(daemon["workers"]) > 1
    for one in daemon["reload_refused"]:
        say(f"Worker {one['worker']}: {one['sentence']}" if several else one["sentence"])
    if refused := found.pop("file_problems"):
        say(_refused(known.file, len(refused), running=daemon["running"]))
    connections, flapping = found.pop("connections"), found.pop("flapping")
    unheeded = found.pop("resolved_while_firing")
    table("Tieline", ["what", "now"], [(name.replace("_", " "), str(value)) for name, value in found.items()], empty="")
    rows = [
        (name, _state(one, now), _polled(one["polled_seconds_ago"], known.of(name)))
        for name, one in connections.items()
    ]
    table("Connections", ["connection", "state", "polled"], rows, empty="no connections are configured")
    for name, one in connections.items():
        for sentence in _what_to_do(one):
            note(name, sentence)
    if flapping:
        _flapping(flapping)
    if unheeded:
        _unheeded(unheeded)


def _refused(file: str, problems: int, *, running: bool) -> str:
    many = "one problem, which stands" if problems == 1 else f"{problems} problems, which stand"
    goes_on = "The daemon goes on with what it read before; none would start with this." if running else ""
    return f"{file} is refused as it is now, for {many} below. {goes_on or 'No daemon starts with it.'}"


def _state(one: dict[str, Any], now: datetime) -> str:
    """The state's word; with when it is tried next, where it waits or is stopped."""
    at = one.get("next_try_at")
    if at is None or one["state"] == "working":
        return str(one["state"])
    seconds = int((at - now).total_seconds())
    return f"{one['state']}, tried next " + (f"in {seconds} s" if seconds > 0 else "now")


def _polled(seconds: int | None, known: Loaded | None) -> str:
    if known is not None and known.only_listens:
        return "webhooks only"
    return "never" if seconds is None else f"{ago(timedelta(seconds=seconds))} ago"


def _flapping(found: list[dict[str, Any]]) -> None:
    rows = [(one["incident"], one["title"], str(one["flaps"]), _until(one["held_until"])) for one in found]
    table("Alerts that flap", ["incident", "alert", "flaps", "held until"], rows, empty="")


def _unheeded(found: list[dict[str, Any]]) -> None:
    rows = [
        (
            one["incident"],
            one["title"],
            one["status"],
            str(one["alerts"]),
            "not" if one["raised_again_at"] is None else _until(one["raised_again_at"]),
        )
        for one in found
    ]
    table("Over, and still firing", ["incident", "title", "status", "alerts", "raised again at"], rows, empty="")


def _until(moment: datetime | None) -> str:
    return "not held" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _what_to_do(one: dict[str, Any]) -> Iterator[str]:
    sentences = (one.get(told, {}).get("sentence") for told in ("doubt", "left_out"))
    yield from filter(None, (one["reason"], one["file_says"], *sentences))
    for held in one.get("held", ()):
        copies = "one copy" if held["copies"] == 1 else f"{held['copies']} copies"
        yield f"{held['field']} is not kept in {copies}: {held['sentence']}"
    yield from (said["sentence"] for said in one.get("severity_unknown", ()))
    yield from one["risks"]
