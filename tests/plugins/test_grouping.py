"""Grouping: equal keys mean one incident."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tieline.core.model import ConnectionName, Signal
from tieline.plugins.grouping.plugin import APART, Grouping, Settings

BY_DEFAULT = Grouping(Settings())


def key(
    labels: dict[str, str], plugin: Grouping = BY_DEFAULT, source: str = "prom", service: str | None = None
) -> str | None:
    return plugin.tieline_group_key(Signal(ConnectionName(source), "e", {"service": service}, labels))


def test_alerts_that_agree_on_the_labels_share_a_group_whatever_else_they_say() -> None:
    assert key({"alertname": "DiskFull", "service": "db", "pod": "a"}) == key(
        {"pod": "b", "alertname": "DiskFull", "service": "db"}
    )
    assert key({"alertname": "DiskFull", "service": "db"}) != key({"alertname": "DiskFull", "service": "web"})


@pytest.mark.parametrize("name", APART)
def test_another_environment_cluster_tenant_or_namespace_is_another_incident(name: str) -> None:
    one = {"alertname": "DiskFull", "service": "db"}
    assert key({**one, name: "production"}) != key({**one, name: "staging"})
    assert key({**one, name: "production"}) == key({**one, name: "production", "pod": "a"})
    assert key({**one, name: "production"}) != key(one)
    assert key({**one, name: ""}) == key(one)


def test_what_keeps_groups_apart_makes_none_by_itself() -> None:
    """Else all nameless alerts of a namespace would be one incident."""
    assert key({"namespace": "shop", "cluster": "eu"}) is None


def test_labels_that_keep_groups_apart_can_be_chosen_and_left_out() -> None:
    labels = {"alertname": "DiskFull", "cluster": "eu", "region": "north"}
    assert key(labels, Grouping(Settings(apart=()))) == "alertname=DiskFull"
    assert key(labels, Grouping(Settings(apart=("region",)))) == "alertname=DiskFull,region=north"
    assert key(labels, Grouping(Settings(by=("alertname", "cluster")))) == "alertname=DiskFull,cluster=eu"


def test_the_key_in_force_is_said_as_it_is_configured() -> None:
    assert "alertname, service, job" in BY_DEFAULT.tieline_grouping()
    assert "cluster" in BY_DEFAULT.tieline_grouping()
    narrow = Grouping(Settings(by=("cluster",), apart=(), across_sources=False)).tieline_grouping()
    assert narrow == "Alerts that agree on cluster share an incident, if they come from the same source."


def test_an_alert_without_any_of_the_labels_stands_for_itself() -> None:
    assert key({"pod": "a"}) is None
    assert key({"alertname": ""}) is None


def test_a_name_that_is_no_label_is_a_field() -> None:
    assert key({"alertname": "x"}, service="db") == key({"alertname": "x", "service": "db"})
    assert key({"alertname": "x"}, service=None) == "alertname=x"


def test_sources_share_groups_unless_told_not_to() -> None:
    labels = {"alertname": "DiskFull"}
    assert key(labels, source="a") == key(labels, source="b")
    apart = Grouping(Settings(across_sources=False))
    assert key(labels, apart, source="a") != key(labels, apart, source="b")


def test_other_labels_can_make_the_group() -> None:
    plugin = Grouping(Settings(by=("cluster",)))
    assert key({"cluster": "eu", "alertname": "a"}, plugin) == key({"cluster": "eu", "alertname": "b"}, plugin)


def test_no_labels_at_all_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(by=())


def test_a_comma_in_a_name_does_not_make_two_groups_meet() -> None:
    plugin = Grouping(Settings(by=("a", "b", "x,b")))
    assert key({"a": "q,x", "b": "y"}, plugin) != key({"a": "q", "x,b": "y"}, plugin)


VALUES = st.dictionaries(st.sampled_from(["alertname", "service", "job"]), st.text("a,=\\", min_size=1, max_size=6))


@given(VALUES, VALUES)
def test_different_labels_never_meet_in_one_key(left: dict[str, str], right: dict[str, str]) -> None:
    assert (key(left) == key(right)) == (left == right)
