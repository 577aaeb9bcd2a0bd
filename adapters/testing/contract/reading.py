"""What every source owes: what is read is what is there, and a listing misses nothing."""

from __future__ import annotations

import pytest

from tieline.adapters.testing.contract.expect import HOUR, expect, here, listed, needs, pages, raises, refs
from tieline.adapters.testing.driver import ToolDriver
from tieline.core.errors import Gone, NeedsOperator, Rejected
from tieline.core.port import Cursor, Health, Power, Reading, Ref, Source


class CheckingContract:
    """`check()`."""

    @needs("connect")
    def test_check_names_the_account(self, adapter: Source) -> None:
        health: object = adapter.check()
        expect(isinstance(health, Health) and bool(health.account), "check() answers Health with the account's name")

    @needs("connect_refused")
    def test_check_asks_for_a_person_when_credentials_are_refused(self, tool: ToolDriver) -> None:
        refused = tool.connect_refused()
        error = raises(NeedsOperator, refused.check, "check() with refused credentials")
        expect(len(str(error)) > 20, "NeedsOperator carries the sentence that an operator acts on")

    @needs("connect", "skew", "tells_time")
    def test_check_tells_how_far_the_tools_clock_is_off(self, adapter: Source, tool: ToolDriver) -> None:
        tool.skew(7200)
        found = adapter.check().clock_skew
        if found is None:
            raise AssertionError("check() tells no clock_skew; say `tells_time = False` where no answer tells the time")
        off = found.total_seconds()
        expect(7140 <= off <= 7260, f"clock_skew is the tool's clock minus ours: about 7200 s here, not {off}")


