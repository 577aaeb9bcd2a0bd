"""Commands that decide: settle conflicts, release what is parked, change an incident, comment on it.

They work on the store, beside a running daemon; its lanes find what changed within a second.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import click

from tieline.cli.open import clock, configuration, moment, store_of
from tieline.cli.output import brief, emit, json_option, note, say, table
from tieline.cli.rights import About, Asked, Asker, asker, asking, of_incident, tell_of_reading
from tieline.core.access import STORE, Subject
from tieline.core.config import Config
from tieline.core.model import (
    CATALOGUE,
    ConnectionName,
    Fields,
    FieldSpec,
    FieldType,
    IncidentId,
    Value,
    Visibility,
    instant,
)
from tieline.core.registry import Registry
from tieline.core.settings import no_such
from tieline.core.store.store import Store, Transaction
from tieline.core.values import parse
from tieline.mappings.board import ALERTS
from tieline.sync import explain, loading
from tieline.sync.alerts import absence
from tieline.sync.build import build
from tieline.sync.comments import comments
from tieline.sync.daemon import elsewhere
from tieline.sync.daemon.heartbeat import life
from tieline.sync.engine import Engine
from tieline.sync.records import Incident
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason
from tieline.sync.sight import of_connection, records_of, subject_of


@contextmanager
def engine_of(workspace: str) -> Iterator[Engine]:
    """An engine without lanes: enough to look at everything as the daemon does."""
    config, registry = configuration(workspace)
    with store_of(config) as store:
        yield _engine_on(store, config, registry)
        registry.close()


def _engine_on(store: Store, config: Config, registry: Registry) -> Engine:
    """An engine without lanes: enough to change the store as the daemon would."""
    return build(
        config,
        store,
        registry,
        clock=clock(),
        sleep=lambda _seconds: None,
        wake=lambda _name: None,
        dice=random.Random(),  # noqa: S311 - spreads retries, guards nothing
        is_command=True,
    )


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
        yield _engine_on(guarded, config, registry), asked
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


@conflicts.command()
@click.argument("incident")
@click.argument("field")
@click.argument("connection")
@click.option(
    "--take", type=click.Choice(["ours", "theirs"]), required=True, help="Keep the incident's, or the tool's."
)
@json_option
@click.pass_obj
def settle(workspace: str, incident: str, field: str, connection: str, take: str, as_json: bool) -> None:
    """Settle FIELD of INCIDENT against CONNECTION."""
    with changing(workspace, "conflicts.settle", of_incident(incident)) as (engine, asked):
        with engine.store.read() as looking:
            sight = asked.asker.sight(looking)
            item = explain.one_named(looking, incident, sight)
        name, theirs, by = ConnectionName(connection), take == "theirs", asked.asker.someone
        value = explain.settle(engine, item.id, field, name, theirs=theirs, actor=by)
        called = sight.called(item.id, item.number)
    if as_json:
        emit({"incident": called, "field": field, "value": value})
    else:
        say(
            f"{called}: {field} is {brief(value)}, settled by {by}. Every tool is told; one "
            "that does not take it stands in `tieline conflicts` again."
        )


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


@parked.command()
@click.argument("what", type=click.Choice(["copy", "inbox", "comment", "signal", "timer"]))
@click.argument("number", type=int)
@json_option
@click.pass_obj
def retry(workspace: str, what: str, number: int, as_json: bool) -> None:
    """Let one parked thing try again: WHAT and NUMBER as `tieline parked` lists them."""

    def about(asker: Asker, tx: Transaction) -> tuple[Subject, IncidentId | None]:
        found = explain.incident_of_parked(tx, what, number, asker.sight(tx))
        return (STORE if found is None else subject_of(tx, found)), found

    with changing(workspace, "parked.release", about) as (engine, asked):
        explain.release(engine, what, number, actor=asked.asker.someone)
    if as_json:
        emit({"released": what, "id": number})
    else:
        say(f"{what} {number} tries again")


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


@doubts.command()
@click.argument("connection")
@json_option
@click.pass_obj
def confirm(workspace: str, connection: str, as_json: bool) -> None:
    """Confirm that the alerts that CONNECTION no longer lists have ended: these, and no others later."""
    name = ConnectionName(connection)

    def about(asker: Asker, tx: Transaction) -> tuple[Subject, None]:
        if name in absence.doubts(tx) and name not in explain.doubts(tx, asker.sight(tx)):
            raise absence.not_doubted(name)
        return Subject(name, scopes=frozenset({of_connection(name)})), None

    with changing(workspace, "doubts.confirm", about) as (engine, asked):
        with engine.store.read() as looking:
            sight = asked.asker.sight(looking)
            unseen = records_of(looking, sight.hidden(looking))
        by = asked.asker.someone
        absence.confirm(engine, name, actor=by, unseen=unseen)
        with engine.store.read() as looking:
            doubt = explain.doubts(looking, sight)[name]
    if as_json:
        emit({"connection": name, "episodes": sorted(doubt.episodes), "actor": str(by)})
    else:
        say(
            f"{len(doubt.episodes)} alerts of {name} count as ended, confirmed by {by}: "
            "the next poll takes in those that are still missing"
        )


@click.command()
@click.argument("incident")
@click.argument("changes", nargs=-1, required=True, metavar="FIELD=VALUE...")
@json_option
@click.pass_obj
def edit(workspace: str, incident: str, changes: tuple[str, ...], as_json: bool) -> None:
    """Change fields of INCIDENT, by its number or a ticket's key; every copy follows. An empty VALUE clears one."""
    with permitted(workspace, "incident.edit", of_incident(incident)) as (engine, asked):
        with engine.store.write() as tx:
            sight = asked.asker.sight(tx)
            item = explain.one_named(tx, incident, sight)
            fields = _parse(changes, CATALOGUE[item.kind])
            changed = _news(loading.load_incident(tx, item.id, lock=True), fields)
            if changed:
                commit.edit(tx, engine, item.id, changed, actor=asked.asker.someone, reason=Reason.EDITED)
        if changed:
            _say_whether_it_waits(engine)
    called = sight.called(item.id, item.number)
    unchanged = {name: value for name, value in fields.items() if name not in changed}
    if as_json:
        emit({"incident": called, "changed": changed, "unchanged": unchanged})
        return
    for name, value in unchanged.items():
        is_so = "is empty" if _is_empty(value) else f"is {brief(value)}"
        say(f"{called}: {name} {is_so} already")
    say(f"{called} changed; its copies follow" if changed else "nothing was changed")


