"""Whose doing a value is: a write is answered as it was left, and what the tool does by itself is told."""

from __future__ import annotations

from tieline.adapters.testing.contract.expect import expect, here, listed, needs, newcomers_of, raises, token
from tieline.adapters.testing.contract.writing import FindingAdapter
from tieline.adapters.testing.driver import ToolDriver
from tieline.core.errors import StaleVersion
from tieline.core.port import Adapter, Body, Cursor, Power, Reading, Ref, Source


class LeftContract:
    """What a write is answered with."""

    @needs(Power.WRITE, "record", "patch_title", "edit", "title_in", "after_next_write", "advance")
    def test_what_a_person_does_after_our_write_is_left_to_the_next_reading(
        self, adapter: Adapter, tool: ToolDriver
    ) -> None:
        made = tool.record(adapter, "Disk full")
        tool.advance(2)
        theirs = tool.patch_title("Disk full, says a person")
        tool.after_next_write(lambda: tool.edit(made.ref, theirs))
        written = adapter.update(made.ref, tool.patch_title("Disk full, says Tieline"), made.version)
        title = tool.title_in(written.body)
        expect(title == "Disk full, says Tieline", f"update() answers the record as the write left it, not {title!r}")
        self._next(adapter, tool, written)

    @needs(Power.WRITE, "new_body", "patch_title", "edit", "title_in", "after_next_write", "advance")
    def test_a_new_record_is_answered_as_it_was_born(self, adapter: Adapter, tool: ToolDriver) -> None:
        here(adapter)  # whatever it has to buy or ask before its first write is bought and asked
        newcomers = newcomers_of(tool.connect())
        theirs = tool.patch_title("Disk full, says a person")
        tool.after_next_write(lambda: tool.edit(newcomers().pop(), theirs))
        made = adapter.create(tool.new_body("Disk full"), token())
        title = tool.title_in(made.body)
        expect(title == "Disk full", f"create() answers the record as it was born, not {title!r}")
        self._next(adapter, tool, made)

    def _next(self, adapter: Adapter, tool: ToolDriver, written: Reading) -> None:
        now = adapter.read(written.ref)
        title = tool.title_in(now.body)
        expect(title == "Disk full, says a person", f"the person's edit stands, and the record reads {title!r}")
        expect(now.version != written.version, "the answer to our write has an older version than what followed it")
        patch = tool.patch_title("once more")
        raises(StaleVersion, lambda: adapter.update(written.ref, patch, written.version), "a write on that version")


class BirthContract:
    """`Reading.born`."""

    @needs(Power.WRITE, Power.FIND, "new_body", "patch_title", "edit", "title_in", "advance")
    def test_a_record_tells_how_it_was_born(self, adapter: FindingAdapter, tool: ToolDriver) -> None:
        mine = token()
        made = adapter.create(tool.new_body("Disk full"), mine)
        tool.advance(max(adapter.lookup_lag.total_seconds(), 2))
        found = adapter.find(mine)
        told = found.born if found is not None else None
        if tool.tells_birth:
            expect(told is not None, "find() tells how a record was born that nobody has touched since")
        self._as_created(tool, told)
        tool.edit(made.ref, tool.patch_title("Disk full, says a person"))
        tool.advance(max(adapter.lookup_lag.total_seconds(), 2))
        found = adapter.find(mine)
        self._as_created(tool, found.born if found is not None else None)

    def _as_created(self, tool: ToolDriver, born: Body | None) -> None:
        # What it lacks counts as it was sent.
        title = "Disk full" if born is None else tool.title_in({**tool.new_body("Disk full"), **born})
        expect(title == "Disk full", f"a record was born as it was created, or nobody can tell; not as {title!r}")


class AutomaticContract:
    """`Reading.automatic`."""

    @needs("make", "act_by_itself")
    def test_what_the_tool_does_by_itself_is_told(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        ref = tool.make("Disk full")
        tool.act_by_itself(ref)
        for where, reading in self._seen(adapter, start, ref).items():
            expect(bool(reading.automatic), f"{where} does not say what the tool's own clock or rule set")

    @needs("make", "act_by_itself", "edit")
    def test_what_a_person_changes_afterwards_is_the_persons(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        ref = tool.make("Disk full")
        theirs = tool.act_by_itself(ref)
        adapter.read(ref)
        tool.edit(ref, theirs)
        for where, reading in self._seen(adapter, start, ref).items():
            expect(not reading.automatic, f"{where} says that the tool set {set(reading.automatic)}: a person did")

    @needs("make", "touch")
    def test_what_a_person_does_is_not_the_tools_doing(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        ref = tool.make("Disk full")
        tool.touch(ref)
        for where, reading in self._seen(adapter, start, ref).items():
            expect(not reading.automatic, f"{where} says that the tool set {set(reading.automatic)}: a person did")

    def _seen(self, adapter: Source, start: Cursor, ref: Ref) -> dict[str, Reading]:
        listing = {reading.ref: reading for reading in listed(adapter, start)}
        expect(ref in listing, "what was changed is listed")
        return {"read()": adapter.read(ref), "the listing": listing[ref]}
