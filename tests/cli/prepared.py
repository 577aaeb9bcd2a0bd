"""A workspace that shows what there is to show, at a moment that stands still."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.sync.world import World

from tieline.adapters.testing.clock import ManualClock
from tieline.core.events import GlassBroken, Proposed
from tieline.core.identity import of_account
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Ref
from tieline.sync import proposals
from tieline.sync.alerts import absence
from tieline.sync.alerts.absence import Belief, Doubt
from tieline.sync.comments import comments, writing
from tieline.sync.daemon import processes, running
from tieline.sync.daemon.heartbeat import Heartbeat, Role
from tieline.sync.daemon.running import Refusal
from tieline.sync.office import notes
from tieline.sync.proposals import Proposal, Review, State
from tieline.sync.road import copy_states

SNOW, JIRA = ConnectionName("snow"), ConnectionName("jira-ops")
LONG = "The checkout of the shop in Reykjavík answers one of three orders with 502, and nobody sees why 🔥 支払い"
ANN = of_account("ann", "db1")
TOLD = "Since the deploy of 4.2.\n\n- `pay-3` is out of memory\n- the others follow within the hour"


def prepare(folder: Path) -> ManualClock:
    """Write it into this folder. Answers the clock, which stands where it ended."""
    (folder / "policy.yaml").write_text("policy: {severity: manual}\n", encoding="utf-8")
    (folder / "limits.yaml").write_text("manager: ann@example.com\nagain: 20m\n", "utf-8")
    (folder / "broken.yaml").write_text("tool: jira\nrecord: incident\nfields:\n  titel: {from: summary}\n", "utf-8")
    overlays: dict[str, str] = {SNOW: "overlay: policy.yaml", JIRA: "overlay: policy.yaml"}
    world = World(folder, (SNOW, JIRA), options=overlays, top="plugins: [severity, escalation]")
    _incidents(world)
    _waiting_for_people(world)
    _proposed(world)
    world.engine.store.close()
    world.engine.registry.close()
    return world.clock


def _incidents(world: World) -> None:
    snow = world.tools[SNOW]
    snow.make({"title": "Disk full [bold]x[/bold] \x1b[31m", "status": "new"})
    world.settle()
    world.edit(SNOW, severity="low")
    world.edit(JIRA, severity="high")
    world.settle()
    snow.make({"title": LONG, "status": "in_progress", "description": TOLD, "severity": "critical", "tags": ["shop"]})
    world.settle()
    snow.make({"title": "A test", "status": "new"})
    world.settle()
    world.tools[JIRA].delete(str(world.copy(JIRA, 3).ref))
    world.edit(SNOW, 3, title="A test that is over")
    world.settle()


def _waiting_for_people(world: World) -> None:
    engine, now = world.engine, world.clock.now()
    sentence = "the project OPS has no issue type Incident: add it there, or name another one"
    copy_states.park(engine, _row(world), sentence)
    with engine.store.write() as tx:
        comments.write(tx, engine, world.incident(1).id, "ann@example.com", "On it.", Audience.STAFF)
    with engine.store.read() as connection:
        outgoing = comments.outgoing(connection, JIRA, now, now, 10)
    for one in outgoing:
        sentence = "no right to comment: give the account the role Agent"
        writing.park(engine, world.lanes[JIRA].here, one, sentence)
    missing = frozenset(Ref(f"episode-{number}") for number in range(17))
    with engine.store.write() as tx:
        absence._save(tx, SNOW, Doubt(now - timedelta(minutes=12), missing, 20, Belief.TOO_MANY, 20))
    reason = "tieline.yaml:4:19: CFG002 connections.snow.overlai is not an option. Fix: did you mean 'overlay'?"
    heartbeat = Heartbeat(engine.store, "here:1", alone=True, process=processes.this())
    heartbeat.tell(running.as_facts(engine.config, Refusal(now - timedelta(minutes=3), reason)))
    heartbeat.beat(now)
    Heartbeat(engine.store, "here:2", alone=True, process=processes.this(), role=Role.WORK).beat(now)
    world.clock.advance(4)


def _row(world: World) -> int:
    return world.copy(JIRA, 2).id


def _proposed(world: World) -> None:
    """What somebody else is to approve first, and what was done at once."""
    engine, now, item = world.engine, world.clock.now(), world.incident(1)
    until, rights = now + timedelta(days=1), ("comment.publish",)
    writes = [notes.edit(item.uid, {"severity": "low"}), notes.comment(item.uid, TOLD, Audience.CUSTOMERS)]
    sha, ask = notes.sha(writes), {"incident": item.number}
    with engine.store.write() as tx:
        told = Proposed(
            proposal="0" * 32,
            label="PRO-BCDFGH",
            act="edit",
            ask=ask,
            rights=rights,
            why="customers read it",
            until=until.isoformat(),
            writes=[*map(dict, writes)],
            sha=sha,
        )
        entry = engine.record(tx, told, incident=item.id, actor=ANN, reason="edit")
        asked = ("0" * 32, "PRO-BCDFGH", "edit", ask, tx.person(ANN), "", {item.id: item.revision}, rights, ())
        proposals.keep(tx, Proposal(*asked, sha, State.OPEN, now, until, entry))
        why = "the shop was down"
        broken = GlassBroken(review="1" * 32, label="REV-BCDFGH", act="edit", rights=rights, why=why, sha=sha)
        entry = engine.record(tx, broken, incident=item.id, actor=ANN, reason="edit")
        seen = (tx.person(ANN), (item.id,), now, None, None, entry)
        proposals.keep_review(tx, Review("1" * 32, "REV-BCDFGH", "edit", *seen))
