"""One machine owns convergence: people edit everywhere, answers get lost, webhooks come twice, late and out of order,
the process dies at any time. When all that stops, the tools must agree and stay quiet, and nothing a person wrote may
be lost.
"""

import tempfile
from datetime import timedelta
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.sync.world import World

from tieline.adapters.memory.faults import Fault
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Receiver
from tieline.sync import explain
from tieline.sync.intake import inbox

TOOLS = ("left", "right", "third")
FIELDS = ("title", "description", "team", "category")
STATUSES = ("new", "in_progress", "on_hold", "resolved")
fields = st.sampled_from(FIELDS)
tools = st.sampled_from(TOOLS)


class Road(RuleBasedStateMachine):
    """Rules are what happens to the tools and to us; `teardown` is the promise."""

    records = Bundle("records")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self._folder.name), TOOLS)
        self.edits = 0
        self.made = 0
        self.last: dict[tuple[str, str, str], str] = {}
        self.comments: list[str] = []
        self.mail: list[tuple[str, Delivery]] = []
        for name, tool in self.world.tools.items():
            tool.subscribers.append(partial(self._post, name))

    def _post(self, name: str, delivery: Delivery) -> None:
        self.mail.append((name, delivery))

    @initialize()
    def begin(self) -> None:
        self.world.settle(1)

    # -- people

    @rule(target=records, tool=tools)
    def make(self, tool: str) -> tuple[str, str]:
        self.made += 1
        row = self.world.tools[tool].make({"title": f"made {self.made} in {tool}", "status": "new"})
        return tool, row.ref

    @rule(tool=tools, field=fields, pick=st.integers(0, 100))
    def edit(self, tool: str, field: str, pick: int) -> None:
        found = self.world.tools[tool].rows()
        if found:
            self.edits += 1
            ref, value = found[pick % len(found)].ref, f"edit {self.edits} in {tool}"
            self.world.tools[tool].edit(ref, **{field: value})
            self.last[tool, ref, field] = value

    @rule(tool=tools, status=st.sampled_from(STATUSES), pick=st.integers(0, 100))
    def move_on(self, tool: str, status: str, pick: int) -> None:
        found = self.world.tools[tool].rows()
        if found:
            self.world.tools[tool].edit(found[pick % len(found)].ref, status=status)

    @rule(tool=tools, pick=st.integers(0, 100))
    def comment(self, tool: str, pick: int) -> None:
        found = self.world.tools[tool].rows()
        if found:
            text = f"comment {len(self.comments) + 1}."
            self.world.tools[tool].comment(found[pick % len(found)].ref, text)
            self.comments.append(text)

    # -- the network

    @rule(tool=tools, after_effect=st.booleans(), times=st.integers(1, 3))
    def lose_answers(self, tool: str, after_effect: bool, times: int) -> None:
        self.world.tools[tool].faults.queue.append(Fault(only_writes=True, after_effect=after_effect, times=times))

    @rule(tool=tools, status=st.sampled_from([500, 503, 200]), after_effect=st.booleans())
    def answer_badly(self, tool: str, status: int, after_effect: bool) -> None:
        self.world.tools[tool].faults.queue.append(Fault(status=status, after_effect=after_effect))

    @rule(tool=tools)
    def refuse_for_now(self, tool: str) -> None:
        # A 429 says that nothing was done, and is taken at its word.
        self.world.tools[tool].faults.queue.append(Fault(status=429))

    @rule(tool=tools, field=fields)
    def edit_right_before_our_write(self, tool: str, field: str) -> None:
        def ambush() -> None:
            self.edit(tool, field, self.edits)

        self.world.tools[tool].faults.ambushes.append(ambush)

    @precondition(lambda self: self.mail)
    @rule(pick=st.integers(0, 1000), keep=st.booleans())
    def deliver_a_webhook(self, pick: int, keep: bool) -> None:
        name, delivery = self.mail[pick % len(self.mail)]
        if not keep:
            self.mail.remove((name, delivery))
        connection = ConnectionName(name)
        source = self.world.engine.connections[connection].source
        assert isinstance(source, Receiver)
        # Whether it is forged is another test's question; here it only may come late, twice and out of order.
        with self.world.engine.store.write() as tx:
            inbox.accept(tx, connection, source.parse(delivery), self.world.clock.now())

    # -- ourselves

    @rule(tool=tools, seconds=st.sampled_from([0, 1, 31]))
    def step(self, tool: str, seconds: int) -> None:
        self.world.clock.advance(seconds)
        self.world.step(tool)

    @rule()
    def die(self) -> None:
        self.world.restart()

    @rule(seconds=st.sampled_from([-86400, -5, 5, 86400]), tool=tools)
    def set_a_tools_clock(self, seconds: int, tool: str) -> None:
        self.world.tools[tool].skew = timedelta(seconds=seconds)

    # -- the promise

    @invariant()
    def no_record_has_two_copies_of_one_incident(self) -> None:
        for name, tool in self.world.tools.items():
            tokens = [row.token for row in tool.rows() if row.token]
            assert len(tokens) == len(set(tokens)), f"{name} holds two records of one create"

    def teardown(self) -> None:
        try:
            self._promise()
        finally:
            self.world.engine.store.close()
            self.world.engine.registry.close()
            self._folder.cleanup()

    def _promise(self) -> None:
        for tool in self.world.tools.values():
            tool.faults.heal()
        self.world.clock.advance(4000)
        self.world.settle(12)
        before = self.world.writes()
        self.world.settle(2)
        assert self.world.writes() == before, "still writing after everything came to rest"
        assert self.world.parked() == []
        assert self.world.conflicts() == []
        for incident, copies in self.world.incidents():
            for copy in copies:
                if copy.ref is None:
                    assert incident.fields["status"] in ("resolved", "closed", "cancelled")
                    continue
                body = self.world.tools[copy.connection].row(copy.ref).body
                for name in (*FIELDS, "status"):
                    assert (body.get(name) or None) == (incident.fields.get(name) or None), (copy.connection, name)
        self._nothing_was_lost()
        assert self.world.verified() >= 0

    def _nothing_was_lost(self) -> None:
        with self.world.engine.store.read() as connection:
            told = str([explain.history(connection, incident.id) for incident, _copies in self.world.incidents()])
        shown = str([row.body for tool in self.world.tools.values() for row in tool.rows()])
        for (tool, ref, _field), value in self.last.items():
            if self.world.tools[tool].row(ref).body.get("status") == "resolved" and value not in told + shown:
                continue
            assert value in told or value in shown, f"{value!r} is nowhere"
        for text in self.comments:
            counts = [
                sum(text in note.text for row in tool.rows() for note in row.notes)
                for tool in self.world.tools.values()
            ]
            assert max(counts) <= 1, f"{text} stands twice"


Road.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestRoad = Road.TestCase
