"""Ids that are given once: they sort by when that was, and none comes a second time."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from tieline.core.model import IncidentId, RecordKind, item_number, parse_item_number
from tieline.core.store.uids import uid

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_they_sort_by_when_they_were_given_and_fit_their_column() -> None:
    made = [uid(NOON + timedelta(milliseconds=step), os.urandom) for step in range(100)]
    assert made == sorted(made)
    assert {len(one) for one in made} == {32}


def test_none_is_given_twice_in_one_moment() -> None:
    assert len({uid(NOON, os.urandom) for _ in range(1_000)}) == 1_000


def test_a_moment_before_1970_is_no_mistake() -> None:
    assert uid(datetime(1969, 1, 1, tzinfo=UTC), lambda count: bytes(count)) == "0" * 32


@pytest.mark.parametrize(
    ("words", "kind", "number"),
    [
        ("INC-12", RecordKind.INCIDENT, 12),
        (" prb-7 ", RecordKind.PROBLEM, 7),
        ("CHG-1", RecordKind.CHANGE, 1),
        ("12", None, 12),
    ],
)
def test_a_number_says_what_kind_of_item_it_names(words: str, kind: RecordKind | None, number: int) -> None:
    assert parse_item_number(words) == (kind, number)
    if kind is not None:
        assert item_number(kind, IncidentId(number)) == words.strip().upper()


@pytest.mark.parametrize("words", ["", "INC", "INC-", "-12", "OPS-12", "INC-1-2", "INC-\u0661", "1" * 19, "SIG-1"])
def test_what_is_no_number_of_ours_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="is not an incident number; write it like INC-12"):
        parse_item_number(words)
