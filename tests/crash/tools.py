"""The tools, in the process that is never killed: what the engine did to them is there whatever becomes of it.

The engine's process reaches them through a pipe, one question after the other, as it would over a network.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from tieline.adapters.memory.adapter import MemoryAdapter
from tieline.adapters.memory.settings import MemorySettings
from tieline.adapters.memory.shelf import Row
from tieline.adapters.memory.tool import SIGNATURE, MemoryTool, sign
from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation.alerts import AlertSource, AlertTool
from tieline.core.errors import Gone, RemoteError
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Delivery, Page, Source, Workbench
from tieline.core.secrets import Secret

TOOLS: Final = ("left", "middle", "right")
ALERTS: Final = "alerts"
PEOPLE: Final = ("ann@example.com", "bob@example.com")
LAG: Final = timedelta(seconds=20)
"""How late the middle tool's index sees a record: there a create whose answer was lost has to be waited out."""

SILENT: Final = "middle"
"""The tool that sends no webhooks and lists nothing younger than its lag. Elsewhere a webhook or a poll finds what a
killed engine left behind, before its own search is ever needed."""

TWICE: Final = "right"
"""The tool that sends each webhook twice."""

WRITING: Final = frozenset({"create", "update", "add_comment", "edit_comment", "acknowledge", "link"})


@dataclass(frozen=True, slots=True)
class Letter:
    """A webhook on its way; it is sent again until somebody answers 2xx."""

    number: int
    tool: str
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of the port on its way through the pipe."""

    kind: type[RemoteError]
    connection: str
    message: str
    merged_into: str | None

    @classmethod
    def of(cls, error: RemoteError) -> Refusal:
        words = str(error).removeprefix(f"{error.connection}: ")
        return cls(type(error), error.connection, words, error.merged_into if isinstance(error, Gone) else None)

    def error(self) -> RemoteError:
        if self.kind is Gone:
            return Gone(self.connection, self.message, merged_into=self.merged_into)
        return self.kind(self.connection, self.message)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered: a value or an error."""

    value: Any = None
    refusal: Refusal | None = None


class Tools:
    """Three ticket tools and a source of alerts, the people in them, and the post."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.tools = {
            name: MemoryTool(
                self.clock.now,
                people=PEOPLE,
                webhook_secret=f"hook-{name}",
                lookup_lag=LAG if name == "middle" else timedelta(0),
            )
            for name in TOOLS
        }
        self.alerts = AlertTool(self.clock.now)
        for name, tool in self.tools.items():
            tool.subscribers.append(partial(self._post, name))
        self.alerts.subscribers.append(partial(self._post, ALERTS))
        self.mail: list[Letter] = []
        self.posted = 0
        self.written = 0
        """Writes that the engine asked for, whether they changed anything or not."""
        bench = Workbench(self.clock, self.clock.sleep)
        self._adapters: dict[str, Source] = {ALERTS: AlertSource(ConnectionName(ALERTS), self.alerts, bench)}
        for name, tool in self.tools.items():
            settings = MemorySettings(
                webhook_secret=Secret.literal(f"hook-{name}"), history=timedelta(days=1), page_size=2
            )
            self._adapters[name] = MemoryAdapter(ConnectionName(name), settings, bench, tool)

    def _post(self, name: str, delivery: Delivery) -> None:
        for _ in range({SILENT: 0, TWICE: 2}.get(name, 1)):
            self.posted += 1
            self.mail.append(Letter(self.posted, name, delivery))

    def ask(self, name: str, verb: str, arguments: Sequence[Any], now: datetime) -> Answer:
        """What a tool answers to one call, at the caller's time."""
        self.wait_until(now)
        self.written += verb in WRITING
        try:
            if verb == "acknowledge":
                ref, act, until, note, token = arguments
                done = self._adapters[name].acknowledge(ref, act, until=until, note=note, token=token)  # type: ignore[attr-defined]
                return Answer(done)
            answer: Any = getattr(self._adapters[name], verb)(*arguments)
            if verb == "changes":
                answer = [self._visible(name, page) for page in answer]
            return Answer(answer)
        except RemoteError as error:
            return Answer(refusal=Refusal.of(error))

    def _visible(self, name: str, page: Page) -> Page:
        """What the index of a tool that lags shows of a page; it never moves its cursor past what it left out."""
        if name != SILENT:
            return page
        young = [reading for reading in page.readings if reading.age is not None and reading.age < LAG]
        if not young:
            return page
        old = [reading for reading in page.readings if reading not in young]
        stamp = min(self.tools[name].row(reading.ref).changed_at for reading in young)
        return replace(page, readings=old, cursor=Cursor(stamp))

    def wait_until(self, now: datetime) -> None:
        """There is one time for all; who asks says what it is."""
        self.clock.advance(max(0.0, (now - self.clock.now()).total_seconds()))

    def post(self) -> list[Letter]:
        """What is on its way. Whoever sends again signs anew, since a proof holds for five minutes."""
        return [replace(letter, delivery=self._signed(letter)) for letter in self.mail]

    def _signed(self, letter: Letter) -> Delivery:
        if letter.tool == ALERTS:
            return letter.delivery
        at = int(self.clock.now().timestamp())
        proof = f"t={at},v1={sign(f'hook-{letter.tool}', at, letter.delivery.body)}"
        return Delivery({**letter.delivery.headers, SIGNATURE: proof}, letter.delivery.body)

    def answered(self, numbers: Sequence[int]) -> None:
        """These letters were answered 2xx."""
        self.mail = [letter for letter in self.mail if letter.number not in numbers]

    # -- what people see -------------------------------------------------------------------------------------------

    def rows(self, name: str) -> list[Row]:
        """What a tool shows: neither what was deleted nor what was merged into something else."""
        return [row for row in self.tools[name].rows() if row.merged_into is None]

    def find(self, name: str, title: str) -> Row:
        """The one record of this title. Raises LookupError unless there is exactly one."""
        found = [row for row in self.rows(name) if row.body["title"] == title]
        if len(found) != 1:
            raise LookupError(f"{name} shows {len(found)} records called {title!r}")
        return found[0]

    # -- before and after ------------------------------------------------------------------------------------------

    def save(self) -> Any:
        """Everything that the tools hold, to come back to."""
        shelves = {name: tool._shelf._state for name, tool in self.tools.items()}
        held = (shelves, self.alerts.firing, self.alerts.acts, self.alerts._sent)
        return copy.deepcopy((held, self.mail, self.posted, self.written)), self.clock.now(), self.clock.monotonic()

    def load(self, saved: Any) -> None:
        """Come back to what `save` answered."""
        kept, self.clock._now, self.clock._elapsed = saved
        held, self.mail, self.posted, self.written = copy.deepcopy(kept)
        shelves, self.alerts.firing, self.alerts.acts, self.alerts._sent = held
        for name, state in shelves.items():
            self.tools[name]._shelf._state = state


WORKSPACE: Final = """\
tieline: 1
store: "{address}"
poll_every: 30s
signals: {{window: 2m, silence_for: 30d}}
connections:
  alerts: {{tool: simulated-alerts}}
  left: {{tool: memory, opens: true, history: 1d}}
  middle: {{tool: memory, opens: true, history: 1d}}
  right: {{tool: memory, opens: true, history: 1d}}
"""

FILE: Final = Path("crash.yaml")
