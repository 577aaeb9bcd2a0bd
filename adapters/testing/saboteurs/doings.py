"""Faults of telling whose doing a value is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import Honest, Saboteur, Verbs, answering, patched
from tieline.core.port import Body, Reading, Ref, Token, Version


def _looks_again(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Answers a write with whatever the record says by now."""

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        raced = honest.update(ref, patch, seen).raced
        return replace(honest.read(ref), raced=raced)

    return {"update": update}


def _looks_at_the_new(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Answers a creation with whatever the record says by now."""

    def create(body: Body, token: Token) -> Reading:
        return honest.read(honest.create(body, token).ref)

    return {"create": create}


def _never_forgets(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """What the tool once set is taken for its doing for ever."""
    once: dict[Ref, frozenset[str]] = {}

    def remembering(reading: Reading) -> Reading:
        once[reading.ref] = once.get(reading.ref, frozenset()) | reading.automatic
        return replace(reading, automatic=once[reading.ref])

    def changes(since: Any) -> Any:
        for page in honest.changes(since):
            yield replace(page, readings=[remembering(reading) for reading in page.readings])

    return {"read": lambda ref: remembering(honest.read(ref)), "changes": changes}


def _as_it_is(honest: Honest, _tool: ToolDriver, token: Token) -> Reading | None:
    found = honest.find(token)
    return found if found is None else replace(found, born=found.body)


def _unborn(honest: Honest, _tool: ToolDriver, token: Token) -> Reading | None:
    found = honest.find(token)
    return found if found is None else replace(found, born=None)


DOINGS: Final = (
    Saboteur(
        "the answer to a write looks once more",
        _looks_again,
        ("test_what_a_person_does_after_our_write_is_left_to_the_next_reading",),
    ),
    Saboteur(
        "the answer to a creation looks once more",
        _looks_at_the_new,
        ("test_a_new_record_is_answered_as_it_was_born",),
    ),
    Saboteur(
        "a record was always as it is now", answering("find", _as_it_is), ("test_a_record_tells_how_it_was_born",)
    ),
    Saboteur("no birth is ever told", answering("find", _unborn), ("test_a_record_tells_how_it_was_born",)),
    Saboteur(
        "the tool's clock is taken for a person",
        patched(lambda _reading: {"automatic": frozenset()}, "read"),
        ("test_what_the_tool_does_by_itself_is_told",),
    ),
    Saboteur(
        "a listing takes the tool's clock for a person",
        patched(lambda _reading: {"automatic": frozenset()}, "changes"),
        ("test_what_the_tool_does_by_itself_is_told",),
    ),
    Saboteur(
        "everything is taken for the tool's doing",
        patched(lambda _reading: {"automatic": frozenset({"title"})}, "read"),
        (
            "test_what_a_person_does_is_not_the_tools_doing",
            "test_what_a_person_changes_afterwards_is_the_persons",
        ),
    ),
    Saboteur(
        "what the tool did once is its own for ever",
        _never_forgets,
        ("test_what_a_person_changes_afterwards_is_the_persons",),
    ),
)
