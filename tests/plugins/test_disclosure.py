"""Disclosure: what a connection may not have never leaves, whatever else is in the incident."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tieline.core.model import INCIDENT_FIELDS, Audience, ConnectionName, Fields, RecordKind, Tlp
from tieline.plugins.disclosure.plugin import Disclosure, Settings

SOC: Fields = {"title": "phishing", "status": "new", "description": "who fell for it", "close_notes": None}


def refused(
    fields: Fields = SOC, connection: str = "vendor", ceiling: Tlp = Tlp.AMBER, **settings: Any
) -> frozenset[str]:
    plugin = Disclosure(Settings.model_validate(settings))
    return plugin.tieline_disclose(fields, None, ConnectionName(connection), ceiling, RecordKind.INCIDENT)


def keeps_back(audience: Audience, comments: str | None) -> bool:
    entry = {"fields": ["title"]} if comments is None else {"fields": ["title"], "comments": comments}
    plugin = Disclosure(Settings.model_validate({"connections": {"vendor": entry}}))
    return plugin.tieline_disclose({}, audience, ConnectionName("vendor"), Tlp.AMBER, RecordKind.INCIDENT) == {
        "comment"
    }


def test_a_connection_without_a_list_gets_everything() -> None:
    assert refused() == frozenset()
    plugin = Disclosure(Settings())
    assert (
        plugin.tieline_disclose({}, Audience.STAFF, ConnectionName("vendor"), Tlp.CLEAR, RecordKind.INCIDENT)
        == frozenset()
    )


def test_a_connection_with_a_list_gets_what_is_on_it_and_the_status() -> None:
    listed = {"vendor": {"fields": ["title"]}}
    assert refused(connections=listed) == {"description", "close_notes"}
    assert refused(connection="other", connections=listed) == frozenset()


@pytest.mark.parametrize(
    ("ceiling", "kept"), [(Tlp.CLEAR, True), (Tlp.AMBER, True), (Tlp.AMBER_STRICT, False), (Tlp.RED, False)]
)
def test_a_field_with_a_label_stays_below_it(ceiling: Tlp, kept: bool) -> None:
    assert ("description" in refused(ceiling=ceiling, labels={"description": "amber+strict"})) is kept


def test_a_label_counts_even_for_a_field_on_the_list() -> None:
    found = refused(connections={"vendor": {"fields": ["title", "description"]}}, labels={"description": "red"})
    assert found == {"description", "close_notes"}


@pytest.mark.parametrize(
    ("comments", "public", "internal"),
    [(None, True, True), ("none", True, True), ("public", False, True), ("all", False, False)],
)
def test_comments_leave_only_as_the_entry_says(comments: str | None, public: bool, internal: bool) -> None:
    assert keeps_back(Audience.CUSTOMERS, comments) is public
    assert keeps_back(Audience.STAFF, comments) is internal


@pytest.mark.parametrize(
    "settings",
    [
        {"connections": {"vendor": {"fields": ["titel"]}}},
        {"labels": {"titel": "red"}},
        {"labels": {"status": "red"}},
        {"labels": {"title": "purple"}},
        {"connections": {"vendor": {"fields": ["title"], "comments": "some"}}},
        {"connections": {"vendor": {"comments": "all"}}},
        {"connections": {"vendor": {"audience": "everybody"}}},
    ],
)
def test_a_rule_that_would_guard_nothing_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(settings)


def for_readers(audience: str, **more: Any) -> dict[str, Any]:
    return {"vendor": {"audience": audience, **more}}


def test_a_connection_that_an_audience_reads_gets_what_it_may_see() -> None:
    everything: Fields = dict.fromkeys(INCIDENT_FIELDS, "canary")
    leaves = everything.keys() - refused(everything, connections=for_readers("partners"))
    assert leaves == {"title", "status", "severity", "service", "opened_at", "resolved_at"}
    assert refused(everything, connections=for_readers("responders")) == frozenset()
    both = for_readers("partners", fields=["title", "description"])
    assert everything.keys() - refused(everything, connections=both) == {"title", "status"}


@pytest.mark.parametrize(
    ("entry", "takes"),
    [
        ({"audience": "partners"}, {"partners", "customers", "public"}),
        ({"audience": "staff"}, {"staff", "executives", "partners", "customers", "public"}),
        ({"audience": "partners", "comments": "all"}, {"partners", "customers", "public"}),
        ({"audience": "partners", "comments": "public"}, {"customers", "public"}),
        ({"audience": "public", "comments": "public"}, {"public"}),
        ({"audience": "partners", "comments": "none"}, set()),
        ({"fields": [], "comments": "public"}, {"customers", "public"}),
        ({"fields": [], "comments": "all"}, {str(one) for one in Audience}),
        ({"fields": []}, set()),
    ],
)
def test_a_comment_reaches_only_those_for_whom_it_was_written(entry: dict[str, Any], takes: set[str]) -> None:
    plugin = Disclosure(Settings.model_validate({"connections": {"vendor": entry}}))
    name = ConnectionName("vendor")
    taken = {str(one) for one in Audience if not plugin.tieline_disclose({}, one, name, Tlp.AMBER, RecordKind.INCIDENT)}
    assert taken == takes


NAMES = st.sets(st.sampled_from(sorted(INCIDENT_FIELDS)))


@given(
    held=NAMES,
    listed=NAMES,
    labelled=st.dictionaries(st.sampled_from(sorted(INCIDENT_FIELDS.keys() - {"status"})), st.sampled_from(Tlp)),
    ceiling=st.sampled_from(Tlp),
    readers=st.sampled_from(Audience),
)
def test_nothing_unlisted_above_the_ceiling_or_for_others_ever_leaves(
    held: set[str], listed: set[str], labelled: dict[str, Tlp], ceiling: Tlp, readers: Audience
) -> None:
    fields: Fields = dict.fromkeys(held, "canary")
    entry = {"fields": sorted(listed), "audience": readers}
    kept = refused(fields, ceiling=ceiling, connections={"vendor": entry}, labels=labelled)
    leaves = fields.keys() - kept
    assert leaves <= listed | {"status"}
    assert all(INCIDENT_FIELDS[name].audience.width >= readers.width for name in leaves)
    assert all(labelled[name].rank <= ceiling.rank for name in leaves if name in labelled)
    assert kept <= fields.keys()