class ReadingContract:
    """`read()`."""

    @needs("make", "title_in")
    def test_a_record_reads_back(self, adapter: Source, tool: ToolDriver) -> None:
        ref = tool.make("Disk full on db1")
        reading = adapter.read(ref)
        expect(reading.ref == ref, f"read({ref!r}) answered the record {reading.ref!r}")
        expect(bool(reading.version), "a reading has a version")
        title = tool.title_in(reading.body)
        expect(title == "Disk full on db1", f"the title reads {title!r}, not what was written")

    @needs("make")
    def test_reading_changes_nothing(self, adapter: Source, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        first = adapter.read(ref)
        listed(adapter, None)
        expect(adapter.read(ref).version == first.version, "a record nobody touched keeps its version")

    @needs("make", "advance")
    def test_a_version_stands_still_though_time_passes(self, adapter: Source, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        first = adapter.read(ref).version
        tool.advance(26 * HOUR)
        expect(adapter.read(ref).version == first, "what moves by itself (a date in words, a cache) is no edit")

    @needs("make", "touch", "advance")
    def test_a_persons_edit_moves_the_version(self, adapter: Source, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        before = adapter.read(ref).version
        tool.advance(61)
        tool.touch(ref)
        expect(adapter.read(ref).version != before, "the version differs whenever the record differs")

    @needs("make", "touch")
    def test_two_edits_in_one_second_have_two_versions(self, adapter: Source, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        before = adapter.read(ref).version
        tool.touch(ref)
        expect(adapter.read(ref).version != before, "a stamp of whole seconds is no version: two edits share one")

    @needs("make", "advance")
    def test_the_listing_and_the_record_agree(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        ref = tool.make("Disk full")
        found = [reading for reading in listed(adapter, start) if reading.ref == ref]
        expect(len(found) > 0, "a new record is listed")
        record = adapter.read(ref)
        expect(found[-1].version == record.version, "the version in the listing is the version of the record")

    @needs("missing_ref")
    def test_a_missing_record_is_gone(self, adapter: Source, tool: ToolDriver) -> None:
        raises(Gone, lambda: adapter.read(tool.missing_ref()), "reading a record that never was")

    @needs("make", "delete")
    def test_a_deleted_record_is_gone(self, adapter: Source, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        adapter.read(ref)
        tool.delete(ref)
        raises(Gone, lambda: adapter.read(ref), "reading a deleted record, read before it was deleted")

    @needs("make", "merge")
    def test_a_merged_record_names_the_one_that_took_its_place(self, adapter: Source, tool: ToolDriver) -> None:
        ref, into = tool.make("Disk full"), tool.make("Disk full on db1")
        tool.merge(ref, into)
        try:
            merged = adapter.read(ref).merged_into
        except Gone as error:
            merged = Ref(error.merged_into) if error.merged_into is not None else None
        expect(merged == into, f"a merged record names {into!r} in merged_into, not {merged!r}")

    @needs("make")
    def test_people_are_known_by_lower_case_addresses(self, adapter: Source, tool: ToolDriver) -> None:
        people = adapter.read(tool.make("Disk full")).people
        expect(
            all("@" in mail and mail == mail.lower() for mail in people.values()), f"people maps to e-mail: {people}"
        )


class AgeContract:
    """`Reading.age` places an edit in time without comparing two clocks."""

    def _age(self, reading: Reading) -> float:
        if reading.age is None:
            raise AssertionError(
                "a reading has no age; say `tells_age = False` where the tool keeps no time of a change"
            )
        return reading.age.total_seconds()

    @needs("make", "advance", "tells_age")
    def test_the_age_is_the_time_since_the_last_change(self, adapter: Source, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        tool.advance(600)
        age = self._age(adapter.read(ref))
        expect(539 <= age <= 661, f"a record changed 600 s ago has an age of about 600 s, not {age}")

    @needs("make", "skew", "tells_age")
    def test_the_age_is_never_negative(self, adapter: Source, tool: ToolDriver) -> None:
        tool.skew(HOUR)
        ref = tool.make("Disk full")
        tool.skew(0)
        age = self._age(adapter.read(ref))
        expect(age >= 0, f"an age is never negative (a tool's clock may be set back); here {age} s")

    @needs("make", "skew", "advance", "tells_age")
    @pytest.mark.parametrize("days", [-1, 1])
    def test_the_age_does_not_depend_on_our_clock(self, adapter: Source, tool: ToolDriver, days: int) -> None:
        tool.skew(days * 86_400)
        start = here(adapter)
        ref = tool.make("Disk full")
        tool.advance(600)
        found = [reading for reading in listed(adapter, start) if reading.ref == ref]
        for reading in [adapter.read(ref), *found]:
            age = self._age(reading)
            expect(539 <= age <= 661, f"by the tool's own clock the change is 600 s old; the adapter says {age} s")


class ListingContract:
    """`changes()`."""

    @needs("connect")
    def test_a_quiet_tool_still_gives_a_cursor(self, adapter: Source) -> None:
        found = list(pages(adapter, None))
        expect(len(found) > 0, "changes() yields at least one page, so that a cursor always exists")
        expect(isinstance(found[-1].cursor, str), "a cursor is a text, so that it can be stored")
        expect(not found[-1].more, "the last page of a pass says more=False")
        expect(all(page.more for page in found[:-1]), "every page but the last says more=True")

    @needs("make", "touch", "advance")
    def test_only_what_changed_after_the_cursor_is_listed(self, adapter: Source, tool: ToolDriver) -> None:
        untouched, edited = tool.make("Disk full on db1"), tool.make("Disk full on db2")
        tool.advance(HOUR)
        start = here(adapter)
        tool.advance(HOUR)
        tool.touch(edited)
        found = refs(listed(adapter, start))
        expect(edited in found, "a record changed after the cursor is listed")
        expect(untouched not in found, "a record not changed since the cursor is not listed")

    @needs("make", "advance")
    def test_the_cursor_moves_with_what_was_listed(self, adapter: Source, tool: ToolDriver) -> None:
        cursor, made = here(adapter), []
        for number in range(3):
            tool.advance(HOUR)
            made.append(tool.make(f"Disk full on db{number}"))
            before, cursor = cursor, here(adapter, cursor)
            expect(made[-1] in refs(listed(adapter, before)), "a record made after the cursor is listed")
        expect(made[0] not in refs(listed(adapter, cursor)), "a cursor that never moves lists everything for ever")

    @needs("make", "touch")
    def test_the_boundary_is_inclusive(self, adapter: Source, tool: ToolDriver) -> None:
        first = tool.make("Disk full on db1")
        start = here(adapter, here(adapter))
        second = tool.make("Disk full on db2")
        tool.touch(first)
        found = refs(listed(adapter, start))
        expect(second in found, "a record made in the second of the cursor is listed: the boundary is inclusive")
        expect(first in found, "a record changed again in the second of the cursor is listed again")

    @needs("make")
    def test_a_burst_in_one_second_is_listed_whole(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        made = [tool.make(f"Disk full on db{number}") for number in range(2 * tool.page_size + 1)]
        found = refs(listed(adapter, start))
        lost = [ref for ref in made if ref not in found]
        expect(not lost, f"{len(lost)} of {len(made)} records that share a second and fill several pages were skipped")

    @needs("make", "advance")
    def test_changes_come_oldest_first(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        made = []
        for number in range(2 * tool.page_size + 1):
            tool.advance(61)
            made.append(tool.make(f"Disk full on db{number}"))
        found = [ref for ref in refs(listed(adapter, start)) if ref in made]
        expect(list(dict.fromkeys(found)) == made, "readings come oldest change first, across pages")

    @needs("make", "touch", "advance")
    def test_an_edit_moves_a_record_to_the_end(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        first = tool.make("Disk full on db1")
        tool.advance(61)
        second = tool.make("Disk full on db2")
        tool.advance(61)
        tool.touch(first)
        found = [ref for ref in refs(listed(adapter, start)) if ref in (first, second)]
        expect(found[-2:] == [second, first], "the order is that of the last change, not of the making")

    @needs("make", "connect", "advance")
    def test_a_pass_can_be_resumed_after_any_page(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        made = []
        for number in range(3 * tool.page_size + 1):
            made.append(tool.make(f"Disk full on db{number}"))
            if number % 2:
                tool.advance(61)
        seen: set[Ref] = set()
        for page in pages(adapter, start):
            seen.update(refs(page.readings))
            after = seen | set(refs(listed(tool.connect(), page.cursor)))
            lost = [ref for ref in made if ref not in after]
            expect(not lost, f"resuming at the cursor of a page loses {len(lost)} records that it had not shown")

    @needs("make", "touch")
    def test_an_edit_while_listing_is_not_lost(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        made = [tool.make(f"Disk full on db{number}") for number in range(3 * tool.page_size + 1)]
        found: list[Reading] = []
        cursor = start
        for number, page in enumerate(pages(adapter, start)):
            found.extend(page.readings)
            cursor = page.cursor
            if number == 0:
                tool.touch(page.readings[0].ref if page.readings else made[0])
        found.extend(listed(adapter, cursor))
        lost = [ref for ref in made if ref not in refs(found)]
        expect(not lost, f"{len(lost)} records were skipped because one was edited between two pages")
        newest = {reading.ref: reading.version for reading in found}
        for ref in made:
            expect(newest[ref] == adapter.read(ref).version, f"an edit of {ref!r} between two pages was never listed")

    @needs("make", "connect", "advance", "touch")
    def test_the_cursor_survives_a_restart(self, adapter: Source, tool: ToolDriver) -> None:
        tool.make("Disk full on db1")
        cursor = Cursor("".join(here(adapter)))
        tool.advance(HOUR)
        ref = tool.make("Disk full on db2")
        tool.advance(HOUR)
        found = refs(listed(tool.connect(), cursor))
        expect(ref in found, "a new adapter goes on where the cursor stands; nothing is kept in the instance")

    @needs("make", "touch", "skew", "advance")
    @pytest.mark.parametrize("days", [-1, 1])
    def test_a_skewed_clock_loses_no_change(self, adapter: Source, tool: ToolDriver, days: int) -> None:
        tool.skew(days * 86_400)
        start = here(adapter)
        tool.advance(61)
        ref = tool.make("Disk full")
        found = refs(listed(adapter, start))
        expect(ref in found, "a cursor stands in the tool's own clock; with ours, a skewed tool loses changes")


class OddRecordContract:
    """One record that cannot be understood costs none of the others."""

    @needs("make", "spoil", "advance")
    def test_an_odd_record_is_named_and_the_others_go_on(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        made = [tool.make(f"Disk full on db{number}") for number in range(2 * tool.page_size)]
        tool.spoil(made[1])
        try:
            found = list(pages(adapter, start))
        except Exception as error:  # noqa: BLE001 - whatever one record brings about
            pytest.fail(f"one odd record costs the listing ({type(error).__name__}: {error}); see core.listing")
        listed_refs = [reading.ref for page in found for reading in page.readings]
        named = [one.ref for page in found for one in page.unreadable]
        lost = [ref for ref in made if ref != made[1] and ref not in listed_refs]
        expect(not lost, f"one odd record hides {len(lost)} others; build readings one by one (core.listing)")
        expect(made[1] in (*named, *listed_refs), "an odd record is named in `unreadable`, never left out unsaid")
        expect(all(one.sentence for page in found for one in page.unreadable), "an unreadable record says what is odd")

    @needs("make", "spoil", "advance")
    def test_the_cursor_stands_behind_an_odd_record(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        tool.make("Disk full on db0")
        tool.spoil(tool.make("Disk full on db1"))
        tool.advance(HOUR)
        after = here(adapter, here(adapter, start))
        tool.advance(HOUR)
        later = tool.make("Disk full on db2")
        found = list(pages(adapter, after))
        expect(
            later in [one.ref for page in found for one in page.readings], "what comes after an odd record is listed"
        )

    @needs("make", "spoil")
    def test_an_odd_record_is_refused_by_name_when_it_is_read_alone(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        _whole, ref = tool.make("Disk full on db0"), tool.make("Disk full on db1")
        tool.spoil(ref)
        if ref in refs(listed(adapter, start)):
            adapter.read(ref)  # what a listing understands, a look understands
            return
        raises(Rejected, lambda: adapter.read(ref), "reading a record that cannot be understood")


class HistoryContract:
    """`changes(None)` with no history starts now."""

    @needs(Power.WRITE, "make", "advance")
    def test_the_first_pass_starts_now(self, adapter: Source, tool: ToolDriver) -> None:
        old = tool.make("Disk full last year")
        tool.advance(24 * HOUR)
        found = refs(listed(adapter, None))
        expect(old not in found, "without history the first pass starts now and does not list what is old")
