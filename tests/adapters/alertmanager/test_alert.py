"""An alert of the API and of a webhook, read as a body in our shape: from values alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tieline.adapters.alertmanager import alert as alerts
from tieline.core.episodes import Episode, fingerprint
from tieline.core.port import Ref, Unreadable

START: Final = "2026-03-01T11:00:00.000Z"
AT: Final = datetime(2026, 3, 1, 11, tzinfo=UTC)
LABELS: Final = {"alertname": "Disk", "host": "db1"}
MARK: Final = fingerprint(LABELS)
ONE: Final[dict[str, Any]] = {
    "labels": LABELS,
    "annotations": {"summary": "full"},
    "startsAt": START,
    "updatedAt": "2026-03-01T11:30:00.000Z",
    "endsAt": "2026-03-01T11:35:00.000Z",
    "generatorURL": "http://prometheus/graph",
    "fingerprint": MARK,
    "status": {"state": "active", "silencedBy": ["s"], "inhibitedBy": [], "mutedBy": None},
    "receivers": [{"name": "tieline"}, {"name": "mail"}],
}
GROUP: Final = {"receiver": "tieline", "externalURL": "http://am", "groupKey": "{}"}
COMMON: Final = {
    "labels": LABELS,
    "annotations": {"summary": "full"},
    "startsAt": START,
    "generatorURL": "http://prometheus/graph",
    "fingerprint": MARK,
}


@pytest.mark.parametrize(("state", "is_state"), [("active", "active"), ("unprocessed", "active"), ("suppressed",) * 2])
def test_an_alert_of_the_api_fires_whatever_ends_it_one_day(state: str, is_state: str) -> None:
    told = {**ONE, "status": {**ONE["status"], "state": state}}
    body = alerts.from_api(told)
    assert body == {
        **COMMON,
        "endsAt": None,
        "status": {"state": is_state, "silencedBy": ["s"], "inhibitedBy": [], "mutedBy": []},
        "receivers": [{"name": "tieline"}, {"name": "mail"}],
    }
    seen = alerts.sight(told)
    assert (seen.episode, seen.updated, seen.body) == (Episode(MARK, AT), AT + timedelta(minutes=30), body)
    assert alerts.sight({**told, "updatedAt": "yesterday"}).updated is None


@pytest.mark.parametrize(
    ("status", "ends", "ended"),
    [
        ("firing", "2026-03-01T11:35:00.000Z", None),
        ("Resolved", "2026-03-01T11:35:00.000Z", "2026-03-01T11:35:00.000Z"),
        ("resolved", START, START),
        ("resolved", "2026-03-01T10:59:59.000Z", None),
        ("resolved", "yesterday", None),
        ("resolved", None, None),
    ],
)
def test_an_alert_of_a_webhook_is_over_when_it_says_so(status: str, ends: str | None, ended: str | None) -> None:
    over = status != "firing"
    assert alerts.from_webhook({**ONE, "status": status, "endsAt": ends}, GROUP) == {
        **COMMON,
        **GROUP,
        "endsAt": ended,
        "status": {"state": "resolved" if over else "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
        "receivers": [{"name": "tieline"}],
    }


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"status": {"state": "gone"}}, "not one that Alertmanager knows"),
        ({"status": None}, "`status` is not an object"),
        ({"labels": {}}, "no labels"),
        ({"startsAt": 5}, "`startsAt` is not a text"),
        ({"startsAt": "0001-01-01T00:00:00Z"}, "year 1"),
        ({"receivers": {"name": "x"}}, "not a list"),
        ({"receivers": ["x"]}, "a receiver is not an object"),
    ],
)
def test_what_is_odd_about_an_alert_is_said(odd: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        alerts.from_api({**ONE, **odd})


@pytest.mark.parametrize("status", ["pending", "", None])
def test_a_webhook_tells_of_what_fires_and_of_what_is_over(status: str | None) -> None:
    with pytest.raises(ValueError, match="neither firing nor resolved"):
        alerts.from_webhook({**ONE, "status": status}, GROUP)


@pytest.mark.parametrize(
    ("annotations", "read"),
    [
        (None, {}),
        ([], {}),
        ({"a": "b"}, {"a": "b"}),
        ({"a": "b", "n": {"x": 1}}, {"a": "b"}),
        ({"a": "b", "__private__": "c"}, {"a": "b"}),
        ({"__a": "b", "c__": "d"}, {"__a": "b", "c__": "d"}),
    ],
)
def test_what_is_odd_about_annotations_costs_no_alert(annotations: object, read: dict[str, str]) -> None:
    assert alerts.from_api({**ONE, "annotations": annotations})["annotations"] == read


def test_labels_that_a_tool_keeps_for_itself_are_apart_and_make_the_fingerprint() -> None:
    labels = {**LABELS, "__alert_rule_uid__": "u"}
    body = alerts.from_api({**ONE, "labels": labels, "fingerprint": None})
    assert (body["labels"], body["privateLabels"]) == (LABELS, {"__alert_rule_uid__": "u"})
    assert body["fingerprint"] == fingerprint(labels)
    assert "privateLabels" not in alerts.from_api(ONE)


@pytest.mark.parametrize(
    ("changes", "is_as_told"),
    [
        ({}, True),
        ({"annotations": ...}, True),
        ({"annotations": None}, False),
        ({"annotations": {"a": "b", "n": {"x": 1}}}, False),
        ({"labels": {**LABELS, "__x__": "y"}, "fingerprint": None}, False),
    ],
)
def test_whether_an_alert_was_taken_as_it_was_told(changes: dict[str, Any], is_as_told: bool) -> None:
    told = {name: value for name, value in {**ONE, "status": "firing", **changes}.items() if value is not ...}
    assert alerts.is_as_told(alerts.from_webhook(told, GROUP), told) is is_as_told


@pytest.mark.parametrize(
    ("odd", "ref", "rule"),
    [
        (ONE, f"{MARK}@{START}", "Disk"),
        ({**ONE, "fingerprint": None}, f"{MARK}@{START}", "Disk"),
        ({**ONE, "startsAt": "x"}, None, "Disk"),
        ({**ONE, "labels": None}, f"{MARK}@{START}", ""),
        ("odd", None, ""),
    ],
)
def test_an_odd_alert_is_called_as_far_as_it_tells(odd: object, ref: str | None, rule: str) -> None:
    assert alerts.named(odd) == (ref, rule)


@pytest.mark.parametrize(("by", "ends"), [(AT + timedelta(minutes=5), "2026-03-01T11:05:00.000Z"), (AT.min, START)])
def test_an_episode_that_is_no_longer_there_is_over(by: datetime, ends: str) -> None:
    assert alerts.ended(Episode(MARK, AT), by.replace(tzinfo=UTC)) == {
        "fingerprint": MARK,
        "startsAt": START,
        "endsAt": ends,
        "status": {"state": "resolved", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }


@pytest.mark.parametrize(
    ("generator", "url"),
    [
        ("http://prometheus/graph", "http://prometheus/graph"),
        ("https://prometheus/graph", "https://prometheus/graph"),
        ("javascript:alert(1)", "http://am/#/alerts"),
        (None, "http://am/#/alerts"),
    ],
)
def test_a_reading_leads_to_a_web_address(generator: str | None, url: str) -> None:
    body = alerts.from_api({**ONE, "generatorURL": generator})
    reading = alerts.reading(body, timedelta(seconds=5), "http://am/#/alerts")
    assert (reading.ref, reading.key, reading.url, reading.age) == (
        f"{MARK}@{START}",
        "Disk",
        url,
        timedelta(seconds=5),
    )
    assert reading.version == alerts.version(body)
    assert alerts.reading(alerts.ended(Episode(MARK, AT), AT)).key == ""


def test_a_version_moves_with_what_people_see_and_not_with_the_time_out() -> None:
    body = alerts.from_api(ONE)
    same = [{**body, "endsAt": "x"}, {**body, "receivers": []}, {**body, "labels": dict(reversed(LABELS.items()))}]
    assert {alerts.version(one) for one in same} == {alerts.version(body)}
    moved = [
        {**body, "labels": {"alertname": "x"}},
        {**body, "annotations": {}},
        {**body, "status": {"state": "suppressed"}},
        {**body, "status": {"state": "resolved"}},
    ]
    assert len({alerts.version(one) for one in (body, *moved)}) == 5
    assert len(alerts.version(body)) == 24
    assert alerts.version(moved[-1]) == alerts.ENDED


def test_a_delivery_is_known_by_its_alerts_and_their_states_in_any_order() -> None:
    one = alerts.reading(alerts.from_api(ONE))
    two = alerts.reading(alerts.from_api({**ONE, "startsAt": "2026-03-01T12:00:00.000Z"}))
    over = alerts.reading(alerts.from_webhook({**ONE, "status": "resolved"}, GROUP))
    odd, strange = Unreadable(Ref("x"), "k", "odd"), Unreadable(Ref("w"), "k", "odd")
    assert alerts.content_id([one, two], [odd, strange]) == alerts.content_id([two, one], [strange, odd])
    told = [
        ([one], []),
        ([one, two], []),
        ([over], []),
        ([one], [odd]),
        ([one], [Unreadable(None, "k", "odd")]),
        ([], []),
    ]
    assert len({alerts.content_id(readings, unread) for readings, unread in told}) == len(told)


@pytest.mark.parametrize(
    ("told", "may"),
    [
        (ONE, True),
        ({**ONE, "receivers": [{"name": "mail"}]}, False),
        ({**ONE, "receivers": None}, False),
        ({**ONE, "receivers": "x"}, True),
        ("odd", True),
    ],
)
def test_what_cannot_be_understood_may_reach_us(told: object, may: bool) -> None:
    assert alerts.may_reach(told, "tieline") is may
