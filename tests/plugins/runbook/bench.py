"""A workspace with one ticket tool, a spool and runbooks, and the runner at that spool."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.plugins import bench

from tieline.adapters.runner.simulator import TOKEN, RunnerSimulator
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core import grants
from tieline.core.access import Grant, Role, Rule, Verdict
from tieline.core.identity import Someone
from tieline.core.views import Views
from tieline.sync import explain
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.office import Performed, offered
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform

ANN, BOB = Someone("ann", "os:ann@here"), Someone("bob", "os:bob@here")


class Bench(bench.Bench):
    """Beside it a spool, and a runner behind HTTP."""

    group = "runbook"

    def __init__(self, folder: Path, runbooks: str) -> None:
        self.folder, self.spool = folder, folder / "spool"
        os.environ["RUNNER_TOKEN"] = TOKEN
        lines = [
            *("tieline: 1", "store: sqlite:///bench.db", "connections:"),
            *("  desk:", "    tool: memory", "    opens: true", "    history: 1d"),
            *("  shell:", "    tool: spool", f"    path: '{self.spool}'"),
            *("  http:", "    tool: runner", "    url: https://runner.example", "    token: {env: RUNNER_TOKEN}"),
            *("  other:", "    tool: spool", f"    path: '{folder / 'other'}'"),
            *("plugins:", "  runbook:", "    runbooks:"),
            *(f"      {line}" for line in runbooks.strip("\n").splitlines()),
        ]
        super().__init__(folder, "\n".join(lines))
        self.service = RunnerSimulator(self.clock.now)
        self.start()
        for whom in (ANN, BOB):
            verdict = Verdict(True, Rule.OWNER)
            with self.engine.store.write() as tx:
                grants.grant(tx, whom, Grant(Role.ADMIN), at=self.clock.now(), actor=ANN, verdict=verdict)

    def beside(self) -> Mapping[str, Any]:
        return {"http": HttpxTransport(self.service)}

    # -- what people do --------------------------------------------------------------------------------------------

    def asker(self, someone: Someone = ANN) -> Asker:
        rules = self.engine.registry.offers.rules
        return Asker(someone, False, self.clock.now(), rules=rules)

    def ask(self, act: str, someone: Someone, /, break_glass: str | None = None, **given: Any) -> Performed:
        declared = offered(self.engine)[act]
        return perform(self.engine, declared, declared.told(given), self.asker(someone), break_glass=break_glass)

    def do(self, act: str, someone: Someone = ANN, /, **given: Any) -> Performed:
        return self.ask(f"runbook {act}", someone, **given)

    def decide(self, proposal: str, someone: Someone) -> Performed:
        return self.ask("proposals approve", someone, proposal=proposal)

    def see(self, view: str, **given: Any) -> Any:
        return self.look(f"runbook {view}", ANN, **given)

    def look(self, view: str, someone: Someone, /, **given: Any) -> Any:
        offers = self.engine.registry.offers
        views = OWN_VIEWS if view in OWN_VIEWS.by_name else Views(offers.views.values())
        enquiries = Enquiries(self.engine.store, self.engine.config, views, offers=offers)
        return enquiries.see(view, given, self.asker(someone)).facts

    def run(self, runbook: str, incident: str, **given: Any) -> str:
        started = str(self.do("start", runbook=runbook, incident=incident, **given).facts["run"])
        self.settle(2)
        return started

    def status(self, run: str) -> str:
        return str(self.fields(run)["status"])

    def fields(self, item: str) -> Any:
        with self.engine.store.read() as connection:
            return explain.one_named(connection, item).fields

    def told(self, item: str) -> list[str]:
        """The kinds of what happened to an item."""
        with self.engine.store.read() as connection:
            found = explain.one_named(connection, item)
            return [entry["kind"] for entry in explain.history(connection, found.id)]

    # -- the runner ------------------------------------------------------------------------------------------------

    def waiting(self, spool: str = "spool") -> list[str]:
        """The commands that wait in the queue."""
        queue = self.folder / spool / "queue"
        return sorted((job / "command").read_text() for job in queue.iterdir()) if queue.exists() else []

    def take(self) -> Path:
        """The runner begins the one that waits."""
        [job] = (self.spool / "queue").iterdir()
        return job.rename(self.spool / "taken" / job.name)

    def end(self, job: Path, code: int | None = 0, output: str = "done\n") -> None:
        """What it took is over."""
        made = self.spool / "results" / f".{job.name}"
        made.mkdir()
        if code is not None:
            (made / "exit_code").write_text(str(code))
        (made / "output").write_text(output)
        made.rename(self.spool / "results" / job.name)

    def does(self, code: int | None = 0, output: str = "done\n") -> str:
        """The runner does the one that waits. Answers its command."""
        job = self.take()
        command = (job / "command").read_text()
        self.end(job, code, output)
        self.settle(3)
        return command

    def begun(self) -> list[str]:
        """The commands of all jobs that there ever were."""
        found = [*(self.spool / "queue").iterdir(), *(self.spool / "taken").iterdir()]
        found += [*(self.spool / "cancelled").iterdir()]
        return sorted((job / "command").read_text() for job in found)
