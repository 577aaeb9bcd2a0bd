"""Audiences: an order from the narrowest to the widest, in which nothing ever goes to somebody new."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.model import CATALOGUE, INCIDENT_FIELDS, Audience, Fields, RecordKind, shown_to

ONE = st.sampled_from(Audience)
SEVERAL = st.frozensets(ONE)


def test_the_order_is_from_responders_to_everybody() -> None:
    assert [str(one) for one in sorted(Audience, key=lambda one: one.width)] == [
        "responders",
        "staff",
        "executives",
        "partners",
        "customers",
        "public",
    ]


@given(ONE, ONE, ONE)
def test_a_copy_of_a_copy_is_never_for_somebody_new(one: Audience, other: Audience, third: Audience) -> None:
    assert one.may_become(one)
    assert one.may_become(other) or other.may_become(one)
    if one.may_become(other) and other.may_become(third):
        assert one.may_become(third)
    if one.may_become(other) and other.may_become(one):
        assert one is other


@given(ONE, SEVERAL)
def test_where_it_cannot_be_told_apart_it_goes_to_as_many_as_show_nobody_new(
    one: Audience, kept: frozenset[Audience]
) -> None:
    found = one.among(kept)
    allowed = {other for other in kept if one.may_become(other)}

    assert (found is None) is (not allowed)
    assert found is None or found in allowed
    assert all(found is not None and found.width >= other.width for other in allowed)
    if one in kept:
        assert found is one


FIELDS: Fields = dict.fromkeys([*INCIDENT_FIELDS, "nobody_knows"], "canary")


@pytest.mark.parametrize(
    ("audience", "hidden"),
    [
        (Audience.RESPONDERS, set()),
        (Audience.STAFF, {"nobody_knows"}),
        (Audience.PARTNERS, FIELDS.keys() - {"title", "status", "severity", "service", "opened_at", "resolved_at"}),
        (Audience.PUBLIC, FIELDS.keys() - {"status"}),
    ],
)  # fmt: skip
def test_what_of_an_incident_an_audience_may_see(audience: Audience, hidden: set[str]) -> None:
    assert FIELDS.keys() - shown_to(audience, FIELDS).keys() == hidden


@given(ONE, ONE, st.sets(st.sampled_from(sorted(FIELDS))))
def test_whoever_belongs_to_a_narrower_audience_sees_at_least_as_much(
    one: Audience, other: Audience, held: set[str]
) -> None:
    fields: Fields = dict.fromkeys(held, "canary")
    if one.may_become(other):
        assert shown_to(one, fields).items() <= shown_to(other, fields).items() <= fields.items()


def test_a_field_of_which_nobody_says_whom_it_is_for_is_for_responders() -> None:
    assert {spec.audience for spec in CATALOGUE[RecordKind.CHANGE].values()} == {Audience.RESPONDERS}
