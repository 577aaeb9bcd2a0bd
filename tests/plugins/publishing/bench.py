"""The page's workspace, with a ticket tool and a status page, and the people who publish there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.docs.pages import DOCS, blocks
from tests.plugins import bench

from tieline.adapters.statuspage.simulator import TOKEN, StatuspageSimulator
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core import grants
from tieline.core.access import Grant, Role, Rule, Verdict
from tieline.core.identity import Someone, of_account
from tieline.core.views import Views
from tieline.sync import explain, restricting
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.office import Performed, offered
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform
from tieline.sync.sight import WHOLE

WRITER, PUBLISHER, COMMANDER, LAWYER = (of_account(name, "db1") for name in ("wil", "pat", "cat", "lou"))
TEXT = "Some payments are declined. We look into it."
[WORKSPACE] = [
    one.text for one in blocks(DOCS / "how-to" / "publish-to-a-status-page.md") if one.file == "tieline.yaml"
]


class Bench(bench.Bench):
    """Beside it a status page."""

    group = "publishing"

    def __init__(self, folder: Path) -> None:
        os.environ["STATUSPAGE_TOKEN"] = TOKEN
        super().__init__(folder, WORKSPACE)
        self.page = StatuspageSimulator(self.clock.now)
        self.start()
        self.settle(2)
        for whom, role in (
            (WRITER, Role.RESPONDER),
            (PUBLISHER, Role.COMMUNICATIONS),
            (COMMANDER, Role.COMMANDER),
            (LAWYER, Role.LEGAL),
        ):
            self.grant(whom, role)

    def beside(self) -> Mapping[str, Any]:
        return {"page": HttpxTransport(self.page)}

    def settle(self, rounds: int = 3, seconds: float = 31) -> None:
        super().settle(rounds, seconds)

    # -- people --------------------------------------------------------------------------------------------------------

    def grant(self, whom: Someone, role: Role, until: Any = None) -> None:
        with self.engine.store.write() as tx:
            given, verdict = Grant(role, None, until), Verdict(True, Rule.OWNER)
            grants.grant(tx, whom, given, at=self.clock.now(), actor=Someone("owner"), verdict=verdict)

    def revoke(self, whom: Someone, role: Role) -> None:
        with self.engine.store.write() as tx:
            grants.revoke(tx, whom, Grant(role), at=self.clock.now(), actor=Someone("owner"))

    def asker(self, someone: Someone) -> Asker:
        return Asker(someone, owns_store=False, now=self.clock.now(), rules=self.engine.registry.offers.rules)

    def do(self, someone: Someone, name: str, /, **given: Any) -> Performed:
        how = {key: given.pop(key) for key in ("key", "revision", "break_glass") if key in given}
        act = offered(self.engine)[name]
        return perform(self.engine, act, act.told(given), self.asker(someone), **how)

    def see(self, view: str, someone: Someone = PUBLISHER, **given: Any) -> Any:
        offers = self.engine.registry.offers
        views = Views([*OWN_VIEWS.by_name.values(), *offers.views.values()])
        enquiries = Enquiries(self.engine.store, self.engine.config, views, offers=offers)
        return enquiries.see(view, given, self.asker(someone)).facts

    # -- what they do --------------------------------------------------------------------------------------------------

    def draft(self, incident: str, someone: Someone = WRITER, **given: Any) -> str:
        said = {"about": incident, "title": "Payments fail", "text": TEXT, **given}
        return str(self.do(someone, "publishing draft", **said).facts["announcement"])

    def ask(self, name: str, act: str = "publish", **given: Any) -> str:
        """Have it be asked for. Answers the proposal."""
        return self.do(PUBLISHER, f"publishing {act}", announcement=name, **given).proposal

    def approve(self, proposal: str, someone: Someone = COMMANDER) -> Performed:
        return self.do(someone, "proposals approve", proposal=proposal)

    def publish(self, name: str, act: str = "publish", **given: Any) -> None:
        """Have it be asked for, approved and shown."""
        self.approve(self.ask(name, act, **given))
        self.settle()

    def restrict(self, item: str) -> None:
        with self.engine.store.write() as tx:
            found = explain.one_named(tx, item)
            restricting.restrict(tx, self.engine, found.id, "a leak", actor=Someone("owner"))

    # -- what came of it -----------------------------------------------------------------------------------------------

    def shown(self) -> list[Sequence[str]]:
        """What everybody reads, the newest incident first: its name, its status and its newest text."""
        return [(one["name"], one["status"], one["incident_updates"][0]["body"]) for one in self.page.incidents]

    def fields(self, item: str) -> Any:
        with self.engine.store.read() as connection:
            return explain.one_named(connection, item).fields

    def entries(self, item: str) -> list[dict[str, Any]]:
        """What happened to an item, the oldest first."""
        with self.engine.store.read() as connection:
            return list(explain.history(connection, explain.one_named(connection, item, sight=WHOLE).id))

    def held(self) -> list[str]:
        """Why copies are put aside."""
        with self.engine.store.read() as connection:
            return [one.sentence for one in explain.parked(connection, sight=WHOLE)]

    def later(self, **length: float) -> Any:
        return self.clock.now() + timedelta(**length)
