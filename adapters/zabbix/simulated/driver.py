"""A trigger, a person and a media type in a simulated Zabbix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from tieline.adapters.testing.driver import MISSING, SimulatorDriver
from tieline.adapters.testing.simulation import LOST, Fault, HttpxTransport, Request
from tieline.adapters.zabbix.adapter import ZabbixAdapter, connect
from tieline.adapters.zabbix.problem import episode_of
from tieline.adapters.zabbix.settings import ZabbixSettings
from tieline.adapters.zabbix.simulator import Account, Problem, ZabbixSimulator
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Delivery, Power, Ref
from tieline.core.secrets import Secret

TOKEN = "kV7-api-token-that-nobody-may-see"  # noqa: S105 - opens nothing but the simulator
BLIND = "kV7-api-token-of-somebody-blind"
HOOK_TOKEN = "Qz3-hook-token-that-nobody-may-see"  # noqa: S105


class Written(Fault):
    """One that waits for a call that writes: all calls go to one address."""

    def matches(self, request: Request) -> bool:
        return b'"event.acknowledge"' in request.body


class ZabbixDriver(SimulatorDriver):
    """Titles are the names of events; a touch is another severity, as a person sets it."""

    powers = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "a problem is never merged into another",
        "act_by_itself": "how a problem is is said by its trigger",
        "joint_delivery": "a media type tells of one event",
    }
    writes: ClassVar[tuple[tuple[str, str], ...]] = (("POST", "/api_jsonrpc.php"),)
    version: ClassVar[tuple[int, int]] = (7, 0)
    simulator: ZabbixSimulator
    secrets = (TOKEN, HOOK_TOKEN)
    reads_by_address = False
    page_size = 3
    signs_body = False
    signs_time = False
    credential_headers = ("authorization",)

    def __init__(self) -> None:
        super().__init__()
        accounts = {TOKEN: Account("tieline"), BLIND: Account("blind", sees=False)}
        self.simulator = ZabbixSimulator(  # pyright: ignore[reportIncompatibleVariableOverride]
            self.tool_now, version=self.version, accounts=accounts
        )
        self.events: dict[Ref, int] = {}

    def connect(self, **others: object) -> ZabbixAdapter:
        given: dict[str, object] = {
            "url": "https://zabbix.example/zabbix",
            "token": Secret.literal(TOKEN),
            "webhook_token": Secret.literal(HOOK_TOKEN),
            "page_size": self.page_size,
            "history": 0,
        }
        settings = ZabbixSettings.model_validate(given | others)
        return connect(ConnectionName("zabbix"), settings, self.workbench(HttpxTransport(self.simulator)))

    def connect_refused(self) -> ZabbixAdapter:
        return self.connect(token=Secret.literal("Wr0ng-" + TOKEN))

    def connect_unproved(self) -> ZabbixAdapter:
        return self.connect(webhook_token=MISSING)

    def make(self, title: str, description: str = "") -> Ref:
        one = self.simulator.report(title)
        one.opdata = description
        return self.known(one)

    def known(self, one: Problem) -> Ref:
        """The ref of a problem of the simulator."""
        ref = episode_of(str(one.event), one.clock).ref
        self.events[ref] = one.event
        return ref

    def at(self, ref: Ref) -> Problem:
        """The problem behind a ref. Raises KeyError."""
        return self.simulator.problems[self.events[ref]]

    def title_in(self, body: Body) -> str:
        return str(body["name"])

    def touch(self, ref: Ref) -> None:
        one = self.at(ref)
        one.severity = one.severity % 5 + 1
        self.simulator.act(one, 8, "", "a person")

    def spoil(self, ref: Ref) -> None:
        self.at(ref).odd = {"severity": None}

    def delete(self, ref: Ref) -> None:
        self.simulator.recover(self.events[ref])

    def lose_next_write(self, *, after_effect: bool) -> None:
        self.simulator.faults.append(Written(LOST, after_effect=after_effect))

    def missing_ref(self) -> Ref:
        return Ref("0123456789abcdef@2026-01-01T00:00:00.000Z")

    def acts_in_force(self, ref: Ref) -> int:
        return int(self.at(ref).acknowledged)

    def delivery(self, ref: Ref) -> Delivery:
        one = self.at(ref)
        told = {"event": str(one.event), "began": str(one.clock), "value": "0" if one.over else "1"}
        told["at"] = str(self.simulator.now())
        return Delivery({"authorization": f"Bearer {HOOK_TOKEN}"}, json.dumps(told).encode())
