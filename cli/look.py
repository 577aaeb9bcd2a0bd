"""Commands that look: incidents, why, history. They read the store and work while the daemon is down."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import click

from tieline.cli.open import configuration, store_of
from tieline.cli.output import brief, emit, json_option, plain, say, table
from tieline.cli.rights import asker, tell_of_reading
from tieline.cli.views import command
from tieline.core.model import CATALOGUE
from tieline.core.settings import no_such
from tieline.sync import explain
from tieline.sync.office.own_views import OWN_VIEWS

incidents = command(OWN_VIEWS["incidents"])


@click.command()
@click.argument("incident")
@click.argument("field")
@json_option
@click.pass_obj
def why(workspace: str, incident: str, field: str, as_json: bool) -> None:
    """Why FIELD of INCIDENT has its value: what every copy shows, and each step with its reason."""
    config, _registry = configuration(workspace)
    with store_of(config) as store:
        who = asker(config, store)
        with store.read() as connection:
            sight = who.sight(connection)
            item = explain.one_named(connection, incident, sight)
            if field not in CATALOGUE[item.kind]:
                raise no_such("field", field, CATALOGUE[item.kind])
            found = explain.why(connection, item, field)
        tell_of_reading(store, who, sight, [item.id])
    called = sight.called(item.id, item.number)
    if as_json:
        emit(
            {
                "incident": called,
                "field": field,
                "value": plain(found.value),
                "unknown": found.unknown,
                "copies": found.copies,
                "steps": [
                    {
                        "seq": step.seq,
                        "at": step.at,
                        "what": step.kind,
                        "who": step.who,
                        "before": step.before,
                        "after": step.after,
                        "reason": step.reason,
                    }
                    for step in found.steps
                ],
            }
        )
        return
    say(f"{called}  {field} = {brief(found.value, whole=True)}")
    for sentence in found.unknown:
        say(f"not known: {sentence}")
    table(
        "Copies",
        ["connection", "key", "state", "shows", "agreed on", "held because"],
        [
            (name, one["key"], one["state"], one["shows"], one["agreed"], one["held"] or one["waits"])
            for name, one in found.copies.items()
        ],
        empty="no copies",
        whole=True,
    )
    table(
        "How it came about",
        ["entry", "when (UTC)", "what", "who", "from", "to", "reason"],
        [(step.seq, step.at, step.kind, step.who, step.before, step.after, step.reason) for step in found.steps],
        empty=f"the journal has nothing about {field}" if not found.unreadable else "",
        whole=True,
    )
    if found.unreadable:
        entries = "one entry" if found.unreadable == 1 else f"{found.unreadable} entries"
        say(f"what {entries} of its journal said can no longer be read: it was let go of, or its keys are lost")


@click.command()
@click.argument("incident")
@json_option
@click.pass_obj
def history(workspace: str, incident: str, as_json: bool) -> None:
    """What happened to INCIDENT, from the journal, oldest first."""
    config, _registry = configuration(workspace)
    with store_of(config) as store:
        who = asker(config, store)
        with store.read() as connection:
            sight = who.sight(connection)
            item = explain.one_named(connection, incident, sight)
            found = explain.history(connection, item.id)
        tell_of_reading(store, who, sight, [item.id])
    if as_json:
        emit([{**entry, "changes": [_change(name, step) for name, step in explain.changes(entry)]} for entry in found])
        return
    columns = ["entry", "when (UTC)", "what", "connection", "who", "field", "from", "to", "reason"]
    ours = {"tieline", *config.connections}
    called = sight.called(item.id, item.number)
    table(called, columns, [row for entry in found for row in _told(entry, ours)], empty="")


def _change(name: str, step: explain.Step) -> dict[str, Any]:
    return {"field": name, "what": step.kind, "from": step.before, "to": step.after, "reason": step.reason}


def _told(entry: dict[str, Any], ours: Collection[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of one entry: one for each field that it tells of, and one where it tells of none. A person may be
    called like one of `ours`, and is none."""
    who = entry["actor"]
    if entry["person"] is not None and who in ours:
        who = f"{who} (a person)"
    head = (entry["seq"], entry["at"], entry["kind"], entry["connection"], who)
    changes = explain.changes(entry)
    if not changes:
        yield (*head, None, None, None, entry["reason"])
    for name, step in changes:
        yield (*head, name, step.before, step.after, step.reason or entry["reason"])
