"""`tieline restrict` and `tieline unrestrict`: who may know of an incident."""

from __future__ import annotations

import click

from tieline.cli.decide import changing, prove_text
from tieline.cli.output import emit, json_option, say
from tieline.cli.rights import of_incident
from tieline.sync import restricting

reason_option = click.option("--reason", required=True, help="Why, for the journal.")


@click.command()
@click.argument("incident")
@reason_option
@json_option
@click.pass_obj
def restrict(workspace: str, incident: str, reason: str, as_json: bool) -> None:
    """Have INCIDENT be there only for those who may read what is restricted. It stays in step with its tools."""
    _prove(reason)
    with (
        changing(workspace, "incident.restrict", of_incident(incident)) as (engine, asked),
        engine.store.write() as tx,
    ):
        item = asked.asker.find(tx, incident)
        label = restricting.restrict(tx, engine, item.id, reason, actor=asked.asker.someone)
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
    _prove(reason)
    with (
        changing(workspace, "incident.restrict", of_incident(incident)) as (engine, asked),
        engine.store.write() as tx,
    ):
        item = asked.asker.find(tx, incident)
        called = asked.asker.sight(tx).called(item.id, item.number)
        restricting.unrestrict(tx, engine, item.id, reason, actor=asked.asker.someone)
    if as_json:
        emit({"incident": item.number, "was": called, "restricted": False})
    else:
        say(f"{called} is there for everybody again, as {item.number}")


def _prove(reason: str) -> None:
    prove_text("a reason", reason)
    if not reason.strip():
        raise click.UsageError("an empty reason says nothing; write some words")
