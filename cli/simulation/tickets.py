"""A ticket tool for simulations: the memory tool, in which people may be faster than we are, and whose listings and
habits are as odd as those of real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final, Self

from tieline.adapters.memory.adapter import MemoryAdapter
from tieline.adapters.memory.plugin import KIND as MEMORY
from tieline.adapters.memory.plugin import UNCONDITIONAL
from tieline.adapters.memory.settings import MemorySettings
from tieline.adapters.memory.shelf import Note, Row
from tieline.adapters.memory.tool import SIGNATURE, MemoryTool, Refused, sign
from tieline.cli.simulation import habits
from tieline.cli.simulation.people import CHOICES, COMPARED, TEXTS
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName
from tieline.core.port import AdapterKind, Cursor, Delivery, FieldFact, Page, Version, Workbench
from tieline.mappings.board import split


@dataclass(frozen=True, slots=True)
class Oddities:
    """What the world does to a tool: asked at each write, and once for every page of a listing; and what it does to us
    before we call."""

    before_write: Callable[[str, Mapping[str, Any]], None]
    empties: Callable[[], bool]
    repeats: Callable[[], bool]
    elapsed: Callable[[], float]
    before_call: Callable[[], None]
    polled: Callable[[], bool] = lambda: True
    """Whether somebody would see what no webhook tells."""


class SimulatedTool(MemoryTool):
    """A memory tool that counts what the engine wrote. `refuses` are values that it does not take any more."""

    made = written = commented = 0
    overwrote = 0
    """Writes of ours that took somebody's edit away, in a tool that refuses none: each is put right by one more."""
    refuses: Mapping[str, str] = {}
    candid = False
    oddities: Oddities
    account = MemorySettings().user
    texts = TEXTS
    clearable = TEXTS[1:]
    choices = CHOICES
    compared = COMPARED
    skills = frozenset({"delete", "restore", "merge", "move"})
    secrets: ClassVar[Mapping[str, Any]] = {}
    busiest = 0
    unruly: frozenset[str] = frozenset()
    tells_replaced = True
    spaced = True
    pins = False
    steps_of_a_write = 1

    def __init__(self, *args: Any, **others: Any) -> None:
        super().__init__(*args, **others)
        self._made_at: dict[str, float] = {}
        self.born: dict[str, Mapping[str, Any]] = {}

    def _is_older(self, row: Row, lag: timedelta) -> bool:
        """How far a replica or an index lags behind has nothing to do with anybody's clock."""
        return self.oddities.elapsed() - self._made_at[row.ref] >= lag.total_seconds()

    def replicated(self, ref: str) -> Row:
        row = self.row(ref)
        if not self._is_older(row, self.replication_lag):
            raise LookupError(ref)
        return row

    def with_token(self, token: str) -> list[Row]:
        found = [row for row in self.rows() if row.token == token and self._is_older(row, self.lookup_lag)]
        return sorted(found, key=lambda row: int(row.ref))

    def signed(self, delivery: Delivery) -> Delivery:
        """The same delivery, signed now."""
        at = int(self.now().timestamp())
        proof = f"t={at},v1={sign(self.webhook_secret, at, delivery.body)}"
        return Delivery({**delivery.headers, SIGNATURE: proof}, delivery.body)

    def forged(self, delivery: Delivery) -> Delivery:
        """The same delivery with a proof that is none."""
        proof = delivery.headers[SIGNATURE]
        return Delivery({**delivery.headers, SIGNATURE: proof[:-1] + ("0" if proof[-1] != "0" else "1")}, delivery.body)

    def stray(self) -> Delivery:
        """A proved webhook about a record that nobody knows."""
        return self.webhook("4040404")

    @property
    def transport(self) -> Self:
        """Its adapter speaks to it as it is."""
        return self

    def board(self, row: Row) -> str | None:
        """What the block in its description says of its alerts."""
        return split(str(row.body.get("description") or ""))[1]

    def scribble(self, ref: str, words: str) -> bool:
        text = self.row(ref).body.get("description")
        if not isinstance(text, str) or "fire" not in text or split(text)[1] is None:
            return False
        self.edit(ref, description=text.replace("fire", f"fire {words}", 1))
        return True

    def did_by_itself(self, _ref: str, _field: str) -> bool:
        """It may have any habit."""
        return True

    def can_show(self, name: str, value: Any) -> bool:
        """Whether it can be told this value at all: a field of words cannot be emptied, as `tieline why` says."""
        if name == "assignee":
            return value is None or value in self.addresses().values()
        return value is not None or name not in CHOICES

    def would_show(self, name: str, value: Any) -> Any:  # noqa: ARG002 - it shows every field as it is
        """A canonical value as far as this tool can show it."""
        return value

    def version_of(self, ref: str) -> Version:
        """The version of a record, "" for one that is gone."""
        found = [row for row in self.rows() if row.ref == ref]
        return Version(str(found[0].version)) if found else Version("")

    def write(self, ref: str, patch: Mapping[str, Any], seen: str, author: str = "") -> Row:
        self.oddities.before_write(ref, patch)
        before = self.row(ref).version
        row = super().write(ref, patch, seen, author)
        self.written += row.version != before
        self.overwrote += bool(not self.conditional and before != int(seen) and self.replaced(ref, seen, author))
        return row

    def make(self, body: Mapping[str, Any], *, token: str | None = None) -> Row:
        row = super().make(body, token=token)
        self._made_at[row.ref] = self.oddities.elapsed()
        if token is not None:
            self.made += 1
            self.born[row.ref] = row.body
        return row

    def comment(self, ref: str, text: str, *args: Any, token: str | None = None, **others: Any) -> Note:
        note = super().comment(ref, text, *args, token=token, **others)
        self.commented += token is not None
        return note

    def settle_down(self) -> None:
        """Give up every bad habit."""
        self.refuses = {}
        habits.take_on(self, {})
        for ref in sorted(self.spoilt):
            self.mend(ref)

    def _kept(self, values: Mapping[str, Any]) -> dict[str, Any]:
        for name, value in self.refuses.items():
            if values.get(name) == value:
                raise Refused(f"{name} cannot be {value!r} any more", name)
        return super()._kept(values)