def _news(current: Incident | None, fields: Fields) -> dict[str, Value]:
    """The fields that are not so yet. One that holds nothing is as empty as one that is not there."""
    known = {} if current is None else current.fields
    return {
        name: value
        for name, value in fields.items()
        if known.get(name) != value and not (_is_empty(known.get(name)) and _is_empty(value))
    }


def _is_empty(value: Value) -> bool:
    return value in (None, "", ())


def _parse(changes: Sequence[str], catalogue: Mapping[str, FieldSpec]) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for change in changes:
        name, value = _parse_change(change, catalogue)
        if name in fields:
            raise click.UsageError(f"{name} is there twice; write it once")
        fields[name] = value
    return fields


def _parse_change(change: str, catalogue: Mapping[str, FieldSpec]) -> tuple[str, Value]:
    name, equals, value = change.partition("=")
    spec = catalogue.get(name)
    if not equals or spec is None:
        known = [one for one in catalogue if one != ALERTS]
        if equals:
            raise click.UsageError(str(no_such("field", name, known)))
        raise click.UsageError(f"{change!r}: write FIELD=VALUE with a field of {', '.join(known)}")
    if name == ALERTS:
        raise click.UsageError(f"{name} is what fires now, and nobody's to write; write into description")
    prove_text(name, value)
    if value == "":
        if name in ("status", "title"):
            raise click.UsageError(f"an incident always has a {name}; give it another one instead of none")
        return name, None
    if spec.type is FieldType.TEXT and not value.isprintable():
        raise click.UsageError(f"{name} is one line of plain text; it cannot hold line breaks or control characters")
    if spec.type is FieldType.INSTANT:
        return name, _instant(name, value)
    if spec.choices is not None and value not in [choice.value for choice in spec.choices]:
        raise click.UsageError(f"{name} is one of {', '.join(choice.value for choice in spec.choices)}; not {value!r}")
    if spec.type is FieldType.TAGS:
        return name, tuple(sorted({part.strip() for part in value.split(",") if part.strip()}))
    if spec.type is FieldType.PERSON:
        return name, value.lower()
    try:
        return name, parse(spec.type, value)
    except ValueError as error:
        raise click.UsageError(f"{name}: {error}") from None


def prove_text(name: str, value: str) -> None:
    """Raises UsageError for what cannot be kept as text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"{name} is text in UTF-8, and this is in another encoding") from None


def _instant(name: str, value: str) -> str:
    try:
        return instant(datetime.fromisoformat(value))
    except (ValueError, OverflowError):
        raise click.UsageError(f"{name} is a time with its zone, like 2026-11-23T19:04:00Z; not {value!r}") from None


@click.command()
@click.argument("incident")
@click.argument("body")
@click.option("--public", is_flag=True, help="Customers may read it. Without this it is internal.")
@json_option
@click.pass_obj
def comment(workspace: str, incident: str, body: str, public: bool, as_json: bool) -> None:
    """Write BODY (Markdown) into every copy of INCIDENT."""
    if not body.strip():
        raise click.UsageError("an empty comment says nothing; write some words")
    prove_text("a comment", body)
    visibility = Visibility.PUBLIC if public else Visibility.INTERNAL
    right = "comment.publish" if public else "incident.comment"
    with changing(workspace, right, of_incident(incident)) as (engine, asked), engine.store.write() as tx:
        sight = asked.asker.sight(tx)
        item = explain.one_named(tx, incident, sight)
        called = sight.called(item.id, item.number)
        written = comments.write(tx, engine, item.id, asked.asker.someone, body, visibility)
    if as_json:
        emit({"incident": called, "comment": written, "visibility": visibility.value})
    else:
        say(f"{called}#{written} goes into every copy ({visibility.value})")
