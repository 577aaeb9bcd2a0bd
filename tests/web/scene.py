"""A workspace as a night on call leaves it: incidents of every kind of trouble, in three tools, with comments, alerts
and a daemon at work. What strangers wrote is in it as well."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from tests.sync.deciding import decide
from tests.sync.world import World

from tieline.core.model import Audience
from tieline.core.store import tables as t
from tieline.sync.daemon import running
from tieline.sync.daemon.heartbeat import Heartbeat

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>'\"{{7*7}}\u202egnp.exe"
"""A text that would run, close an attribute, be drawn by a template, or be read backwards."""

ENDLESS = "Kundenportalzahlungsabwicklungsfehlermeldungen" + "A" * 160

TOP = """\
plugins: {console: {}}
web: {listen: '127.0.0.1:0'}"""

MANUAL = "policy: {priority: manual}\n"


def made(folder: Path) -> World:
    """The workspace, with everything settled."""
    (folder / "manual.yaml").write_text(MANUAL, encoding="utf-8")
    world = World(
        folder,
        ("snow-prod", "jira-ops", "pager"),
        options={"jira-ops": "overlay: manual.yaml", "snow-prod": "overlay: manual.yaml"},
        top=TOP,
    )
    snow, jira = world.tools["snow-prod"], world.tools["jira-ops"]
    at_work: dict[str, Any] = {"status": "in_progress", "assignee": snow.person("ann@example.com")}
    rows: list[dict[str, Any]] = [
        {"title": "Certificate of staging ends in 9 days", "severity": "low", "service": "edge-eu"},
        {"title": HOSTILE + ENDLESS, "severity": "medium", "service": HOSTILE[:80]},
        {"title": "Search: p95 above 2 s for German queries", "severity": "medium", "service": "search", **at_work},
        {"title": "Nightly export to the warehouse is incomplete", "service": "reports", "status": "on_hold"},
        {
            "title": "Ledger: postings delayed, replication lag 340 s",
            "severity": "high",
            "service": "ledger",
            **at_work,
        },
        {"title": "Identity: 5xx at sign-in after release 4.9.0", "severity": "high", "service": "identity"},
    ]
    for row in rows:
        snow.make({"status": "new", **row})
        world.settle(2)
        world.clock.advance(2_100)
    snow.make(
        {
            "title": "Checkout: card payments fail in eu-1",
            "description": "7.2 % of requests to /pay on pay-1 failed during the last 5 minutes.",
            "severity": "critical",
            "priority": "p2",
            "service": "checkout",
            **at_work,
        }
    )
    world.settle(3)
    _written(world)
    _disputed(world)
    _alerts(world)
    world.tools["pager"].delete(str(world.copy("pager", 1).ref))
    world.settle(2)
    jira.edit(str(world.copy("jira-ops", 3).ref), title="Search: p95 above 2 s for all queries")
    sign(world)
    return world


def _written(world: World) -> None:
    decide(world.engine, "comment", incident="INC-7", body="Rolling back **pay-3** first, watching for 5 min.")
    snow = world.tools["snow-prod"]
    ref = str(world.copy("snow-prod", 7).ref)
    snow.comment(ref, "Some card payments fail. We write again by 14:15.", Audience.CUSTOMERS, author="ann@example.com")
    snow.comment(ref, HOSTILE, Audience.STAFF, author=HOSTILE[:40])
    world.settle(2)


def _disputed(world: World) -> None:
    world.edit("snow-prod", 7, priority="p1")
    world.edit("jira-ops", 7, priority="p3")
    world.settle(2)


def _alerts(world: World) -> None:
    now = world.clock.now()
    with world.engine.store.write() as tx:
        for number, (name, severity, firing) in enumerate(
            [("ErrorRateHigh pay-1", "critical", True), (HOSTILE, "high", True), ("PodRestarting pay-3", "low", False)]
        ):
            tx.execute(
                insert(t.signal),
                {
                    "connection": "pager",
                    "episode": f"ep-{number}",
                    "incident_id": 7,
                    "group_key": "checkout",
                    "firing": firing,
                    "fields": {"title": name, "severity": severity, "status": "firing" if firing else "ended"},
                    "labels": {"alertname": name, "instance": HOSTILE},
                    "version": "1",
                    "seen_at": now - timedelta(minutes=4 * number + 1),
                },
            )


def sign(world: World) -> None:
    """A daemon gives a sign of its work."""
    heartbeat = Heartbeat(world.engine.store, "db1", alone=True, process={"pid": os.getpid()})
    heartbeat.tell(running.as_facts(world.engine.config, None))
    heartbeat.beat(world.clock.now())
