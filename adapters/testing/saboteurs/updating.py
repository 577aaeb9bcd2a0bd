"""Faults of `update`: lost edits, old versions, fields that nobody asked to change."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import (
    Honest,
    Saboteur,
    Verbs,
    answering,
    bodies,
    instead,
    texts,
    throw,
)
from tieline.core.errors import Gone, Rejected, StaleVersion, TryAgain
from tieline.core.port import Body, Cursor, Page, Reading, Ref, Version


def _repeated_update(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Repeats an update whose answer was lost."""

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        try:
            return honest.update(ref, patch, seen)
        except TryAgain as error:
            if "broke" in str(error) and honest.read(ref).version == seen:
                honest.update(ref, patch, seen)
            raise

    return {"update": update}


def _blind(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Writes whatever the version is."""

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:  # noqa: ARG001 - which is the fault
        return honest.update(ref, patch, honest.read(ref).version)

    return {"update": update}


def _lenient(honest: Honest, tool: ToolDriver) -> Verbs:
    """Trusts a version that it does not know."""

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        known = seen in {Version(str(number)) for number in range(1, 10)}
        return honest.update(ref, patch, seen if known or not tool.can("edit") else honest.read(ref).version)

    return {"update": update}


def _look_then_write(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Compares the version, then writes unconditionally: somebody may come in between."""

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        if honest.read(ref).version != seen:
            raise StaleVersion("memory", "the record moved")
        try:
            return honest.update(ref, patch, seen)
        except StaleVersion as error:
            if "409" in str(error):
                raise
            return honest.update(ref, patch, honest.read(ref).version)

    return {"update": update}


def _half_stale(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Writes first, and then says that the version was old."""

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        now = honest.read(ref).version
        if now != seen and len(seen) == len(now):
            honest.update(ref, patch, now)
            raise StaleVersion("memory", "the record moved")
        return honest.update(ref, patch, seen)

    return {"update": update}


def _still_version(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Does not count its own writes: they keep the version that it had seen."""
    seen_by_us: dict[Ref, tuple[Version, Version]] = {}

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        written = honest.update(ref, patch, seen)
        seen_by_us[ref] = (written.version, seen)
        return replace(written, version=seen)

    def read(ref: Ref) -> Reading:
        reading = honest.read(ref)
        now, shown = seen_by_us.get(ref, (None, reading.version))
        return replace(reading, version=shown) if reading.version == now else reading

    return {"update": update, "read": read}


def _unlisted(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Filters the account's own changes out of the listing, against echoes."""
    ours: set[tuple[Ref, Version]] = set()

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        written = honest.update(ref, patch, seen)
        ours.add((ref, written.version))
        return written

    def changes(since: Cursor | None) -> Iterator[Page]:
        for page in honest.changes(since):
            kept = [reading for reading in page.readings if (reading.ref, reading.version) not in ours]
            yield replace(page, readings=kept)

    return {"update": update, "changes": changes}


def _final(honest: Honest, tool: ToolDriver) -> Verbs:
    """Answers a reopening with the record as it is."""

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        return honest.read(ref) if patch == tool.patch_reopened() else honest.update(ref, patch, seen)

    return {"update": update}


def _whole_record(patch: dict[str, Any], tool: ToolDriver) -> Body:
    return {**tool.patch_description(""), **patch}


UPDATING: Final = (
    Saboteur(
        "update() answers with what was before",
        answering(
            "update",
            lambda honest, _tool, ref, patch, seen: (honest.read(ref), honest.update(ref, patch, seen))[0],
        ),
        (
            "test_a_write_is_read_back",
            "test_a_closed_record_opens_again",
            "test_our_own_write_is_listed_like_any_other",
            "test_what_a_person_does_after_our_write_is_left_to_the_next_reading",
        ),
    ),
    Saboteur(
        "a write keeps the version",
        _still_version,
        (
            "test_a_write_moves_the_version",
            "test_a_closed_record_opens_again",
            "test_our_own_write_is_listed_like_any_other",
        ),
    ),
    Saboteur(
        "update() writes the whole record",
        bodies("update", _whole_record),
        ("test_a_write_leaves_other_fields_alone",),
    ),
    Saboteur(
        "update() writes on any version",
        _blind,
        (
            "test_a_write_on_an_old_version_changes_nothing",
            "test_a_write_on_an_unknown_version_changes_nothing",
            "test_a_new_record_is_answered_as_it_was_born",
            "test_what_a_person_does_after_our_write_is_left_to_the_next_reading",
        ),
    ),
    Saboteur(
        "update() writes, then says that the version is old",
        _half_stale,
        ("test_a_write_on_an_old_version_changes_nothing",),
    ),
    Saboteur(
        "update() trusts a version that it does not know",
        _lenient,
        ("test_a_write_on_an_unknown_version_changes_nothing",),
    ),
    Saboteur("update() looks, then writes", _look_then_write, ("test_a_person_who_is_a_moment_faster_wins",)),
    Saboteur(
        "a write to a missing record is a refusal",
        instead("update", Gone, lambda _error, _tool: throw(Rejected("memory", "no")), "'999999'"),
        ("test_writing_to_a_missing_record_says_gone",),
    ),
    Saboteur(
        "a write to a deleted record is a refusal",
        instead("update", Gone, lambda _error, _tool: throw(Rejected("memory", "no")), "'1'"),
        ("test_writing_to_a_deleted_record_says_gone",),
    ),
    Saboteur(
        "an emptied field is left out",
        bodies("update", lambda patch, _tool: {name: value for name, value in patch.items() if value is not None}),
        ("test_a_cleared_field_is_empty_and_not_absent",),
    ),
    Saboteur(
        "text is escaped for the web",
        bodies("update", texts(html.escape)),
        ("test_hostile_text_is_written_unchanged",),
    ),
    Saboteur(
        "the listing hides our own writes",
        _unlisted,
        ("test_our_own_write_is_listed_like_any_other",),
    ),
    Saboteur("closed stays closed", _final, ("test_a_closed_record_opens_again",)),
    Saboteur(
        "a conflict is a refusal",
        instead("update", StaleVersion, lambda _error, _tool: throw(Rejected("memory", "no")), "409"),
        ("test_a_conflict_is_a_stale_version",),
    ),
    Saboteur("a lost update is repeated", _repeated_update, ("test_a_write_with_a_lost_answer_may_be_done",)),
)
