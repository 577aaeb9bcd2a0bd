"""Faults of `changes`: what is skipped, repeated, out of order, or forgotten at a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import Honest, Saboteur, Tamper, Verbs
from tieline.core.errors import Gone, Rejected
from tieline.core.port import Cursor, Page, Reading, Ref

_Since = Cursor | None


def _endless(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Says that there is more when there is not."""

    def changes(since: _Since) -> Iterator[Page]:
        for page in honest.changes(since):
            yield replace(page, more=True)

    return {"changes": changes}


def _with_old(first_pass: bool) -> Tamper:
    """Lists the oldest record too: with the first pass, or with every later one."""

    def tamper(honest: Honest, tool: ToolDriver) -> Verbs:
        make, made = tool.make, list[Ref]()

        def remembered(title: str, description: str = "") -> Ref:
            made.append(make(title, description))
            return made[-1]

        def changes(since: _Since) -> Iterator[Page]:
            for page in honest.changes(since):
                extra = [honest.read(ref) for ref in made[:1] if (since is None) is first_pass]
                yield replace(page, readings=[*extra, *page.readings])

        vars(tool)["make"] = remembered
        return {"changes": changes}

    return tamper


def _stuck_cursor(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Never moves a cursor on: every pass begins where the first one did."""

    def changes(since: _Since) -> Iterator[Page]:
        for page in honest.changes(since):
            yield replace(page, cursor=since or page.cursor)

    return {"changes": changes}


def _exclusive(honest: Honest, tool: ToolDriver) -> Verbs:
    """Leaves out what changed in the second of the cursor."""

    def changes(since: _Since) -> Iterator[Page]:
        inner, _, stamp = (since or "").partition("@")
        newest = datetime.fromisoformat(stamp) if stamp else None
        for page in honest.changes(Cursor(inner) if since else None):
            kept = [reading for reading in page.readings if newest is None or _changed(reading, tool) > newest]
            stamps = [_changed(reading, tool) for reading in page.readings] or ([newest] if newest else [])
            mark = max(stamps).isoformat() if stamps and not page.more else ""
            yield replace(page, readings=kept, cursor=Cursor(f"{page.cursor}@{mark}"))

    return {"changes": changes}


def _two_pages(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Ends after two pages, as a row limit does."""

    def changes(since: _Since) -> Iterator[Page]:
        pages = honest.changes(since)
        first = next(pages)
        yield first
        if first.more:
            second, *rest = pages
            yield replace(second, cursor=[second, *rest][-1].cursor, more=False)

    return {"changes": changes}


def _newest_first(honest: Honest, tool: ToolDriver) -> Verbs:
    """Lists the newest change first."""

    def changes(since: _Since) -> Iterator[Page]:
        for page in honest.changes(since):
            yield replace(
                page, readings=sorted(page.readings, key=lambda reading: _changed(reading, tool), reverse=True)
            )

    return {"changes": changes}


def _by_number(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Lists in the order of making."""

    def changes(since: _Since) -> Iterator[Page]:
        for page in honest.changes(since):
            yield replace(page, readings=sorted(page.readings, key=lambda reading: (len(reading.ref), reading.ref)))

    return {"changes": changes}


def _cursor_ahead(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Gives every page the cursor of the last one."""

    def changes(since: _Since) -> Iterator[Page]:
        pages = list(honest.changes(since))
        for page in pages:
            yield replace(page, cursor=pages[-1].cursor)

    return {"changes": changes}


def _first_state(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Lists each record once and never again, whatever happens to it."""
    seen: set[tuple[Ref, Any]] = set()

    def changes(since: _Since) -> Iterator[Page]:
        for page in honest.changes(since):
            kept = [reading for reading in page.readings if (reading.ref, page.cursor) not in seen]
            seen.update((reading.ref, page.cursor) for reading in page.readings if page.more)
            yield replace(page, readings=kept)

    return {"changes": changes}


def _forgetful(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Keeps the true cursor in the instance and hands out a number."""
    cursors: dict[str, Cursor] = {}

    def changes(since: _Since) -> Iterator[Page]:
        for page in honest.changes(cursors.get(since or "")):
            name = Cursor(f"cursor-{len(cursors) + 1}")
            cursors[name] = page.cursor
            yield replace(page, cursor=name)

    return {"changes": changes}


def _our_clock(honest: Honest, tool: ToolDriver) -> Verbs:
    """Asks for what changed after our own time of the last pass."""

    def changes(since: _Since) -> Iterator[Page]:
        inner, _, local = (since or "").partition("@")
        skew = honest.check().clock_skew
        for page in honest.changes(Cursor(inner) if since else None):
            started = datetime.fromisoformat(local) if local else None
            kept = [
                reading
                for reading in page.readings
                if started is None or skew is None or _changed(reading, tool) + skew >= started
            ]
            mark = local if page.more else tool.now().isoformat()
            yield replace(page, readings=kept, cursor=Cursor(f"{page.cursor}@{mark}"))

    return {"changes": changes}


def _spoilt_by_one(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Builds a page as a whole: what is odd about one record leaves the listing as an error."""

    def changes(since: _Since) -> Iterator[Page]:
        for page in honest.changes(since):
            for one in page.unreadable:
                raise KeyError(one.sentence)
            yield page

    return {"changes": changes}


def _left_out_unsaid(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Leaves an odd record out and says nothing."""

    def changes(since: _Since) -> Iterator[Page]:
        for page in honest.changes(since):
            yield replace(page, unreadable=())

    return {"changes": changes}


def _waits_for_the_odd_one(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Asks for a page again until everything in it can be understood."""

    def changes(since: _Since) -> Iterator[Page]:
        for page in honest.changes(since):
            if page.unreadable:
                yield Page((), since or page.cursor, unreadable=page.unreadable)
                return
            yield page

    return {"changes": changes}


def _odd_is_gone(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Takes a record that it does not understand for one that is not there."""

    def read(ref: Ref) -> Reading:
        try:
            return honest.read(ref)
        except Rejected as error:
            raise Gone(error.connection, str(error)) from None

    return {"read": read}


def _changed(reading: Reading, tool: ToolDriver) -> datetime:
    """When the record changed, told by its age."""
    return tool.now() - reading.age if reading.age is not None else tool.now()


LISTING: Final = (
    Saboteur("there is always more", _endless, ("test_a_quiet_tool_still_gives_a_cursor",)),
    Saboteur(
        "the filter is ignored",
        _with_old(first_pass=False),
        (
            "test_only_what_changed_after_the_cursor_is_listed",
            "test_the_cursor_moves_with_what_was_listed",
        ),
    ),
    Saboteur("the cursor never moves", _stuck_cursor, ("test_the_cursor_moves_with_what_was_listed",)),
    Saboteur(
        "the boundary is exclusive",
        _exclusive,
        (
            "test_the_boundary_is_inclusive",
            "test_an_edit_while_listing_is_not_lost",
        ),
    ),
    Saboteur(
        "a listing ends at a row limit",
        _two_pages,
        (
            "test_a_burst_in_one_second_is_listed_whole",
            "test_a_pass_can_be_resumed_after_any_page",
            "test_an_edit_while_listing_is_not_lost",
            "test_changes_come_oldest_first",
        ),
    ),
    Saboteur(
        "the newest change comes first",
        _newest_first,
        (
            "test_changes_come_oldest_first",
            "test_an_edit_moves_a_record_to_the_end",
        ),
    ),
    Saboteur("the order is that of making", _by_number, ("test_an_edit_moves_a_record_to_the_end",)),
    Saboteur("a page's cursor runs ahead", _cursor_ahead, ("test_a_pass_can_be_resumed_after_any_page",)),
    Saboteur("a record is listed once", _first_state, ("test_an_edit_while_listing_is_not_lost",)),
    Saboteur(
        "the cursor lives in the instance",
        _forgetful,
        (
            "test_the_cursor_survives_a_restart",
            "test_a_pass_can_be_resumed_after_any_page",
        ),
    ),
    Saboteur("the cursor stands in our own clock", _our_clock, ("test_a_skewed_clock_loses_no_change",)),
    Saboteur(
        "one odd record costs the page",
        _spoilt_by_one,
        (
            "test_an_odd_record_is_named_and_the_others_go_on",
            "test_the_cursor_stands_behind_an_odd_record",
            "test_an_odd_record_is_refused_by_name_when_it_is_read_alone",
        ),
    ),
    Saboteur(
        "an odd record is left out unsaid", _left_out_unsaid, ("test_an_odd_record_is_named_and_the_others_go_on",)
    ),
    Saboteur(
        "the cursor waits for an odd record",
        _waits_for_the_odd_one,
        (
            "test_the_cursor_stands_behind_an_odd_record",
            "test_an_odd_record_is_named_and_the_others_go_on",
        ),
    ),
    Saboteur(
        "an odd record is taken for gone",
        _odd_is_gone,
        ("test_an_odd_record_is_refused_by_name_when_it_is_read_alone", "test_each_status_means_its_error"),
    ),
    Saboteur("the first pass lists all of history", _with_old(first_pass=True), ("test_the_first_pass_starts_now",)),
)
