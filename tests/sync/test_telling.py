"""Alerts of one name are told apart by the labels by which they differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tieline.mappings.convert.lines import units
from tieline.sync.alerts.telling import LONGEST, told_apart

LABELS = st.dictionaries(st.sampled_from("abc"), st.text(max_size=3), max_size=3)


def test_one_label_that_tells_all_apart_is_enough_and_a_short_one_is_better() -> None:
    labels = [
        {"alertname": "Full", "cluster": "eu", "pod": f"checkout-7d9f8b6c5-{one}", "instance": f"db{one}"}
        for one in "abc"
    ]
    assert told_apart(labels) == ["instance=dba", "instance=dbb", "instance=dbc"]


def test_where_none_does_it_takes_several() -> None:
    labels = [{"instance": one, "disk": two} for one in ("a", "b") for two in ("x", "y")]
    assert told_apart(labels) == [
        "disk=x, instance=a",
        "disk=y, instance=a",
        "disk=x, instance=b",
        "disk=y, instance=b",
    ]


def test_what_one_lacks_tells_it_apart_as_well() -> None:
    assert told_apart([{"instance": "a"}, {"instance": "a", "device": "sda"}]) == ["", "device=sda"]


def test_of_the_same_labels_nothing_is_said() -> None:
    assert told_apart([{"instance": "a"}, {"instance": "a"}]) == ["", ""]
    assert told_apart([{}, {}]) == ["", ""]


def test_long_words_are_cut_where_they_do_not_differ() -> None:
    path = "https://storage.example.com/very/long/path/to/some/bucket/of/the/shop/object-"
    said = told_apart([{"url": f"{path}1"}, {"url": f"{path}2"}])
    assert said == ["…/object-1", "…/object-2"]
    assert all(units(one) <= LONGEST for one in told_apart([{"a": f"{one}{'y' * 500}"} for one in "xyz"]))


def test_what_labels_hold_is_one_line() -> None:
    assert told_apart([{"a": "1\n2"}, {"a": "3"}]) == ["a=1 2", "a=3"]


@given(st.lists(LABELS, min_size=1, max_size=6))
def test_the_same_labels_give_the_same_words_and_no_others_do_while_they_fit(labels: list[dict[str, str]]) -> None:
    said = told_apart(labels)
    assert said == told_apart(labels)
    solid = [{name: text for name, text in one.items() if text.isalnum()} for one in labels]
    if solid == labels:
        assert len(set(said)) == len({tuple(sorted(one.items())) for one in labels})
