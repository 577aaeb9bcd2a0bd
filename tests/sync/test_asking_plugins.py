"""Plugins are asked before a transaction and never inside of one: however slow they are, they hold up no writer."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from tests.core.strangers import plugin
from tests.sync.office import ALERTS, Office
from tests.sync.test_unheeded import AFTER, later, one_alert

from tieline.core.hooks import hookimpl
from tieline.core.model import Audience, ConnectionName, Fields, Signal, Tlp
from tieline.core.registry import Limits, Registry
from tieline.sync.alerts import judging
from tieline.sync.alerts.judging import Judgements, NotJudged


class Writer:
    """A plugin that tries to write to the store itself whenever it is asked: nobody else may be about to."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.asked: Counter[str] = Counter()
        self.waited: Counter[str] = Counter()

    def _write(self, hook: str) -> None:
        self.asked[hook] += 1
        with closing(sqlite3.connect(self.store, timeout=0, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                self.waited[hook] += 1

    @hookimpl
    def tieline_group_key(self, signal: Signal) -> str:
        self._write("group_key")
        return str(signal.labels["alertname"])

    @hookimpl
    def tieline_grouping(self) -> str:
        self._write("grouping")
        return "By name."

    @hookimpl
    def tieline_classify(self, signal: Signal, fields: Fields) -> Fields:
        self._write("classify")
        return {"priority": "p2"}

    @hookimpl
    def tieline_disclose(
        self, fields: Fields, audience: Audience | None, connection: ConnectionName, ceiling: Tlp
    ) -> frozenset[str]:
        self._write("disclose")
        return frozenset()


@pytest.fixture
def writer(office: Office, tmp_path: Path) -> Writer:
    one = Writer(tmp_path / "office.db")
    office.engine.registry = Registry([plugin("writer", one)], limits=Limits(inline=True))
    return one


def test_a_plugin_that_takes_its_time_holds_up_nobody_who_writes(office: Office, writer: Writer) -> None:
    ref = one_alert(office)
    office.fire(2)
    office.fire(3)
    office.notify()
    office.settle(2)
    [first, *_others] = office.tools["memory"].rows()
    office.tools["memory"].comment(first.ref, "cleaning up", author="ann")
    office.alerts.resolve(ref)
    office.settle(2)
    one_alert(office)
    office.settle(2)
    office.decide("closed")
    later(office, AFTER)
    office.settle(2)
    with office.engine.store.read() as connection:
        kinds = {row.kind for row in connection.exec_driver_sql("SELECT kind FROM journal")}
    assert {"opened", "signal_joined", "reraised", "commented"} - kinds == set()
    assert writer.asked.keys() >= {"group_key", "classify", "disclose"}
    assert writer.waited == {}


def test_an_alert_that_is_news_by_the_time_it_is_taken_in_is_asked_about_between_two_tries(office: Office) -> None:
    one, other = (Signal(ALERTS, name, {"title": name}, {}) for name in ("one", "other"))
    tries: list[int] = []

    def work(judged: Judgements) -> list[str]:
        tries.append(len(judged.found))
        return sorted(judged.of([one, other]))

    assert judging.with_judgements(office.engine, work, [one]) == ["one", "other"]
    assert tries == [1, 2]
    with pytest.raises(NotJudged, match="1 alerts are to be judged before"):
        Judgements().of([one])
