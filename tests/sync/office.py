"""The shipped adapters between their simulated tools and the real road: an Alertmanager that fires, and ticket tools.
A clock that is moved by hand; writes are counted where a tool takes them."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tieline.adapters.alertmanager.simulated.notify import Webhook
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.alertmanager.webhook import parse
from tieline.adapters.jira.simulator import API_TOKEN, EMAIL, JiraSimulator
from tieline.adapters.memory.tool import MemoryTool
from tieline.adapters.pagerduty.simulator import DEMO_KEY, PagerDutySimulator
from tieline.adapters.servicenow.simulated.seed import ACCOUNTS
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import HttpxTransport, Simulator, requests_transport
from tieline.core.config import load_text
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Ref
from tieline.core.store.store import Store
from tieline.sync import explain
from tieline.sync.build import build
from tieline.sync.daemon.firing import fire_timers
from tieline.sync.daemon.lane import Lane
from tieline.sync.engine import Engine
from tieline.sync.intake import inbox
from tieline.sync.records import Incident, Replica
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

ALERTS = ConnectionName("alerts")
_LOCKS = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
_SEARCHES = ("/bulkfetch", "/search/jql", "/search", "/oauth_token.do")
"""What is asked by POST and writes nothing."""


@dataclass(frozen=True)
class Desk:
    """One ticket tool: how it is configured, its double, and how a person edits a title there."""

    settings: str
    secret: str
    double: Callable[[ManualClock], Any]
    retitle: Callable[[Any, Ref, str], object]


def _jira(tool: str, project: str, login: str) -> str:
    return f"tool: {tool}, url: 'https://jira.example', project: {project}, {login}"


_TOKEN = f"email: {EMAIL}, api_token: {{env: SECRET}}"
_SNOW = "tool: servicenow, url: 'https://snow.example', username: tieline, password: {env: SECRET}"
_PAGER = "tool: pagerduty, api_key: {env: SECRET}, from_email: tieline@example.org, service: PIJ90N7"


def _retitle_issue(tool: JiraSimulator, ref: Ref, title: str) -> object:
    return tool.control("edit", {"ref": ref, "fields": {"summary": title}})


DESKS = {
    "memory": Desk(
        "tool: memory",
        "unused",
        lambda clock: MemoryTool(clock.now),
        lambda tool, ref, title: tool.edit(ref, title=title),
    ),
    "servicenow": Desk(
        _SNOW,
        ACCOUNTS["tieline"].password,
        lambda clock: ServiceNowSimulator(clock.now),
        lambda tool, ref, title: tool.control("edit", {"record": ref, "fields": {"short_description": title}}),
    ),
    "jira": Desk(_jira("jira", "OPS", _TOKEN), API_TOKEN, lambda clock: JiraSimulator(clock.now), _retitle_issue),
    "jira-jsm": Desk(
        _jira("jira-jsm", "DESK", _TOKEN), API_TOKEN, lambda clock: JiraSimulator(clock.now), _retitle_issue
    ),
    "jira-dc": Desk(
        _jira("jira-dc", "OPS", "pat: {env: SECRET}"),
        API_TOKEN,
        lambda clock: JiraSimulator(clock.now, cloud=False),
        _retitle_issue,
    ),
    "pagerduty": Desk(
        _PAGER,
        DEMO_KEY,
        lambda clock: PagerDutySimulator(clock.now),
        lambda tool, ref, title: tool.control("edit", {"id": ref, "title": title}),
    ),
}


def desk_of(tool: str) -> Desk:
    """The desk of a connection: it is named after its tool, or it is a second memory tool."""
    return DESKS["memory" if tool == "second" else tool]


class Office:
    """One Alertmanager, ticket tools named by their connection, and the engine between them, whose lanes take turns in
    the order of the tools."""

    def __init__(
        self,
        folder: Path,
        *tools: str,
        address: str = "",
        plugins: str = "[grouping, severity, measurement]",
        signals: str = "",
        opens: str = "",
        alerts: str = "url: 'http://alerts', ",
    ) -> None:
        self.clock = ManualClock()
        self.tools = {tool: desk_of(tool).double(self.clock) for tool in tools}
        self.posted: list[bytes] = []
        self.alerts = AlertmanagerSimulator(self.clock.now, webhook=Webhook("http://tieline.example"), post=self._post)
        os.environ["TIELINE_TEST_HOOK"] = "a token that opens nothing"
        lines = ["tieline: 1", f"store: {address or f'sqlite:///{folder}/office.db'}"]
        lines += [f"plugins: {plugins}"]
        lines += ["poll_every: 30s", f"signals: {{{signals}}}", "connections:"]
        lines += [f"  alerts: {{tool: alertmanager, {alerts}webhook_token: {{env: TIELINE_TEST_HOOK}}}}"]
        for tool in tools:
            os.environ[_variable(tool)] = desk_of(tool).secret
            begins = ", opens: true" if tool == opens else ""
            lines.append(f"  {tool}: {{{desk_of(tool).settings.replace('SECRET', _variable(tool))}{begins}}}")
        file = folder / "tieline.yaml"
        file.write_text("\n".join(lines), encoding="utf-8")
        self.file = file
        self.engine: Engine
        self.lanes: dict[ConnectionName, Lane] = {}
        self.start()

    def start(self) -> None:
        """Start the engine on whatever the store holds."""
        config, registry = load_text(self.file.read_bytes(), self.file)
        store = Store.open(config.store)
        store.migrate()
        over = {
            name: requests_transport(tool) if isinstance(tool, Simulator) else tool for name, tool in self.tools.items()
        }
        self.engine = build(
            config,
            store,
            registry,
            clock=self.clock,
            sleep=self.clock.advance,
            wake=lambda _name: None,
            dice=random.Random(7),
            transports={"alerts": HttpxTransport(self.alerts), **over},
        )
        self.lanes = {name: Lane(self.engine, here) for name, here in self.engine.connections.items()}

    def _post(self, _url: str, _headers: Mapping[str, str], body: bytes) -> int:
        self.posted.append(body)
        return 200

    def restart(self) -> None:
        """Forget everything that is not in the store."""
        self.close()
        self.start()

    def close(self) -> None:
        self.engine.store.close()
        self.engine.registry.close()

    def settle(self, rounds: int = 6) -> None:
        """Let polls come due and every lane run dry, a few times."""
        for _ in range(rounds):
            self.clock.advance(31)
            self.take_turns()
            fire_timers(self.engine, self.clock.now())

    def take_turns(self) -> None:
        """Every lane works until it has nothing to do, twice: what one of them takes in is written by another."""
        for lane in [*self.lanes.values()] * 2:
            for _ in range(50):
                if not lane.step():
                    break

    def tick(self) -> None:
        """The timers that are due fire, and what follows is written."""
        fire_timers(self.engine, self.clock.now())
        self.take_turns()

    def run_alerts(self) -> None:
        """The alerts' lane works until it has nothing to do."""
        while self.lanes[ALERTS].step():
            pass

    def configure(self, **signals: Any) -> None:
        """The file says something else of alerts from now on."""
        config = self.engine.config
        self.engine.config = replace(config, signals=config.signals.model_copy(update=signals))

    # -- alerts ----------------------------------------------------------------------------------------------------

    def fire(self, number: int = 1) -> Ref:
        """An alert of everything that an alert can say; answers its episode."""
        labels = {"alertname": "DiskFull", "service": f"billing-{number}", "severity": "warning", "team": "storage"}
        words = {
            "summary": f"Disk {number} is almost full",
            "description": "The file system /var/lib has *4.2 %* left\nand fills at 1.1 GB an hour.",
            "runbook_url": "https://runbooks.example/disk",
        }
        return self.alerts.fire(labels, words).ref

    def notify(self) -> None:
        """Alertmanager's webhook about what fires comes in."""
        self.posted.clear()
        self.alerts.flush()
        received = [parse(Delivery({}, body)) for body in self.posted]
        with self.engine.store.write() as tx:
            inbox.accept_all(tx, [(ALERTS, one) for one in received], self.clock.now())

    def wait_until_it_waits(self, other: Future[Any]) -> None:
        """What goes on beside has come as far as it can on PostgreSQL while somebody else holds what it needs; or it
        has come through."""
        for _ in range(2_000):
            with self.engine.store.read() as connection:
                if connection.execute(_LOCKS).scalar_one() or other.done():
                    return
            threading.Event().wait(0.01)
        raise AssertionError("it neither waits nor ends")

    def hint(self, *refs: str) -> None:
        """Something says that these alerts are to be asked about."""
        with self.engine.store.write() as tx:
            inbox.put(tx, ALERTS, [(Ref(ref), None) for ref in refs], asked=0, now=self.clock.now())

    def silenced(self) -> int:
        """How many silences are in force."""
        now = self.clock.now()
        return sum(one.state(now) == "active" for one in self.alerts.state.silences.values())

    # -- what people see -------------------------------------------------------------------------------------------

    def count(self) -> int:
        """How many incidents there are."""
        with self.engine.store.read() as connection:
            return len(explain.incidents(connection))

    def _found(self) -> tuple[Incident, list[Replica]]:
        with self.engine.store.read() as connection:
            (found,) = explain.incidents(connection)
        return found

    def incident(self) -> Incident:
        """The one incident."""
        return self._found()[0]

    def copy(self, tool: str) -> Replica:
        """A tool's copy of it."""
        return next(copy for copy in self._found()[1] if copy.connection == tool)

    def history(self) -> list[dict[str, Any]]:
        """What the journal says of it."""
        with self.engine.store.read() as connection:
            return explain.history(connection, self.incident().id)

    def decide(self, status: str) -> None:
        """A person gives the one incident another status, in Tieline."""
        number = self.incident().id
        with self.engine.store.write() as tx:
            commit.edit(tx, self.engine, number, {"status": status}, actor="ann", reason=Reason.EDITED)

    def retitle(self, tool: str, title: str) -> None:
        """A person edits the title over there."""
        ref = self.copy(tool).ref
        assert ref is not None
        desk_of(tool).retitle(self.tools[tool], ref, title)

    def writes(self, name: str = "") -> list[str]:
        """What a tool (the only one, unless named) was asked to write. The memory tool counts versions of its records,
        whoever made them."""
        tool = self.tools[name or next(iter(self.tools))]
        if isinstance(tool, MemoryTool):
            return [f"version {number}" for row in tool.rows() for number in range(row.version)]
        return [
            f"{method} {path}"
            for method, path in tool.requests
            if method in ("POST", "PUT", "PATCH", "DELETE") and not path.endswith(_SEARCHES)
        ]


def _variable(tool: str) -> str:
    return f"TIELINE_TEST_{tool.replace('-', '_').upper()}"
