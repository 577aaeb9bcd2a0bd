"""Faults of the smaller powers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import Honest, Saboteur, Tamper, Verbs, answering
from tieline.core.port import Act, Reading, Ref, Token


def _fresh(token: Token) -> Token:
    return Token(f"{token}-{next(_COUNTER)}")


_COUNTER = itertools.count()


def _acting(change: Any) -> Tamper:
    """Falsifies an acknowledgement: `change` gets the adapter, the ref, the act and the rest."""
    return answering("acknowledge", lambda honest, _tool, ref, act, **how: change(honest, ref, act, how))


def _all_signals(honest: Honest, tool: ToolDriver) -> Verbs:
    """Silences by a matcher that is too wide."""
    make, made = tool.make, []

    def remembered(title: str, description: str = "") -> Ref:
        made.append(make(title, description))
        return made[-1]

    def acknowledge(ref: Ref, act: Act, **how: Any) -> str:
        for other in made:
            if other != ref:
                honest.acknowledge(other, act, **how)
        return honest.acknowledge(ref, act, **how)

    vars(tool)["make"] = remembered
    return {"acknowledge": acknowledge}


def _one_link(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Has room for one link, and replaces nothing."""
    linked: dict[Ref, Token] = {}

    def link(ref: Ref, url: str, title: str, token: Token) -> None:
        honest.link(ref, url, title, linked.setdefault(ref, token))

    return {"link": link}


def _last_output(honest: Honest, tool: ToolDriver) -> Verbs:
    """Tells what was written last, whoever wrote it."""
    write, wrote = tool.write_output, []

    def written(ref: Ref, output: bytes) -> None:
        wrote.append(ref)
        write(ref, output)

    vars(tool)["write_output"] = written
    return {"output": lambda _ref, start, most: honest.output(wrote[-1], start, most)}


def _unpaid(honest: Honest, tool: ToolDriver, ref: Ref) -> Reading:
    """Asks the tool past the budget."""
    paid = tool.taken
    try:
        return honest.read(ref)
    finally:
        tool.taken = paid


def _guess(honest: Honest, tool: ToolDriver, email: str) -> str | None:
    """Takes the first person whose address begins alike."""
    local = email.partition("@")[0]
    return honest.person_id(email) or (honest.person_id(tool.known_email) if local in tool.known_email else None)


POWERS: Final = (
    Saboteur(
        "a claimed power is not there",
        lambda _honest, _tool: {"link": None},
        (
            "test_every_claimed_power_has_its_verbs",
            "test_a_link_is_shown_once_per_token",
            "test_two_tokens_are_two_links",
        ),
    ),
    Saboteur(
        "a request is not paid for",
        answering("read", _unpaid),
        ("test_each_request_takes_a_call_from_the_budget",),
    ),
    Saboteur(
        "each acknowledgement is a new one",
        _acting(lambda honest, ref, act, how: honest.acknowledge(ref, act, **{**how, "token": _fresh(how["token"])})),
        ("test_an_acknowledgement_is_in_force_once_per_token",),
    ),
    Saboteur(
        "resolve leaves the silence",
        _acting(lambda honest, ref, act, how: honest.acknowledge(ref, act, **how) if act is not Act.RESOLVE else ""),
        ("test_release_and_resolve_take_it_back",),
    ),
    Saboteur("a silence covers the neighbours", _all_signals, ("test_an_acknowledgement_speaks_of_its_own_signal",)),
    Saboteur(
        "the schema mixes names",
        answering(
            "describe",
            lambda honest, _tool: {name: replace(fact, name=name.upper()) for name, fact in honest.describe().items()},
        ),
        ("test_the_schema_tells_the_fields_by_name",),
    ),
    Saboteur(
        "addresses are compared with their capitals",
        answering("person_id", lambda honest, _tool, email: honest.person_id(email) if email.islower() else None),
        ("test_a_person_is_found_by_address",),
    ),
    Saboteur("a stranger is the nearest person", answering("person_id", _guess), ("test_a_stranger_is_nobody",)),
    Saboteur(
        "each link is a new one",
        answering("link", lambda honest, _tool, ref, url, title, token: honest.link(ref, url, title, _fresh(token))),
        ("test_a_link_is_shown_once_per_token",),
    ),
    Saboteur(
        "an output begins anew with each part",
        answering("output", lambda honest, _tool, ref, _start, most: honest.output(ref, 0, most)),
        ("test_an_output_is_told_in_parts_to_its_end",),
    ),
    Saboteur(
        "the output is that of the last record",
        _last_output,
        ("test_an_output_is_its_own_record_s",),
    ),
    Saboteur("there is room for one link", _one_link, ("test_two_tokens_are_two_links",)),
)
