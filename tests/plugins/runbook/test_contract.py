"""The runbook plugin keeps the contract for plugins, with a runner beside it that does some of what it is told."""

from __future__ import annotations

from typing import ClassVar

from tests.plugins.on_postgres import OnPostgres, postgres_server

from tieline.core.model import ExecutionStatus, RecordKind
from tieline.plugins.runbook.plugin import Plugin
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason
from tieline.sync.testing import PluginContract
from tieline.sync.testing.ground import DESK, Ground

__all__ = ["postgres_server"]

STEPS = [
    {"name": "look", "run": "look", "guard": 'severity == "medium"', "otherwise": "skip"},
    {"name": "drain", "run": "drain", "gate": {"ask": "Is the other one up?"}, "rollback": "undrain"},
    {"name": "restart", "run": "restart", "gate": {"ask": "Is it empty?"}},
]


class TestRunbook(PluginContract):
    plugin = Plugin
    settings: ClassVar = {
        "runbooks": {"restart": {"title": "Restart it", "mode": "auto", "runner": "shell", "steps": STEPS}}
    }

    def around(self, ground: Ground) -> None:
        """Every other execution that nobody called back comes to its end; of the rest nobody hears again."""
        for number in ground.numbers(RecordKind.EXECUTION):
            item = ground.incident(number)
            if item.fields["status"] == ExecutionStatus.QUEUED and item.id % 2:
                ended = {"status": ExecutionStatus.SUCCEEDED, "output_sha256": "0" * 64}
                with ground.engine.store.write() as tx:
                    commit.edit(tx, ground.engine, item.id, ended, actor=DESK, reason=Reason.EDITED)


class TestRunbookOnPostgres(OnPostgres, TestRunbook):
    pass
