"""Commands that decide: settle conflicts, release what is parked, change an incident, comment on it.

They work on the store, beside a running daemon, whose lanes are woken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tieline.cli.acts import command
from tieline.cli.open import configuration, engine_on, moment, store_of
from tieline.cli.output import say
from tieline.cli.rights import asker
from tieline.cli.views import group
from tieline.core.acts import Act
from tieline.core.arguments import Ask
from tieline.sync.daemon import elsewhere
from tieline.sync.engine import Engine
from tieline.sync.office import own
from tieline.sync.office.office import Performed
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform


@contextmanager
def engine_of(workspace: str) -> Iterator[Engine]:
    """An engine without lanes: enough to look at everything as the daemon does."""
    config, registry = configuration(workspace)
    with store_of(config) as store:
        yield engine_on(config, store, registry)
        registry.close()


def _say_whether_it_waits(engine: Engine) -> None:
    for sentence in elsewhere.why_it_waits(engine.store, engine.config, moment(engine.config, engine.store)):
        say(sentence, err=True)


def do(workspace: str, act: Act, ask: Ask, key: str, break_glass: str | None = None) -> Performed:
    """Do an act in a workspace, in the name of whoever runs the command. Raises what `perform` does."""
    config, registry = configuration(workspace)
    with store_of(config) as store:
        engine = engine_on(config, store, registry)
        done = perform(engine, act, ask, asker(config, store), key=key, break_glass=break_glass)
        if done.seq is not None and act.travels:
            _say_whether_it_waits(engine)
        registry.close()
    return done


def do_without_tools(workspace: str, act: Act, ask: Ask, key: str, break_glass: str | None = None) -> Performed:
    """The same for an act in which no tool has part: one that cannot be connected keeps nobody from it."""
    config, registry = configuration(workspace)
    with store_of(config) as store:
        engine = engine_on(config, store, registry, {})
        done = perform(engine, act, ask, asker(config, store), key=key, break_glass=break_glass)
        registry.close()
    return done


conflicts, parked, doubts = (group(OWN_VIEWS[name]) for name in ("conflicts", "parked", "doubts"))
proposals, reviews = (group(OWN_VIEWS[name]) for name in ("proposals", "reviews"))

edit = command(own.OWN["edit"], do)
comment = command(own.OWN["comment"], do)
conflicts.add_command(command(own.OWN["conflicts settle"], do))
parked.add_command(command(own.OWN["parked retry"], do))
doubts.add_command(command(own.OWN["doubts confirm"], do))
for _decision in ("approve", "reject", "withdraw"):
    proposals.add_command(command(own.OWN[f"proposals {_decision}"], do))
reviews.add_command(command(own.OWN["reviews close"], do))

holds = group(OWN_VIEWS["holds"])
for _name in ("holds place", "holds lift"):
    holds.add_command(command(own.OWN[_name], do))
