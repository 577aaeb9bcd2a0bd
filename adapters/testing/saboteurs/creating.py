"""Faults of `create` and `find`: second records, lost tokens, mangled text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import (
    Honest,
    Saboteur,
    Tamper,
    Verbs,
    answering,
    bodies,
    instead,
    patched,
    texts,
    throw,
)
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.port import Body, Reading, Ref, Token, Version


def _printable(text: str) -> str:
    return "".join(character for character in text if character >= " " or character in "\r\n\t")


def _stubborn_create(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Repeats a create whose answer was lost."""

    def create(body: Body, token: Token) -> Reading:
        try:
            return honest.create(body, token)
        except TryAgain as error:
            if error.wait is None and "broke" in str(error):
                honest.create(body, token)
            raise

    return {"create": create}


def _eager_create(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Repeats a create unless it finds its record."""

    def create(body: Body, token: Token) -> Reading:
        try:
            return honest.create(body, token)
        except TryAgain as error:
            if "broke" in str(error) and honest.find(token) is None:
                honest.create(body, token)
            raise

    return {"create": create}


def _refuses_it_all(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Does not say what of a body was refused."""

    def create(body: Body, token: Token) -> Reading:
        try:
            return replace(honest.create(body, token), refused={})
        except Rejected as error:
            error.refused = {}
            raise

    return {"create": create}


def _found(choose: Callable[[Token, dict[Token, list[Ref]]], Ref | None]) -> Tamper:
    """Finds by what it created, as a search that is too generous would."""

    def tamper(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
        made: dict[Token, list[Ref]] = {}

        def create(body: Body, token: Token) -> Reading:
            reading = honest.create(body, token)
            made.setdefault(token, []).append(reading.ref)
            return reading

        def find(token: Token) -> Reading | None:
            chosen = choose(token, made)
            return honest.read(chosen) if chosen is not None else honest.find(token)

        return {"create": create, "find": find}

    return tamper


def _by_prefix(token: Token, made: dict[Token, list[Ref]]) -> Ref | None:
    return next((refs[0] for other, refs in made.items() if other.startswith(token)), None)


def _newest(token: Token, made: dict[Token, list[Ref]]) -> Ref | None:
    return made[token][-1] if token in made else None


def _injected(token: Token, made: dict[Token, list[Ref]]) -> Ref | None:
    matches = any(mark in token for mark in ('"', "^", "*", "%", "&"))
    return next((refs[0] for refs in made.values() if matches), None)


def _sure(verb: str, words: str, *, maybe_done: bool) -> Tamper:
    """Says the wrong thing about whether a write may have taken effect."""
    return instead(
        verb, TryAgain, lambda _error, _tool: throw(TryAgain("memory", "lost", maybe_done=maybe_done)), words
    )


CREATING: Final = (
    Saboteur(
        "a create that is answered 404 says that something is gone",
        instead("create", NeedsOperator, lambda _error, _tool: throw(Gone("memory", "404", status=404)), "can be gone"),
        ("test_a_create_is_never_gone",),
    ),
    Saboteur(
        "a failed create names another status",
        instead("create", StaleVersion, lambda _error, _tool: throw(StaleVersion("memory", "no", status=418))),
        ("test_each_status_of_a_write_means_its_error",),
    ),
    Saboteur(
        "a refusal does not say what was refused",
        _refuses_it_all,
        ("test_a_refusal_names_the_member_that_was_refused",),
    ),
    Saboteur(
        "create() answers with its own wish",
        patched(lambda reading: {"version": Version("new"), "body": reading.body}, "create"),
        (
            "test_what_was_created_reads_back",
            "test_what_a_person_does_after_our_write_is_left_to_the_next_reading",
            "test_a_cleared_field_is_empty_and_not_absent",
            "test_a_closed_record_opens_again",
            "test_a_write_is_read_back",
            "test_a_write_leaves_other_fields_alone",
            "test_a_write_moves_the_version",
            "test_a_write_with_a_lost_answer_may_be_done",
            "test_hostile_text_is_written_unchanged",
            "test_our_own_write_is_listed_like_any_other",
        ),
    ),
    Saboteur(
        "create() drops what it does not know",
        bodies("create", lambda body, tool: {**body, **tool.patch_description("df")} if len(str(body)) < 999 else body),
        (
            "test_every_field_of_a_new_record_arrives",
            "test_a_write_leaves_other_fields_alone",
            "test_hostile_text_arrives_unchanged",
        ),
    ),
    Saboteur(
        "a record tells a token of its own",
        patched(lambda reading: {"token": Token(f"{reading.token}!")}, "read"),
        ("test_a_record_tells_its_token",),
    ),
    Saboteur(
        "a refusal is worth another try",
        instead("create", Rejected, lambda _error, _tool: throw(TryAgain("memory", "no")), "cannot be"),
        ("test_what_the_tool_refuses_is_rejected", "test_a_refusal_names_the_member_that_was_refused"),
    ),
    Saboteur(
        "control characters are dropped",
        bodies("create", texts(_printable)),
        ("test_hostile_text_arrives_unchanged",),
    ),
    Saboteur(
        "the token is cut",
        answering(
            "create", lambda honest, _tool, body, token: honest.create(body, Token(token[:10] + "#" + token[10:]))
        ),
        (
            "test_a_record_is_found_by_its_token",
            "test_a_create_with_a_lost_answer_is_found_again",
            "test_a_record_tells_its_token",
            "test_a_token_used_twice_leads_to_one_record",
            "test_a_record_tells_how_it_was_born",
        ),
    ),
    Saboteur("the newest of two is found", _found(_newest), ("test_a_token_used_twice_leads_to_one_record",)),
    Saboteur("find() compares the beginning", _found(_by_prefix), ("test_find_ignores_what_carries_another_token",)),
    Saboteur("find() pastes the token into a query", _found(_injected), ("test_a_token_is_never_part_of_a_query",)),
    Saboteur(
        "a lost create is repeated",
        _stubborn_create,
        ("test_a_create_with_a_lost_answer_is_found_again", "test_a_create_that_never_arrived_made_nothing"),
    ),
    Saboteur(
        "a create is repeated when it is not found",
        _eager_create,
        ("test_a_create_that_never_arrived_made_nothing",),
    ),
    Saboteur(
        "a failed create is sure that nothing happened",
        _sure("create", "answered 5", maybe_done=False),
        ("test_each_status_of_a_write_means_its_error",),
    ),
)
