"""Commands that decide: settle conflicts, release what is parked, change an incident, comment on it.

They work on the store, beside a running daemon; its lanes find what changed within a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from tieline.cli.acts import command
from tieline.cli.open import clock, configuration, engine_on, moment, store_of
from tieline.cli.output import emit, json_option, note, say, table
from tieline.cli.rights import About, Asked, Asker, asker, asking, tell_of_reading
from tieline.core.access import Subject
from tieline.core.acts import Act
from tieline.core.arguments import Ask
from tieline.core.model import IncidentId
from tieline.core.store.store import Transaction
from tieline.sync import explain
from tieline.sync.daemon import elsewhere
from tieline.sync.daemon.heartbeat import life
from tieline.sync.engine import Engine
from tieline.sync.office import own
from tieline.sync.office.office import Office, Performed
from tieline.sync.office.subjects import subject


@contextmanager
def engine_of(workspace: str) -> Iterator[Engine]:
    """An engine without lanes: enough to look at everything as the daemon does."""
    config, registry = configuration(workspace)
    with store_of(config) as store:
        yield engine_on(config, store, registry)
        registry.close()


@contextmanager
def changing(workspace: str, right: str, about: About) -> Iterator[tuple[Engine, Asked]]:
    """An engine for one change, by whoever has the right to it; says so where no daemon runs that would carry the
    change on."""
    with permitted(workspace, right, about) as (engine, asked):
        yield engine, asked
        _say_whether_it_waits(engine)


@contextmanager
def permitted(workspace: str, right: str, about: About) -> Iterator[tuple[Engine, Asked]]:
    """The same, for what need not be a change."""
    config, registry = configuration(workspace)
    with store_of(config) as store, asking(config, store, right, about) as (guarded, asked):
        yield engine_on(config, guarded, registry), asked
        registry.close()


def _say_whether_it_waits(engine: Engine) -> None:
    with engine.store.read() as connection:
        daemon = life(connection, moment(engine.config, engine.store))
    if not daemon.running:
        say(f"This waits in the store: {daemon.sentence()}", err=True)
        for address in elsewhere.stores_left(engine.config, clock().now()):
            say(elsewhere.sentence(address, engine.config.file.name), err=True)


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def conflicts(ctx: click.Context, as_json: bool) -> None:
    """Fields that wait for a person, oldest first."""
    if ctx.invoked_subcommand is not None:
        return
    config, _registry = configuration(ctx.obj)
    with store_of(config) as store:
        who = asker(config, store)
        with store.read() as connection:
            sight = who.sight(connection)
            found = explain.conflicts(connection, sight)
        tell_of_reading(store, who, sight, [one.incident for one in found])
    rows = [
        {
            "incident": sight.called(one.incident, one.number),
            "field": one.field,
            "connection": one.connection,
            "kind": one.hold.kind.value,
            "ours": one.hold.ours,
            "theirs": one.hold.theirs,
            "since": one.hold.since,
            "what_to_do": one.hold.sentence(),
        }
        for one in found
    ]
    if as_json:
        emit(rows)
        return
    table(
        "Conflicts",
        ["incident", "field", "connection", "why", "incident says", "tool says"],
        [
            (
                row["incident"],
                row["field"],
                row["connection"],
                row["kind"],
                row["ours"],
                row["theirs"],
            )
            for row in rows
        ],
        empty="no conflicts: nothing waits for a person",
    )
    for row in rows:
        note(f"{row['incident']} {row['field']}", str(row["what_to_do"]))


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def parked(ctx: click.Context, as_json: bool) -> None:
    """Records that wait for a person, and the sentence that says what is missing."""
    if ctx.invoked_subcommand is not None:
        return
    config, _registry = configuration(ctx.obj)
    with store_of(config) as store:
        who = asker(config, store)
        with store.read() as connection:
            sight = who.sight(connection)
            found = explain.parked(connection, sight)
        tell_of_reading(store, who, sight, [one.incident for one in found])
    rows = [
        {
            "what": one.what,
            "id": one.id,
            "incident": sight.called(one.incident, one.number),
            "connection": one.connection,
            "sentence": one.sentence,
        }
        for one in found
    ]
    if as_json:
        emit(rows)
        return
    table(
        "Parked",
        ["what", "id", "incident", "connection"],
        [(row["what"], row["id"], row["incident"], row["connection"]) for row in rows],
        empty="nothing is parked",
    )
    for row in rows:
        note(f"{row['what']} {row['id']}", str(row["sentence"]))


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def doubts(ctx: click.Context, as_json: bool) -> None:
    """Alerts that a source no longer lists, too many at once for them to be taken for ended."""
    if ctx.invoked_subcommand is not None:
        return
    config, _registry = configuration(ctx.obj)
    with store_of(config) as store:
        who = asker(config, store)
        with store.read() as connection:
            found = explain.doubts(connection, who.sight(connection))
    if as_json:
        emit(
            [
                {"connection": name, **explain.doubt_as_facts(name, doubt), "episodes": sorted(doubt.episodes)}
                for name, doubt in found.items()
            ]
        )
        return
    table(
        "Doubts",
        ["connection", "missing", "of", "since (UTC)"],
        [(name, len(doubt.episodes), doubt.of, doubt.since) for name, doubt in sorted(found.items())],
        empty="no ends are doubted: every source is believed",
    )
    for name, doubt in sorted(found.items()):
        note(name, doubt.sentence(name))


def _perform(workspace: str, act: Act, ask: Ask, key: str) -> Performed:
    def about(asker: Asker, tx: Transaction) -> tuple[Subject, IncidentId | None]:
        return subject(act, ask, tx, asker.sight(tx))

    with permitted(workspace, act.right(ask), about) as (engine, asked):
        done = Office(engine, own.OWN, asked.asker.sight).do(act, ask, actor=asked.asker.someone, key=key)
        if done.seq is not None:
            _say_whether_it_waits(engine)
    return done


edit = command(own.OWN["edit"], _perform)
comment = command(own.OWN["comment"], _perform)
conflicts.add_command(command(own.OWN["conflicts settle"], _perform))
parked.add_command(command(own.OWN["parked retry"], _perform))
doubts.add_command(command(own.OWN["doubts confirm"], _perform))
