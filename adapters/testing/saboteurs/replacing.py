"""Faults of `replaced`: what a write replaced is not told, or something is told that was not replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import Honest, Saboteur, Verbs, answering, patched
from tieline.core.port import Body, Reading, Ref, Replaced, Token, Version


def _sees_only_answers(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Tells only of races that an answer showed: one whose answer was lost is forgotten."""
    raced: set[Ref] = set()

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        written = honest.update(ref, patch, seen)
        if written.raced:
            raced.add(ref)
        return written

    def replaced(ref: Ref, since: Version) -> Replaced | None:
        return honest.replaced(ref, since) if ref in raced else None

    return {"update": update, "replaced": replaced}


def _first_body(honest: Honest, tool: ToolDriver) -> Verbs:
    """Tells the record as it was made, wherever somebody else wrote something."""
    made: dict[Ref, Reading] = {}

    def create(body: Body, token: Token) -> Reading:
        reading = honest.create(body, token)
        made[reading.ref] = reading
        return reading

    def replaced(ref: Ref, since: Version) -> Replaced | None:
        told, first = honest.replaced(ref, since), made[ref]
        edited = tool.description_in(honest.read(ref).body) != tool.description_in(first.body)
        return Replaced(first.body) if told is None and edited else told

    return {"create": create, "replaced": replaced}


def _whatever_is_ours(honest: Honest, tool: ToolDriver) -> Verbs:
    """Takes an edit that replaced ours for one that ours replaced."""
    ours: dict[Ref, Body] = {}

    def update(ref: Ref, patch: Body, seen: Version) -> Reading:
        written = honest.update(ref, patch, seen)
        ours[ref] = written.body
        return written

    def replaced(ref: Ref, since: Version) -> Replaced | None:
        told = honest.replaced(ref, since)
        if told is None and ref in ours and tool.title_in(honest.read(ref).body) != tool.title_in(ours[ref]):
            return Replaced(ours[ref])
        return told

    return {"update": update, "replaced": replaced}


REPLACING: Final = (
    Saboteur(
        "a race goes unseen",
        patched(lambda _reading: {"raced": False}, "update"),
        (
            "test_what_a_write_replaced_is_told",
            "test_an_edit_of_another_field_is_not_replaced",
            "test_a_race_is_seen_where_our_own_write_changes_nothing",
        ),
        unconditional=True,
    ),
    Saboteur(
        "every write is a race",
        patched(lambda _reading: {"raced": True}, "update"),
        ("test_an_edit_after_our_write_is_not_replaced",),
        unconditional=True,
    ),
    Saboteur(
        "what was replaced is told as it is now",
        answering(
            "replaced",
            lambda honest, _tool, ref, since: (
                replace(told, body=honest.read(ref).body) if (told := honest.replaced(ref, since)) is not None else None
            ),
        ),
        ("test_what_a_write_replaced_is_told", "test_what_a_write_with_a_lost_answer_replaced_is_told"),
        unconditional=True,
    ),
    Saboteur(
        "a lost answer loses what was replaced",
        _sees_only_answers,
        ("test_what_a_write_with_a_lost_answer_replaced_is_told",),
        unconditional=True,
    ),
    Saboteur(
        "all of the record counts as replaced",
        _first_body,
        ("test_an_edit_of_another_field_is_not_replaced",),
        unconditional=True,
    ),
    Saboteur(
        "what replaced ours counts as replaced",
        _whatever_is_ours,
        ("test_an_edit_after_our_write_is_not_replaced",),
        unconditional=True,
    ),
)
