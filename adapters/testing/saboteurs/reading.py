"""Faults of `check`, `read` and the age of a reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import Honest, Saboteur, Tamper, Verbs, answering, instead, patched, throw
from tieline.core.errors import Gone, NeedsOperator
from tieline.core.port import Health, Reading, Ref, Version


def _remembers(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Answers with what it saw last when a record is gone."""
    seen: dict[Ref, Reading] = {}

    def read(ref: Ref) -> Reading:
        try:
            seen[ref] = honest.read(ref)
        except Gone:
            if ref not in seen:
                raise
        return seen[ref]

    def changes(since: Any) -> Any:
        for page in honest.changes(since):
            seen.update({reading.ref: reading for reading in page.readings})
            yield page

    return {"read": read, "changes": changes, "find": honest.find}


def _coarse_versions(honest: Honest, tool: ToolDriver) -> Verbs:
    """Takes the second of the last change for the version."""
    seen: dict[tuple[Ref, datetime], Version] = {}

    def read(ref: Ref) -> Reading:
        reading = honest.read(ref)
        return replace(reading, version=seen.setdefault((ref, tool.now()), reading.version))

    return {"read": read}


def _touching(honest: Honest, tool: ToolDriver) -> Verbs:
    """Marks a record as read when a listing shows it."""

    def changes(since: Any) -> Any:
        if since is None and tool.can("touch"):
            for ref in seen:
                tool.touch(ref)
        yield from honest.changes(since)

    seen: list[Ref] = []

    def read(ref: Ref) -> Reading:
        seen.append(ref)
        return honest.read(ref)

    return {"read": read, "changes": changes}


def _by_our_clock(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Subtracts the tool's stamp from our own time."""

    def age(reading: Reading) -> Reading:
        skew = honest.check().clock_skew or timedelta(0)
        return replace(reading, age=reading.age - skew if reading.age is not None else None)

    def changes(since: Any) -> Any:
        for page in honest.changes(since):
            yield replace(page, readings=[age(reading) for reading in page.readings])

    return {"changes": changes}


def _stuck_version(honest: Honest, tool: ToolDriver) -> Verbs:
    """Takes the day of the last change for the version, as long as nobody wrote through this adapter."""
    first: dict[Ref, Version] = {}

    def read(ref: Ref) -> Reading:
        reading = honest.read(ref)
        version = first.setdefault(ref, reading.version)
        fresh = reading.age is not None and reading.age < timedelta(seconds=1)
        return replace(reading, version=version if fresh and tool.now() != start else reading.version)

    start = tool.now()
    return {"read": read}


def _grown_old(reading: Reading) -> dict[str, Any]:
    return {"age": reading.age * 60 if reading.age is not None else None}


def _dated(reading: Reading) -> dict[str, Any]:
    """Takes a date in words ("yesterday") for a part of the record."""
    days = reading.age.days if reading.age is not None else 0
    return {"version": Version(f"{reading.version} {days} days ago") if days else reading.version}


def _before_time(reading: Reading) -> dict[str, Any]:
    return {"age": reading.age or timedelta(microseconds=-1)}


def _off(health: Health) -> Health:
    return replace(health, clock_skew=-health.clock_skew if health.clock_skew is not None else None)


_always_well: Tamper = instead("check", NeedsOperator, lambda _error, _tool: Health("somebody", "1"))

READING: Final = (
    Saboteur(
        "check() forgets whose account it is",
        answering("check", lambda honest, _tool: replace(honest.check(), account="")),
        ("test_check_names_the_account",),
    ),
    Saboteur(
        "check() is content with refused credentials",
        _always_well,
        ("test_check_asks_for_a_person_when_credentials_are_refused",),
    ),
    Saboteur(
        "check() turns the clock skew round",
        answering("check", lambda honest, _tool: _off(honest.check())),
        ("test_check_tells_how_far_the_tools_clock_is_off",),
    ),
    Saboteur(
        "read() answers another record",
        patched(lambda reading: {"ref": Ref(reading.ref + "0")}, "read"),
        ("test_a_record_reads_back", "test_each_status_means_its_error"),
    ),
    Saboteur("listing marks records as seen", _touching, ("test_reading_changes_nothing",)),
    Saboteur(
        "the version moves by itself",
        patched(_dated, "read"),
        ("test_a_version_stands_still_though_time_passes",),
    ),
    Saboteur("the version does not follow an edit", _stuck_version, ("test_a_persons_edit_moves_the_version",)),
    Saboteur("the version is a second", _coarse_versions, ("test_two_edits_in_one_second_have_two_versions",)),
    Saboteur(
        "the listing has versions of its own",
        patched(lambda reading: {"version": Version(f"listed-{reading.version}")}, "changes"),
        (
            "test_the_listing_and_the_record_agree",
            "test_an_edit_while_listing_is_not_lost",
            "test_our_own_write_is_listed_like_any_other",
        ),
    ),
    Saboteur(
        "a missing record is a KeyError",
        instead("read", Gone, lambda _error, _tool: throw(KeyError("result")), "no record '999999'"),
        ("test_a_missing_record_is_gone",),
    ),
    Saboteur("a deleted record lives on in a cache", _remembers, ("test_a_deleted_record_is_gone",)),
    Saboteur(
        "a merge is not told",
        patched(lambda _reading: {"merged_into": None}, "read"),
        ("test_a_merged_record_names_the_one_that_took_its_place",),
    ),
    Saboteur(
        "addresses keep their capitals",
        patched(lambda reading: {"people": {who: mail.title() for who, mail in reading.people.items()}}, "read"),
        ("test_people_are_known_by_lower_case_addresses",),
    ),
    Saboteur(
        "minutes are taken for seconds",
        patched(_grown_old, "read"),
        ("test_the_age_is_the_time_since_the_last_change", "test_the_age_does_not_depend_on_our_clock"),
    ),
    Saboteur("an age is below zero", patched(_before_time, "read"), ("test_the_age_is_never_negative",)),
    Saboteur("an age by our own clock", _by_our_clock, ("test_the_age_does_not_depend_on_our_clock",)),
)
