"""A plugin that checks, a person and a NotificationCommand in a simulated Icinga 2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from tieline.adapters.icinga.adapter import READS, IcingaAdapter, connect
from tieline.adapters.icinga.problem import episode_of
from tieline.adapters.icinga.settings import IcingaSettings
from tieline.adapters.icinga.simulated.state import Checkable
from tieline.adapters.icinga.simulator import IcingaSimulator
from tieline.adapters.testing.driver import MISSING, SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Delivery, Power, Ref
from tieline.core.secrets import Secret

PASSWORD = "kV7-api-password-that-nobody-may-see"  # noqa: S105 - opens nothing but the simulator
HOOK_TOKEN = "Qz3-hook-token-that-nobody-may-see"  # noqa: S105


class IcingaDriver(SimulatorDriver):
    """Titles are what the plugin says; a touch is another state."""

    powers = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "a problem is never merged into another",
        "act_by_itself": "how an object is is said by its plugin",
        "joint_delivery": "a NotificationCommand tells of one object",
    }
    writes = (("POST", "/v1/actions/"),)
    simulator: IcingaSimulator
    secrets = (PASSWORD, HOOK_TOKEN)
    reads_by_address = False
    page_size = 3
    signs_body = False
    signs_time = False
    credential_headers = ("authorization",)

    def __init__(self) -> None:
        super().__init__()
        rights = (*READS, "actions/*")
        self.simulator = IcingaSimulator(  # pyright: ignore[reportIncompatibleVariableOverride]
            self.tool_now, users={"tieline": (PASSWORD, rights), "blind": (PASSWORD, ("actions/*",))}
        )
        self._made = 0
        self.names: dict[Ref, str] = {}

    def connect(self, **others: object) -> IcingaAdapter:
        given: dict[str, object] = {
            "url": "https://icinga.example:5665",
            "username": "tieline",
            "password": Secret.literal(PASSWORD),
            "webhook_token": Secret.literal(HOOK_TOKEN),
            "page_size": self.page_size,
            "history": 0,
        }
        settings = IcingaSettings.model_validate(given | others)
        return connect(ConnectionName("icinga"), settings, self.workbench(HttpxTransport(self.simulator)))

    def connect_refused(self) -> IcingaAdapter:
        return self.connect(password=Secret.literal("Wr0ng-" + PASSWORD))

    def connect_unproved(self) -> IcingaAdapter:
        return self.connect(webhook_token=MISSING)

    def make(self, title: str, description: str = "") -> Ref:
        self._made += 1
        name = f"db{self._made}!disk"
        self.simulator.report(name, 0, "DISK OK")
        return self.fail_check(name, 2, f"{title}\n{description}")

    def fail_check(self, name: str, state: int, title: str) -> Ref:
        """The plugin of an object says that something is wrong."""
        ref = _ref(self.simulator.report(name, state, title))
        self.names[ref] = name
        return ref

    def at(self, ref: Ref) -> Checkable:
        """The object behind a ref. Raises KeyError."""
        return self.simulator.state.objects[self.names[ref]]

    def title_in(self, body: Body) -> str:
        return str(body["summary"])

    def touch(self, ref: Ref) -> None:
        one = self.at(ref)
        self.simulator.report(one.name, one.state % 3 + 1, "touched")

    def spoil(self, ref: Ref) -> None:
        self.at(ref).odd = {"state": None}

    def delete(self, ref: Ref) -> None:
        self.simulator.report(self.names[ref], 0, "DISK OK")

    def missing_ref(self) -> Ref:
        return Ref("0123456789abcdef@2026-01-01T00:00:00.000Z")

    def acts_in_force(self, ref: Ref) -> int:
        return int(self.at(ref).held(self.simulator.now()))

    def delivery(self, ref: Ref) -> Delivery:
        one = self.at(ref)
        told = {"name": one.name, "last_well": one.well, "last_hard": one.hardened, "at": self.simulator.now()}
        return Delivery({"authorization": f"Bearer {HOOK_TOKEN}"}, json.dumps(told).encode())


def _ref(one: Checkable) -> Ref:
    return episode_of(one.name, one.well, one.hardened).ref
