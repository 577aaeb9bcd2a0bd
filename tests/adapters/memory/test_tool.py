"""What people can do in the memory tool, and what can go wrong there."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from tieline.adapters.memory.adapter import MemoryAdapter, connect
from tieline.adapters.memory.driver import MemoryDriver
from tieline.adapters.memory.faults import Fault
from tieline.adapters.memory.plugin import KIND, PROBLEM, UNCONDITIONAL, tieline_adapters
from tieline.adapters.memory.settings import MemorySettings
from tieline.adapters.memory.tool import MemoryTool, Refused
from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import Forged, Gone, NeedsOperator, Rejected, TryAgain
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Cursor, Delivery, Power, Ref, Token, Workbench
from tieline.core.secrets import Secret

NAME = ConnectionName("memory")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tool(clock: ManualClock) -> MemoryTool:
    return MemoryTool(clock.now, people=["Ada@Example.org"], webhook_secret="hook")


@pytest.fixture
def adapter(tool: MemoryTool, clock: ManualClock) -> MemoryAdapter:
    settings = MemorySettings(webhook_secret=Secret.literal("hook"))
    return connect(NAME, settings, Workbench(clock, clock.sleep, tool))


def on_file(path: Path, clock: ManualClock) -> MemoryAdapter:
    return connect(NAME, MemorySettings(path=path, people=("ada@example.org",)), Workbench(clock, clock.sleep))


class TestOnAFile:
    def test_records_outlive_the_process(self, tmp_path: Path, clock: ManualClock) -> None:
        path = tmp_path / "tool.json"
        program = (
            "import pathlib, sys; from tieline.adapters.memory.tool import MemoryTool\n"
            "tool = MemoryTool(path=pathlib.Path(sys.argv[1]))\n"
            "row = tool.make({'title': 'Disk full', 'tags': ['db']}, token='t-1')\n"
            "tool.comment(row.ref, 'on it'); tool.link(row.ref, 'https://a.example', 'l-1')\n"
            "tool.acknowledge(row.ref, 'a-1', tool.now())\n"
        )
        subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
        adapter = on_file(path, clock)
        found = adapter.find(Token("t-1"))
        assert found is not None
        assert found.body == {"title": "Disk full", "tags": ["db"]}
        assert [comment.body for comment in adapter.comments(found.ref)] == ["on it"]
        again = MemoryTool(path=path)
        assert again.acknowledge(found.ref, "a-1", clock.now()) == "act-3", "a token used before is still known"

    def test_two_tools_on_one_file_see_each_other(self, tmp_path: Path, clock: ManualClock) -> None:
        left, right = on_file(tmp_path / "tool.json", clock), on_file(tmp_path / "tool.json", clock)
        made = left.create({"title": "Disk full"}, Token("t-1"))
        written = right.update(made.ref, {"title": "Disk full on db1"}, made.version)
        assert left.read(made.ref) == written

    def test_many_writers_lose_nothing(self, tmp_path: Path) -> None:
        tools = [MemoryTool(path=tmp_path / "tool.json") for _ in range(4)]
        threads = [
            threading.Thread(target=lambda tool=tool: [tool.make({"title": "Disk full"}) for _ in range(10)])
            for tool in tools
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({row.ref for row in tools[0].rows()}) == 40

    def test_reading_does_not_write(self, tmp_path: Path, clock: ManualClock) -> None:
        path = tmp_path / "tool.json"
        adapter = on_file(path, clock)
        made = adapter.create({"title": "Disk full"}, Token("t-1"))
        before = path.stat()
        adapter.read(made.ref)
        list(adapter.changes(None))
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_a_refused_change_leaves_the_file_alone(self, tmp_path: Path, clock: ManualClock) -> None:
        path = tmp_path / "tool.json"
        adapter = on_file(path, clock)
        made = adapter.create({"title": "Disk full"}, Token("t-1"))
        before = path.read_text()
        with pytest.raises(Rejected):
            adapter.update(made.ref, {"title": "", "status": "closed"}, made.version)
        assert path.read_text() == before

    def test_hostile_text_survives_the_file(self, tmp_path: Path, clock: ManualClock) -> None:
        title = "a\x00b \N{FIRE} \u202e <script>"
        adapter = on_file(tmp_path / "tool.json", clock)
        made = adapter.create({"title": title}, Token("t-1"))
        assert on_file(tmp_path / "tool.json", clock).read(made.ref).body["title"] == title


class TestPeople:
    def test_an_edit_empties_a_field_with_none(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        row = tool.make({"title": "Disk full", "team": "db"})
        tool.edit(row.ref, team=None)
        assert adapter.read(Ref(row.ref)).body == {"title": "Disk full", "team": None}

    def test_an_edit_that_changes_nothing_keeps_the_version(self, tool: MemoryTool) -> None:
        row = tool.make({"title": "Disk full"})
        assert tool.edit(row.ref, title="Disk full").version == row.version

    def test_a_moved_record_has_a_new_key_and_the_old_ref(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        row = tool.make({"title": "Disk full"})
        tool.move(row.ref, "OTHER-1")
        moved = adapter.read(Ref(row.ref))
        assert (moved.key, moved.version != str(row.version)) == ("OTHER-1", True)

    def test_a_restored_record_is_listed_again(
        self, tool: MemoryTool, adapter: MemoryAdapter, clock: ManualClock
    ) -> None:
        row = tool.make({"title": "Disk full"})
        tool.delete(row.ref)
        with pytest.raises(Gone):
            adapter.read(Ref(row.ref))
        clock.advance(60)
        start = list(adapter.changes(None))[-1].cursor
        clock.advance(60)
        tool.restore(row.ref)
        assert [reading.ref for page in adapter.changes(start) for reading in page.readings] == [row.ref]

    def test_a_write_to_a_merged_record_names_its_successor(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        row, into = tool.make({"title": "Disk full"}), tool.make({"title": "Disk full on db1"})
        tool.merge(row.ref, into.ref)
        seen = adapter.read(Ref(row.ref)).version
        with pytest.raises(Gone) as gone:
            adapter.update(Ref(row.ref), {"title": "ours"}, seen)
        assert gone.value.merged_into == into.ref

    def test_persons_are_told_with_their_addresses(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        ada = adapter.person_id("ADA@example.org")
        row = tool.make({"title": "Disk full", "assignee": ada})
        assert adapter.read(Ref(row.ref)).people == {ada: "ada@example.org"}

    @pytest.mark.parametrize(
        "values",
        [
            {"colour": "red"},
            {"status": "dormant"},
            {"tags": "db"},
            {"tags": [1]},
            {"assignee": "person-99"},
            {"team": 7},
            {"title": ""},
            {"title": None},
        ],
    )
    def test_values_that_no_tool_would_take_are_refused(self, tool: MemoryTool, values: dict[str, object]) -> None:
        row = tool.make({"title": "Disk full"})
        with pytest.raises(Refused):
            tool.edit(row.ref, **values)
        with pytest.raises(Refused):
            tool.make({"title": "Disk full", **values})

    def test_a_tool_that_cannot_reopen_refuses(self, clock: ManualClock) -> None:
        tool = MemoryTool(clock.now, reopens=False)
        row = tool.make({"title": "Disk full", "status": "closed"})
        tool.edit(row.ref, title="Disk full, closed")
        with pytest.raises(Refused, match="opened again"):
            tool.edit(row.ref, status="new")

    def test_a_tool_that_can_reopen_does(self, tool: MemoryTool) -> None:
        row = tool.make({"title": "Disk full", "status": "closed"})
        assert tool.edit(row.ref, status="new").body["status"] == "new"

    def test_what_a_caller_handed_over_is_copied(self, tool: MemoryTool) -> None:
        tags = ["db"]
        row = tool.make({"title": "Disk full", "tags": tags})
        tags.append("urgent")
        tool.row(row.ref).body["tags"].append("loud")
        tool.row(row.ref).body["title"] = "nothing"
        assert tool.row(row.ref).body == {"title": "Disk full", "tags": ["db"]}

    def test_what_was_read_does_not_change_under_the_reader(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        row = tool.make({"title": "Disk full", "tags": ["db"]})
        reading = adapter.read(Ref(row.ref))
        tool.edit(row.ref, tags=["db", "urgent"])
        assert reading.body["tags"] == ["db"]


class TestFaults:
    def test_a_rule_edits_the_record_after_our_write_was_answered(
        self, tool: MemoryTool, adapter: MemoryAdapter
    ) -> None:
        made = adapter.create({"title": "Disk full"}, Token("t-1"))
        tool.workflow = lambda body: {"title": str(body["title"]).upper()}
        written = adapter.update(made.ref, {"title": "disk"}, made.version)
        now = adapter.read(made.ref)
        assert (written.body["title"], now.body["title"]) == ("disk", "DISK")
        assert now.version != written.version

    def test_a_rule_that_changes_nothing_still_lets_our_write_be_told(self, tool: MemoryTool) -> None:
        row, sent = tool.make({"title": "Disk full"}), list[Delivery]()
        tool.subscribers.append(sent.append)
        tool.workflow = lambda body: {"title": body["title"]}
        tool.write(row.ref, {"title": "disk"}, str(row.version))
        assert len(sent) == 1

    def test_a_queued_fault_lasts_as_often_as_it_says(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        tool.faults.queue.append(Fault(503, times=2, only_writes=True))
        adapter.check()
        for number in range(2):
            with pytest.raises(TryAgain):
                adapter.create({"title": "Disk full"}, Token(f"t-{number}"))
        adapter.create({"title": "Disk full"}, Token("t-3"))

    def test_a_rule_leaves_a_persons_edit_alone(self, tool: MemoryTool) -> None:
        row = tool.make({"title": "Disk full"})
        tool.workflow = lambda body: {"title": str(body["title"]).upper()}
        assert tool.edit(row.ref, title="disk").body["title"] == "disk"

    def test_an_ignored_field_is_dropped_without_a_word(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        tool.ignored = frozenset({"team"})
        made = adapter.create({"title": "Disk full", "team": "db"}, Token("t-1"))
        written = adapter.update(made.ref, {"title": "Disk", "team": "db"}, made.version)
        assert written.body == {"title": "Disk"}

    def test_a_slow_search_sees_a_record_late(self, tool: MemoryTool, clock: ManualClock) -> None:
        tool.lookup_lag = timedelta(seconds=30)
        adapter = connect(NAME, MemorySettings(), Workbench(clock, clock.sleep, tool))
        adapter.create({"title": "Disk full"}, Token("t-1"))
        clock.advance(29)
        assert (adapter.lookup_lag, adapter.find(Token("t-1"))) == (timedelta(seconds=30), None)
        clock.advance(1)
        assert adapter.find(Token("t-1")) is not None

    def test_a_search_without_lag_does_not_look_at_the_clock(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        adapter.create({"title": "Disk full"}, Token("t-1"))
        tool.skew = timedelta(hours=-1)
        assert adapter.find(Token("t-1")) is not None

    def test_a_simulation_decides_call_by_call(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        asked: list[tuple[str, bool]] = []

        def draw(verb: str, writes: bool) -> Fault | None:
            asked.append((verb, writes))
            return Fault(after_effect=True) if writes else None

        tool.faults.draw = draw
        with pytest.raises(TryAgain) as lost:
            adapter.create({"title": "Disk full"}, Token("t-1"))
        assert lost.value.maybe_done
        assert adapter.find(Token("t-1")) is not None
        assert asked == [("create", True), ("find", False)]

    def test_a_refusal_whose_answer_is_lost_may_be_done_too(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        tool.faults.queue.append(Fault(after_effect=True))
        with pytest.raises(TryAgain) as lost:
            adapter.create({}, Token("t-1"))
        assert lost.value.maybe_done

    def test_a_lost_read_was_not_a_write(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        row = tool.make({"title": "Disk full"})
        tool.faults.queue.append(Fault())
        with pytest.raises(TryAgain) as lost:
            adapter.read(Ref(row.ref))
        assert not lost.value.maybe_done

    def test_a_clock_that_is_set_back_does_not_hide_a_change(self, tool: MemoryTool, adapter: MemoryAdapter) -> None:
        tool.make({"title": "Disk full on db1"})
        start = list(adapter.changes(None))[-1].cursor
        tool.skew = timedelta(hours=-1)
        row = tool.make({"title": "Disk full on db2"})
        assert row.ref in [reading.ref for page in adapter.changes(start) for reading in page.readings]

    def test_a_strange_cursor_asks_for_a_person(self, adapter: MemoryAdapter) -> None:
        with pytest.raises(NeedsOperator, match="start anew"):
            list(adapter.changes(Cursor("12345")))

    def test_history_looks_back_by_the_tools_clock(self, tool: MemoryTool, clock: ManualClock) -> None:
        tool.skew = timedelta(days=-1)
        row = tool.make({"title": "Disk full"})
        clock.advance(1800)
        settings = MemorySettings(history=timedelta(hours=1))
        adapter = connect(NAME, settings, Workbench(clock, clock.sleep, tool))
        assert [reading.ref for page in adapter.changes(None) for reading in page.readings] == [row.ref]


class TestWebhooks:
    def test_every_change_is_told_with_a_proof(
        self, tool: MemoryTool, adapter: MemoryAdapter, clock: ManualClock
    ) -> None:
        sent: list[Delivery] = []
        tool.subscribers.append(sent.append)
        row = tool.make({"title": "Disk full"})
        tool.edit(row.ref, title="Disk full on db1")
        tool.comment(row.ref, "on it", Audience.CUSTOMERS)
        tool.edit(row.ref, title="Disk full on db1")  # changes nothing
        for delivery in sent:
            adapter.verify(delivery, clock.now())
            assert [hint.ref for hint in adapter.parse(delivery).hints] == [row.ref]
        assert len({adapter.parse(delivery).delivery_id for delivery in sent}) == 3

    def test_without_a_secret_nothing_is_proved(self, tool: MemoryTool, clock: ManualClock) -> None:
        adapter = connect(NAME, MemorySettings(), Workbench(clock, clock.sleep, tool))
        with pytest.raises(Forged, match="webhook_secret"):
            adapter.verify(tool.webhook("1"), clock.now())

    def test_the_signature_of_an_empty_secret_is_worth_nothing(self, clock: ManualClock) -> None:
        tool = MemoryTool(clock.now)
        settings = MemorySettings(webhook_secret=Secret.literal(""))
        adapter = connect(NAME, settings, Workbench(clock, clock.sleep, tool))
        with pytest.raises(Forged):
            adapter.verify(tool.webhook("1"), clock.now())

    @pytest.mark.parametrize("minutes", [-6, 6])
    def test_five_minutes_are_the_tolerance(
        self, tool: MemoryTool, adapter: MemoryAdapter, clock: ManualClock, minutes: int
    ) -> None:
        delivery = tool.webhook("1")
        adapter.verify(delivery, clock.now() + timedelta(minutes=minutes * 5 / 6))
        with pytest.raises(Forged, match="5 minutes"):
            adapter.verify(delivery, clock.now() + timedelta(minutes=minutes))

    def test_the_delivery_is_plain_json(self, tool: MemoryTool) -> None:
        assert json.loads(tool.webhook("7").body) == {"id": "delivery-1", "event": "changed", "ref": "7"}


def test_an_acknowledgement_ends_by_itself(clock: ManualClock) -> None:
    tool = MemoryTool(clock.now)
    row = tool.make({"title": "Disk full"})
    tool.acknowledge(row.ref, "a-1", clock.now() + timedelta(hours=4))
    assert tool.acts_in_force(row.ref) == 1
    clock.advance(4 * 3600)
    assert tool.acts_in_force(row.ref) == 0


def test_a_late_repetition_does_not_undo_a_release(clock: ManualClock) -> None:
    tool = MemoryTool(clock.now)
    row = tool.make({"title": "Disk full"})
    until = clock.now() + timedelta(hours=4)
    first = tool.acknowledge(row.ref, "a-1", until)
    tool.release(row.ref, "a-2")
    assert tool.acknowledge(row.ref, "a-1", until) == first
    assert tool.acts_in_force(row.ref) == 0


def test_an_account_without_a_password_stays_outside() -> None:
    driver = MemoryDriver()
    bare = connect(NAME, MemorySettings(), Workbench(driver.clock, driver.clock.sleep, driver.tool))
    with pytest.raises(NeedsOperator, match="tieline check memory"):
        bare.check()


def test_an_unknown_account_with_no_password_stays_outside() -> None:
    driver = MemoryDriver()
    settings = MemorySettings(user="stranger", password=Secret.literal(""))
    with pytest.raises(NeedsOperator):
        connect(NAME, settings, Workbench(driver.clock, driver.clock.sleep, driver.tool)).check()


def test_the_plugin_registers_every_power_that_its_tool_needs() -> None:
    assert tieline_adapters() == [KIND, PROBLEM]
    assert PROBLEM.powers == KIND.powers
    assert KIND.powers | UNCONDITIONAL == frozenset(Power)
    assert KIND.powers ^ UNCONDITIONAL == {Power.WRITE_IF_UNCHANGED, Power.TELL_REPLACED}
