"""A plugin that checks, a person and a notification command in a simulated Nagios."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from tieline.adapters.nagios.adapter import NagiosAdapter, connect
from tieline.adapters.nagios.problem import episode_of
from tieline.adapters.nagios.settings import NagiosSettings
from tieline.adapters.nagios.simulated.state import Checkable
from tieline.adapters.nagios.simulator import Account, NagiosSimulator
from tieline.adapters.testing.driver import MISSING, SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Delivery, Power, Ref
from tieline.core.secrets import Secret

PASSWORD = "kV7-web-password-that-nobody-may-see"  # noqa: S105 - opens nothing but the simulator
HOOK_TOKEN = "Qz3-hook-token-that-nobody-may-see"  # noqa: S105


class NagiosDriver(SimulatorDriver):
    """Titles are what the plugin says; a touch is another state."""

    powers = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "a problem is never merged into another",
        "act_by_itself": "how an object is is said by its plugin",
        "joint_delivery": "a notification command tells of one object",
    }
    writes = (("POST", "/cmd.cgi"),)
    simulator: NagiosSimulator
    secrets = (PASSWORD, HOOK_TOKEN)
    reads_by_address = False
    page_size = 3
    signs_body = False
    signs_time = False
    credential_headers = ("authorization",)

    def __init__(self) -> None:
        super().__init__()
        accounts = {"tieline": Account(PASSWORD), "blind": Account(PASSWORD, sees=False, commands=False)}
        self.simulator = NagiosSimulator(  # pyright: ignore[reportIncompatibleVariableOverride]
            self.tool_now, accounts=accounts
        )
        self.simulator.report("monitor", 0, "PING OK")
        self._made = 0
        self.names: dict[Ref, str] = {}

    def connect(self, **others: object) -> NagiosAdapter:
        given: dict[str, object] = {
            "url": "https://nagios.example/cgi-bin/nagios4",
            "username": "tieline",
            "password": Secret.literal(PASSWORD),
            "webhook_token": Secret.literal(HOOK_TOKEN),
            "page_size": self.page_size,
            "history": 0,
        }
        settings = NagiosSettings.model_validate(given | others)
        return connect(ConnectionName("nagios"), settings, self.workbench(HttpxTransport(self.simulator)))

    def connect_refused(self) -> NagiosAdapter:
        return self.connect(password=Secret.literal("Wr0ng-" + PASSWORD))

    def connect_unproved(self) -> NagiosAdapter:
        return self.connect(webhook_token=MISSING)

    def make(self, title: str, description: str = "") -> Ref:
        self._made += 1
        name = f"db{self._made}!disk"
        self.simulator.report(name, 0, "DISK OK")
        return self.fail_check(name, 2, f"{title}\n{description}")

    def fail_check(self, name: str, state: int, title: str) -> Ref:
        """The plugin of an object says that something is wrong."""
        one = self.simulator.report(name, state, title)
        ref = episode_of(name, (one.well or one.hardened) * 1000).ref
        self.names[ref] = name
        return ref

    def at(self, ref: Ref) -> Checkable:
        """The object behind a ref. Raises KeyError."""
        return self.simulator.objects[self.names[ref]]

    def title_in(self, body: Body) -> str:
        return str(body["summary"])

    def touch(self, ref: Ref) -> None:
        one = self.at(ref)
        self.simulator.report(one.name, (one.state or 0) % 3 + 1, "touched")

    def spoil(self, ref: Ref) -> None:
        self.at(ref).odd = {"status": None}
        self.simulator.write()

    def delete(self, ref: Ref) -> None:
        self.simulator.report(self.names[ref], 0, "DISK OK")

    def missing_ref(self) -> Ref:
        return Ref("0123456789abcdef@2026-01-01T00:00:00.000Z")

    def acts_in_force(self, ref: Ref) -> int:
        self.simulator.write()
        return int(self.at(ref).acknowledgement > 0)

    def delivery(self, ref: Ref) -> Delivery:
        one = self.at(ref)
        host, _, service = one.name.partition("!")
        told = {"host": host, "service": service, "well": str(one.well), "at": str(self.simulator.now())}
        return Delivery({"authorization": f"Bearer {HOOK_TOKEN}"}, json.dumps(told).encode())
