"""`tieline restrict` and `tieline unrestrict`: who may know of an incident."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from tieline.cli.decide import changing
from tieline.cli.output import emit, json_option, say
from tieline.cli.rights import Asker, of_incident
from tieline.core.store.store import Transaction
from tieline.sync import restricting
from tieline.sync.engine import Engine
from tieline.sync.records import Incident

reason_option = click.option("--reason", required=True, help="Why, for the journal.")


@click.command()
@click.argument("incident")
@reason_option
@json_option
@click.pass_obj
def restrict(workspace: str, incident: str, reason: str, as_json: bool) -> None:
    """Have INCIDENT be there only for those who may read what is restricted. It stays in step with its tools."""
    with _found(workspace, incident, reason) as (tx, engine, asker, item):
        label = restricting.restrict(tx, engine, item.id, reason, actor=asker.someone)
    if as_json:
        emit({"incident": label, "was": item.number, "restricted": True})
    else:
        sentence = "Its tools show it to whomever they did before."
        say(f"{item.number} is restricted and called {label} from now on. {sentence}")


@click.command()
@click.argument("incident")
@reason_option
@json_option
@click.pass_obj
def unrestrict(workspace: str, incident: str, reason: str, as_json: bool) -> None:
    """Have INCIDENT be there for everybody again, with all that was written meanwhile."""
    with _found(workspace, incident, reason) as (tx, engine, asker, item):
        called = asker.sight(tx).called(item.id, item.number)
        restricting.unrestrict(tx, engine, item.id, reason, actor=asker.someone)
    if as_json:
        emit({"incident": item.number, "was": called, "restricted": False})
    else:
        say(f"{called} is there for everybody again, as {item.number}")


@contextmanager
def _found(workspace: str, incident: str, reason: str) -> Iterator[tuple[Transaction, Engine, Asker, Incident]]:
    """The incident that is meant, for one change by whoever has the right to it."""
    try:
        reason.encode()
    except UnicodeEncodeError:
        raise click.UsageError("a reason is text in UTF-8, and this is in another encoding") from None
    if not reason.strip():
        raise click.UsageError("an empty reason says nothing; write some words")
    with (
        changing(workspace, "incident.restrict", of_incident(incident)) as (engine, asked),
        engine.store.write() as tx,
    ):
        yield tx, engine, asked.asker, asked.asker.find(tx, incident)