class SimulatedAdapter(MemoryAdapter):
    """The memory tool's adapter, whose listings are sometimes empty for no reason, or show a page twice."""

    def __init__(
        self, name: ConnectionName, settings: MemorySettings, workbench: Workbench, tool: SimulatedTool
    ) -> None:
        super().__init__(name, settings, interrupted(workbench, tool.oddities.before_call), tool)
        self._oddities = tool.oddities
        self._simulated = tool

    def describe(self) -> Mapping[str, FieldFact]:
        facts = dict(super().describe())
        for name, value in self._simulated.refuses.items() if self._simulated.candid else ():
            choices = {one: one for one in facts[name].choices or () if one != value}
            facts[name] = replace(facts[name], choices=choices, advice="ask for it in the tool's settings")
        return facts

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        if since is not None and self._oddities.empties():
            yield Page((), since)
            return
        for page in super().changes(since):
            if self._oddities.repeats():
                yield replace(page, more=True)
            yield page


def interrupted(workbench: Workbench, before_call: Callable[[], None]) -> Workbench:
    """A workbench at which something happens before a call is asked for and permitted."""

    def spend() -> None:
        before_call()
        workbench.spend()

    return replace(workbench, spend=spend)


def _connect(name: ConnectionName, settings: MemorySettings, workbench: Workbench) -> SimulatedAdapter:
    return SimulatedAdapter(name, settings, workbench, workbench.transport)


KIND: Final[AdapterKind] = replace(MEMORY, tool="simulated", connect=_connect)


BLUNT: Final[AdapterKind] = replace(KIND, tool="simulated-blunt", powers=UNCONDITIONAL)


class TicketsPlugin:
    """Registers the tool, and the same one without conditional writes."""

    @hookimpl
    def tieline_adapters(self) -> list[AdapterKind]:
        return [KIND, BLUNT]
