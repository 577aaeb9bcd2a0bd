"""What every adapter that writes owes: one token makes one record, and nobody's edit is overwritten unseen."""

from __future__ import annotations

from typing import ClassVar, Protocol

import pytest

from tieline.adapters.testing.contract.expect import (
    HOSTILE,
    expect,
    here,
    listed,
    needs,
    newcomers_of,
    raises,
    token,
    told,
)
from tieline.adapters.testing.driver import ToolDriver
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, StaleVersion, TryAgain
from tieline.core.port import Adapter, Body, Cursor, Finder, Historian, Power, Reading, Token, Version


class CreatingContract:
    """`create()`."""

    @needs(Power.WRITE, "new_body", "title_in")
    def test_what_was_created_reads_back(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = adapter.create(tool.new_body("Disk full on db1", "df says 100 %"), token())
        record = adapter.read(made.ref)
        expect(tool.title_in(made.body) == "Disk full on db1", "create() answers with the record as the tool made it")
        expect(tool.title_in(record.body) == "Disk full on db1", "the record holds the title that was created")
        expect(record.version == made.version, "create() answers with the version that the record has")

    @needs(Power.WRITE, "new_body", "description_in")
    def test_every_field_of_a_new_record_arrives(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = adapter.create(tool.new_body("Disk full", "df says 100 %"), token())
        said = tool.description_in(adapter.read(made.ref).body)
        expect(said == "df says 100 %", f"the record holds the description that was created, not {said!r}")

    @needs(Power.WRITE, Power.FIND, "new_body")
    def test_a_record_tells_its_token(self, adapter: Adapter, tool: ToolDriver) -> None:
        mine = token()
        made = adapter.create(tool.new_body("Disk full"), mine)
        told = adapter.read(made.ref).token
        expect(told in (mine, None), f"a record carries the token it was created with, not {told!r}")

    @needs(Power.WRITE, "invalid_body")
    def test_what_the_tool_refuses_is_rejected(self, adapter: Adapter, tool: ToolDriver) -> None:
        newcomers = newcomers_of(adapter)
        raises(Rejected, lambda: adapter.create(tool.invalid_body(), token()), "creating what the tool refuses")
        expect(not newcomers(), "a refused record does not exist")

    @needs(Power.WRITE, "unfit_body")
    def test_a_refusal_names_the_member_that_was_refused(self, adapter: Adapter, tool: ToolDriver) -> None:
        body, path = tool.unfit_body("Disk full")
        try:
            told = adapter.create(body, token()).refused
        except Rejected as error:
            told = error.refused
        named = any(one == path or path.startswith(f"{one}.") for one in told)
        expect(named, f"`refused` names {path!r}, so that the rest is written without it; it names {list(told)}")
        expect(all(told.values()), "each refused member comes with the tool's own words")

    @needs(Power.WRITE, "new_body", "description_in")
    @pytest.mark.parametrize("what", HOSTILE)
    def test_hostile_text_arrives_unchanged(self, adapter: Adapter, tool: ToolDriver, what: str) -> None:
        text = HOSTILE[what]
        made = adapter.create(tool.new_body("Disk full", text), token())
        said = tool.description_in(adapter.read(made.ref).body) or ""
        expect(said == tool.text_kept(text), f"{what}: wrote {text!r:.60}, read {said!r:.60}")


class FindingAdapter(Adapter, Finder, Protocol):
    """Writes, and finds again what it wrote."""


class FindingContract:
    """`find()` and the create token."""

    @needs(Power.WRITE, Power.FIND, "new_body")
    def test_a_record_is_found_by_its_token(self, adapter: FindingAdapter, tool: ToolDriver) -> None:
        mine = token()
        made = adapter.create(tool.new_body("Disk full"), mine)
        found = self._find(adapter, tool, mine)
        expect(found is not None and found.ref == made.ref, "find() finds the record that was created with the token")

    @needs(Power.WRITE, Power.FIND, "new_body")
    def test_a_token_used_twice_leads_to_one_record(self, adapter: FindingAdapter, tool: ToolDriver) -> None:
        mine = token()
        made = adapter.create(tool.new_body("Disk full"), mine)
        if tool.can("advance"):
            tool.advance(61)
        try:
            again = adapter.create(tool.new_body("Disk full"), mine)
        except (Rejected, StaleVersion):
            again = made
        found = self._find(adapter, tool, mine)
        expect(found is not None and found.ref == made.ref, f"with {made.ref} and {again.ref}, find() names the oldest")

    @needs(Power.WRITE, Power.FIND, "new_body")
    def test_find_ignores_what_carries_another_token(self, adapter: FindingAdapter, tool: ToolDriver) -> None:
        mine = token()
        adapter.create(tool.new_body(f"Disk full {mine}"), Token(mine + "0"))
        adapter.create(tool.new_body("Disk full"), token())
        for other in (mine, token(), Token(mine[:-4]), Token(mine.upper())):
            found = self._find(adapter, tool, other)
            expect(found is None, "find() verifies the token on the record itself and ignores all others")

    @needs(Power.WRITE, Power.FIND, "new_body")
    @pytest.mark.parametrize("query", ["x^ORactive=true", 'x" OR project is not EMPTY OR "', "*", "%", "x&limit=1"])
    def test_a_token_is_never_part_of_a_query(self, adapter: FindingAdapter, tool: ToolDriver, query: str) -> None:
        adapter.create(tool.new_body("Disk full"), token())
        expect(self._find(adapter, tool, Token(query)) is None, f"find({query!r}) finds nothing: no record carries it")

    @needs(Power.WRITE, Power.FIND, "fail")
    def test_an_error_is_never_not_found(self, adapter: FindingAdapter, tool: ToolDriver) -> None:
        tool.fail(503)
        raises(TryAgain, lambda: adapter.find(token()), "find() while the tool answers 503")

    @needs(Power.WRITE, Power.FIND, "new_body", "lose_next_write", "heal")
    def test_a_create_with_a_lost_answer_is_found_again(self, adapter: FindingAdapter, tool: ToolDriver) -> None:
        newcomers, mine = newcomers_of(adapter), token()
        tool.lose_next_write(after_effect=True)
        error = raises(
            TryAgain, lambda: adapter.create(tool.new_body("Disk full"), mine), "a create with a lost answer"
        )
        tool.heal()
        expect(
            isinstance(error, TryAgain) and error.maybe_done, "a lost answer says maybe_done: the tool may have acted"
        )
        found = self._find(adapter, tool, mine)
        expect(found is not None, "the record that was made although its answer was lost is found by its token")
        made = newcomers()
        expect(len(made) == 1, f"one create made {len(made)} records: an adapter never repeats a write")

    @needs(Power.WRITE, Power.FIND, "new_body", "lose_next_write", "heal")
    def test_a_create_that_never_arrived_made_nothing(self, adapter: FindingAdapter, tool: ToolDriver) -> None:
        mine = token()
        tool.lose_next_write(after_effect=False)
        error = raises(
            TryAgain, lambda: adapter.create(tool.new_body("Disk full"), mine), "a create that never arrived"
        )
        tool.heal()
        expect(isinstance(error, TryAgain) and error.maybe_done, "a broken connection says maybe_done: nobody knows")
        expect(self._find(adapter, tool, mine) is None, "an adapter never repeats a write: whoever asked decides")

    def _find(self, adapter: FindingAdapter, tool: ToolDriver, wanted: Token) -> Reading | None:
        lag = adapter.lookup_lag.total_seconds()
        if lag:
            expect(tool.can("advance"), f"the look-up lags {lag:.0f} s: fill `advance`, so that they can go by")
            tool.advance(lag)
        return adapter.find(wanted)


class UpdatingContract:
    """`update()`."""

    @needs(Power.WRITE, "record", "patch_title", "title_in")
    def test_a_write_is_read_back(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        written = adapter.update(made.ref, tool.patch_title("Disk full on db1"), made.version)
        record = adapter.read(made.ref)
        expect(tool.title_in(record.body) == "Disk full on db1", "update() writes what it was given")
        expect(tool.title_in(written.body) == "Disk full on db1", "update() answers with the record as it is now")
        expect(written.version == record.version, "update() answers with the version that the record has now")

    @needs(Power.WRITE, "record", "patch_title")
    def test_a_write_moves_the_version(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        adapter.update(made.ref, tool.patch_title("Disk full on db1"), made.version)
        expect(adapter.read(made.ref).version != made.version, "a write moves the version")

    @needs(Power.WRITE, "record", "patch_title", "description_in")
    def test_a_write_leaves_other_fields_alone(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full", "df says 100 %")
        adapter.update(made.ref, tool.patch_title("Disk full on db1"), made.version)
        said = tool.description_in(adapter.read(made.ref).body)
        expect(said == "df says 100 %", f"writing the title turned the description into {said!r}")

    @needs(Power.WRITE, "record", "patch_title", "edit", "title_in")
    def test_a_write_on_an_old_version_changes_nothing(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        tool.edit(made.ref, tool.patch_title("Disk full, says a person"))
        self._stale(adapter, tool, made)

    @needs(Power.WRITE, "record", "patch_title", "title_in")
    def test_a_write_on_an_unknown_version_changes_nothing(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full, says a person")
        stale = Version(made.version + "0")
        raises(StaleVersion, lambda: adapter.update(made.ref, tool.patch_title("ours"), stale), "an unknown version")
        title = tool.title_in(adapter.read(made.ref).body)
        expect(title == "Disk full, says a person", f"a refused write changed the title to {title!r}")

    @needs(Power.WRITE, Power.WRITE_IF_UNCHANGED, "record", "patch_title", "edit", "title_in", "before_next_write")
    def test_a_person_who_is_a_moment_faster_wins(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        edit = tool.patch_title("Disk full, says a person")
        tool.before_next_write(lambda: tool.edit(made.ref, edit))
        self._stale(adapter, tool, made)

    @needs(Power.WRITE, "missing_ref", "patch_title")
    def test_writing_to_a_missing_record_says_gone(self, adapter: Adapter, tool: ToolDriver) -> None:
        ref = tool.missing_ref()
        raises(Gone, lambda: adapter.update(ref, tool.patch_title("ours"), Version("1")), "a write to a missing record")

    @needs(Power.WRITE, "record", "delete", "patch_title")
    def test_writing_to_a_deleted_record_says_gone(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        tool.delete(made.ref)
        patch = tool.patch_title("ours")
        raises(Gone, lambda: adapter.update(made.ref, patch, made.version), "a write to a deleted record")

    @needs(Power.WRITE, "record", "patch_description", "description_in", "title_in")
    def test_a_cleared_field_is_empty_and_not_absent(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full", "df says 100 %")
        adapter.update(made.ref, tool.patch_description(None), made.version)
        body = adapter.read(made.ref).body
        try:
            said = tool.description_in(body)
        except KeyError:
            said = "(not spoken of)"
        expect(not said, f"a cleared description reads back as empty, not as {said!r}")
        expect(tool.title_in(body) == "Disk full", "clearing one field leaves the others alone")

    @needs(Power.WRITE, "record", "patch_description", "description_in")
    @pytest.mark.parametrize("what", HOSTILE)
    def test_hostile_text_is_written_unchanged(self, adapter: Adapter, tool: ToolDriver, what: str) -> None:
        text = HOSTILE[what]
        made = tool.record(adapter, "Disk full", "df says 100 %")
        adapter.update(made.ref, tool.patch_description(text), made.version)
        said = tool.description_in(adapter.read(made.ref).body) or ""
        expect(said == tool.text_kept(text), f"{what}: wrote {text!r:.60}, read {said!r:.60}")

    @needs(Power.WRITE, "record", "patch_title", "advance")
    def test_our_own_write_is_listed_like_any_other(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        start: Cursor = here(adapter)
        tool.advance(61)
        written = adapter.update(made.ref, tool.patch_title("Disk full on db1"), made.version)
        found = {reading.ref: reading.version for reading in listed(adapter, start)}
        expect(found.get(made.ref) == written.version, "the listing shows our own write at the version it answered")

    @needs(Power.WRITE, Power.REOPEN, "record", "patch_closed", "patch_reopened", "is_open")
    def test_a_closed_record_opens_again(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        closed = adapter.update(made.ref, tool.patch_closed(), made.version)
        expect(not tool.is_open(closed.body), "a record that was closed is not open")
        opened = adapter.update(made.ref, tool.patch_reopened(), closed.version)
        expect(
            tool.is_open(adapter.read(made.ref).body), f"the record reads {opened.body!r:.200} after it was reopened"
        )

    def _stale(self, adapter: Adapter, tool: ToolDriver, made: Reading) -> None:
        patch = tool.patch_title("Disk full, says Tieline")
        raises(StaleVersion, lambda: adapter.update(made.ref, patch, made.version), "a write on an old version")
        title = tool.title_in(adapter.read(made.ref).body)
        expect(title == "Disk full, says a person", f"a write on an old version overwrote a person's edit: {title!r}")


class ReplacingContract:
    """`replaced()`: what a tool that refuses no write on an old version owes instead."""

    @needs(
        Power.WRITE, Power.TELL_REPLACED, "record", "patch_title", "edit", "title_in", "before_next_write", "advance"
    )
    def test_what_a_write_replaced_is_told(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        self._ambush(tool, made, tool.patch_title("Disk full, says a person"))
        written = adapter.update(made.ref, tool.patch_title("Disk full, says Tieline"), made.version)
        expect(written.raced, "somebody came between the look and the write, and the answer is not `raced`")
        title = self._title(adapter, tool, made)
        expect(title == "Disk full, says a person", f"a person's title was replaced, and {title!r} is told")

    @needs(
        Power.WRITE,
        Power.TELL_REPLACED,
        "record",
        "patch_title",
        "edit",
        "title_in",
        "before_next_write",
        "advance",
        "lose_next_write",
        "heal",
    )
    def test_what_a_write_with_a_lost_answer_replaced_is_told(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        self._ambush(tool, made, tool.patch_title("Disk full, says a person"))
        tool.lose_next_write(after_effect=True)
        patch = tool.patch_title("Disk full, says Tieline")
        raises(TryAgain, lambda: adapter.update(made.ref, patch, made.version), "a write with a lost answer")
        tool.heal()
        title = self._title(adapter, tool, made)
        expect(title == "Disk full, says a person", f"a person's title was replaced, and {title!r} is told")

    @needs(
        Power.WRITE,
        Power.TELL_REPLACED,
        "record",
        "patch_title",
        "patch_description",
        "edit",
        "title_in",
        "description_in",
        "before_next_write",
        "advance",
    )
    def test_an_edit_of_another_field_is_not_replaced(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full", "df says 100 %")
        self._ambush(tool, made, tool.patch_description("df says 99 %"))
        written = adapter.update(made.ref, tool.patch_title("Disk full on db1"), made.version)
        expect(written.raced, "somebody came between the look and the write, and the answer is not `raced`")
        said = tool.description_in(written.body)
        expect(said == "df says 99 %", f"a write of the title left the description at {said!r}")
        title = self._title(adapter, tool, made)
        expect(title in (None, "Disk full on db1"), f"nobody wrote a title, and {title!r} is told as replaced")

    @needs(
        Power.WRITE,
        Power.TELL_REPLACED,
        "record",
        "patch_title",
        "patch_description",
        "edit",
        "description_in",
        "before_next_write",
        "advance",
    )
    def test_a_race_is_seen_where_our_own_write_changes_nothing(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full", "df says 100 %")
        self._ambush(tool, made, tool.patch_title("Disk full on db1"), tool.patch_description("df says 99 %"))
        written = adapter.update(made.ref, tool.patch_title("Disk full on db1"), made.version)
        # Or the answer leaves all of what the other one did to the next reading.
        shown = tool.description_in(written.body)
        expect(
            written.raced or shown == "df says 100 %",
            f"somebody wrote before us what we wrote too, and more: the answer shows {shown!r} and is not `raced`",
        )

    @needs(Power.WRITE, Power.TELL_REPLACED, "record", "patch_title", "edit", "title_in", "advance")
    def test_an_edit_after_our_write_is_not_replaced(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        written = adapter.update(made.ref, tool.patch_title("Disk full on db1"), made.version)
        expect(not written.raced, "nobody came between the look and the write, and the answer is `raced`")
        tool.advance(2)
        tool.edit(made.ref, tool.patch_title("Disk full, says a person"))
        title = self._title(adapter, tool, made)
        expect(title in (None, "Disk full, says a person"), f"nothing was replaced, and {title!r} is told")

    def _ambush(self, tool: ToolDriver, made: Reading, *patches: Body) -> None:
        # A tool whose stamps have whole seconds cannot tell an edit from what we had seen in the same second.
        tool.advance(2)

        def edit() -> None:
            for patch in patches:
                tool.edit(made.ref, patch)

        tool.before_next_write(edit)

    def _title(self, adapter: Adapter, tool: ToolDriver, made: Reading) -> str | None:
        if not isinstance(adapter, Historian):
            return None
        told = adapter.replaced(made.ref, made.version)
        return tool.title_in(told.body) if told is not None and told.body is not None else None


class FailingWriteContract:
    """Statuses and lost answers while writing."""

    MEANINGS: ClassVar[dict[int, tuple[type[RemoteError], bool]]] = {
        301: (NeedsOperator, False),
        400: (Rejected, False),
        401: (NeedsOperator, False),
        403: (NeedsOperator, False),
        405: (NeedsOperator, False),
        409: (StaleVersion, False),
        412: (StaleVersion, False),
        413: (Rejected, False),
        422: (Rejected, False),
        423: (TryAgain, False),
        429: (TryAgain, False),
        500: (TryAgain, True),
        502: (TryAgain, True),
        503: (TryAgain, True),
        504: (TryAgain, True),
    }
    """Status: the error, and whether the write may have taken effect."""

    @needs(Power.WRITE, "write", "fail", "heal")
    @pytest.mark.parametrize("status", MEANINGS)
    def test_each_status_of_a_write_means_its_error(self, adapter: Adapter, tool: ToolDriver, status: int) -> None:
        kind, maybe = self.MEANINGS[status]
        write, newcomers = tool.write(adapter), newcomers_of(adapter)
        tool.fail(status, only_writes=True)
        error = raises(kind, write, f"a write answered {status}")
        tool.heal()
        if isinstance(error, TryAgain):
            expect(error.maybe_done is maybe, f"after a write, {status} means maybe_done={maybe}")
        told(error, status)
        expect(not newcomers(), "an adapter never repeats a write")

    @needs(Power.WRITE, "new_body", "fail", "heal")
    @pytest.mark.parametrize("status", [404, 410])
    @pytest.mark.parametrize("page", [False, True])
    def test_a_create_is_never_gone(self, adapter: Adapter, tool: ToolDriver, status: int, page: bool) -> None:
        newcomers = newcomers_of(adapter)
        media, content = ("text/html", b"<h1>Not Found</h1>") if page else ("application/json", b"{}")
        tool.fail(status, headers={"content-type": media}, content=content, only_writes=True)
        error = raises(
            RemoteError, lambda: adapter.create(tool.new_body("Disk full"), token()), f"a create answered {status}"
        )
        tool.heal()
        expect(not isinstance(error, Gone), "nothing can be gone that is not there: raise NeedsOperator or TryAgain")
        expect(not isinstance(error, Rejected), "the values were not refused: something else answered")
        told(error, status)
        expect(not newcomers(), "an adapter never repeats a write")

    @needs(Power.WRITE, "record", "patch_title", "fail")
    def test_a_conflict_is_a_stale_version(self, adapter: Adapter, tool: ToolDriver) -> None:
        made = tool.record(adapter, "Disk full")
        tool.fail(409, only_writes=True)
        patch = tool.patch_title("ours")
        raises(StaleVersion, lambda: adapter.update(made.ref, patch, made.version), "a write answered 409")

    @needs(Power.WRITE, "record", "patch_title", "title_in", "lose_next_write", "heal")
    @pytest.mark.parametrize("after_effect", [False, True])
    def test_a_write_with_a_lost_answer_may_be_done(
        self, adapter: Adapter, tool: ToolDriver, after_effect: bool
    ) -> None:
        made = tool.record(adapter, "Disk full")
        tool.lose_next_write(after_effect=after_effect)
        patch = tool.patch_title("Disk full on db1")
        error = raises(TryAgain, lambda: adapter.update(made.ref, patch, made.version), "a write with a lost answer")
        tool.heal()
        expect(isinstance(error, TryAgain) and error.maybe_done, "a lost answer says maybe_done")
        title = tool.title_in(adapter.read(made.ref).body)
        expected = "Disk full on db1" if after_effect else "Disk full"
        expect(title == expected, f"the tool holds {title!r}: an adapter never repeats a write")
