"""What the API answers, one answer at a time: what is made of it, and what nobody would take for Alertmanager's."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from tests.adapters.alertmanager.test_silences import TOKEN, acknowledge, undo
from tests.adapters.alertmanager.test_webhook import DISK

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter
from tieline.adapters.alertmanager.simulated.driver import AlertmanagerDriver
from tieline.adapters.alertmanager.simulated.state import GRAFANA
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.core.errors import NeedsOperator, RemoteError, TryAgain
from tieline.core.port import Act, Cursor
from tieline.core.secrets import Secret

HTML = {"content-type": "text/html"}
ODD_SILENCE = {"id": "x", "status": {"state": "active"}}


@pytest.mark.parametrize(
    ("credentials", "given", "account"),
    [
        ("", {"bearer_token": None}, "anonymous"),
        ("Bearer secret", {"bearer_token": Secret.literal("secret")}, "bearer token"),
        (
            "Basic " + base64.b64encode(b"tieline:secret").decode(),
            {"bearer_token": None, "username": "tieline", "password": Secret.literal("secret")},
            "tieline",
        ),
    ],
)
def test_a_check_says_as_whom_it_was_made(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator, credentials: str, given: dict[str, object], account: str
) -> None:
    am.credentials = credentials
    assert driver.connect(**given).check().account == account


@pytest.mark.parametrize(
    ("status", "headers", "proves_nothing"),
    [(404, {}, True), (404, HTML, True), (410, {}, True), (400, {}, True), (403, {}, False), (503, {}, False)],
)
def test_whoever_does_not_list_its_receivers_proves_nothing_about_ours(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator, status: int, headers: dict[str, str], proves_nothing: bool
) -> None:
    am.fail(status, headers=headers, path="/receivers", times=9)
    adapter = driver.connect(receiver="tieline")
    if proves_nothing:
        assert "does not list its receivers" in adapter.check().notes[0]
    else:
        with pytest.raises(RemoteError, match=str(status)):
            adapter.check()


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ([{"name": "mail"}, {"name": "tieline"}], None),
        ([None, {"name": "tieline"}], None),
        ([{"name": "mail"}, "tieline"], ["mail"]),
        ({"name": "tieline"}, []),
        (None, []),
        ([], []),
    ],
)
def test_our_receiver_is_one_of_those_that_are_listed(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator, listed: Any, names: list[str] | None
) -> None:
    am.fail(200, body=listed, path="/receivers")
    adapter = driver.connect(receiver="tieline")
    if names is None:
        assert adapter.check().notes == ()
    else:
        with pytest.raises(NeedsOperator, match="no receiver 'tieline', only ") as refused:
            adapter.check()
        assert f"only {names};" in str(refused.value)


@pytest.mark.parametrize("seconds", [0, 1])
def test_what_began_as_long_ago_as_history_goes_is_told(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator, seconds: int
) -> None:
    ref = am.fire(DISK).ref
    driver.advance(3600 + seconds)
    [page] = driver.connect(history=timedelta(hours=1)).changes(None)
    assert [one.ref for one in page.readings] == ([] if seconds else [ref])


def test_alerts_are_told_in_the_order_in_which_they_were_last_reported(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    made = {}
    for instance in ("db1", "db2", "db3"):
        made[instance] = am.fire({**DISK, "instance": instance}).ref
        driver.advance(10)
    am.fire({**DISK, "instance": "db1"}, {"summary": "99 %"})
    [page] = driver.connect(page_size=50).changes(Cursor(""))
    assert [one.ref for one in page.readings] == [made[instance] for instance in ("db2", "db3", "db1")]
    assert [one.age for one in page.readings] == [timedelta(seconds=20), timedelta(seconds=10), timedelta(0)]


def test_an_alert_that_was_reported_after_the_answer_is_not_older_than_it(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    """The answer's Date tells whole seconds."""
    driver.advance(0.8)
    ref = am.fire(DISK).ref
    assert driver.connect().read(ref).age == timedelta(0)


def test_a_poll_that_misses_nothing_asks_once_and_one_that_does_asks_for_the_start_too(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    adapter, ref = driver.connect(), am.fire(DISK).ref
    asked, cursor = [], Cursor("")
    for over in (False, False, True, False):
        if over:
            am.resolve(ref)
        am.requests.clear()
        [page] = adapter.changes(cursor)
        cursor = page.cursor
        asked.append([path for _method, path in am.requests])
    alerts = "/api/v2/alerts"
    assert asked == [[alerts], [alerts], [alerts, "/api/v2/status"], [alerts]]


def test_an_alert_that_goes_to_somebody_else_is_read_when_it_is_asked_for(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    for ref in [am.fire({**DISK, "instance": instance}).ref for instance in ("db1", "db2")]:
        assert driver.connect(receiver="pager").read(ref).ref == ref


def test_an_alert_without_an_address_of_its_own_leads_to_its_alertmanager(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    adapter, ref = driver.connect(), am.fire(DISK).ref
    [began] = adapter.changes(Cursor(""))
    am.resolve(ref)
    [ended] = adapter.changes(began.cursor)
    addresses = [one.url for page in (began, ended) for one in page.readings]
    assert addresses == ["http://alertmanager.example:9093"] * 2


def test_what_is_no_alert_at_all_costs_a_listing_none_of_the_others(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    [shown] = am.control("list", {})
    am.fail(200, path="/api/v2/alerts", body=[None, shown, "x"])
    [page] = driver.connect(page_size=50).changes(Cursor(""))
    assert [one.ref for one in page.readings] == [ref]
    assert [(one.ref, one.sentence) for one in page.unreadable] == [(None, "an alert is not an object")] * 2


@pytest.mark.parametrize(
    ("path", "status", "body", "words"),
    [
        ("/api/v2/alerts", 404, {}, "no Alertmanager answers at"),
        ("/api/v2/alerts", 200, {}, "not Alertmanager's .not a list"),
        ("/api/v2/alerts", 200, "alerts", "not Alertmanager's .not a list"),
        ("/api/v2/status", 404, {}, "no Alertmanager answers at"),
        ("/api/v2/status", 200, {}, "not Alertmanager's .neither"),
        ("/api/v2/status", 200, [], "not Alertmanager's .neither"),
    ],
)
def test_what_no_alertmanager_answers_is_not_taken_for_nothing_that_fires(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator, path: str, status: int, body: Any, words: str
) -> None:
    am.fail(status, path=path, body=body)
    with pytest.raises(NeedsOperator, match=words):
        driver.connect().read(driver.missing_ref())


# -- silences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [{}, [7], [None], [ODD_SILENCE]])
def test_silences_that_no_alertmanager_lists_are_not_added_to(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator, answer: Any
) -> None:
    ref = am.fire(DISK).ref
    am.fail(200, path="/silences", body=answer)
    with pytest.raises(NeedsOperator, match="not Alertmanager's"):
        acknowledge(adapter, driver, ref)
    assert am.state.silences == {}


def test_silences_that_no_alertmanager_lists_prove_no_removal(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    acknowledge(adapter, driver, ref)
    am.fail(404, method="DELETE", after_effect=True)
    am.afterwards.append(
        (lambda request: request.method == "DELETE", lambda: am.fail(200, path="/silences", body=[ODD_SILENCE]))
    )
    with pytest.raises(NeedsOperator, match="not Alertmanager's"):
        undo(adapter, driver, ref)


@pytest.mark.parametrize(("seconds", "calls"), [(5, 1), (6, 2)])
def test_a_silence_that_ends_nearly_when_it_should_is_left_as_it_is(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator, seconds: int, calls: int
) -> None:
    ref = am.fire(DISK).ref
    acknowledge(adapter, driver, ref)
    driver.advance(seconds)
    am.requests.clear()
    acknowledge(adapter, driver, ref)
    assert len(am.requests) == calls


def test_the_longest_silence_of_an_incident_is_the_one_that_counts(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    for hours in (4.0, 1.0):
        am.silence(ref, author="tieline", comment=f"INC-12 [{ref} {TOKEN}]", hours=hours)
    am.requests.clear()
    acknowledge(adapter, driver, ref, hours=2)
    assert [method for method, _path in am.requests] == ["GET"]


def test_a_silence_matches_what_its_source_keeps_to_itself_too() -> None:
    driver = AlertmanagerDriver(GRAFANA)
    ref = driver.make("full")
    made = driver.simulator.state.silences[acknowledge(driver.connect(), driver, ref)]
    [told] = driver.simulator.control("list", {})
    assert {one.name: one.value for one in made.matchers} == told["labels"]
    assert any(name.startswith("__") for name in told["labels"])


@pytest.mark.parametrize("answer", [{}, [], "id", {"silenceID": None}, {"silenceID": 7}])
def test_a_silence_whose_id_is_not_told_may_be_there(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator, answer: Any
) -> None:
    ref = am.fire(DISK).ref
    am.fail(200, method="POST", path="/silences", body=answer, after_effect=True)
    with pytest.raises(TryAgain, match="without silenceID") as asked:
        acknowledge(adapter, driver, ref)
    assert asked.value.maybe_done


def test_a_silence_that_was_removed_while_it_was_prolonged_is_made_anew(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    first = acknowledge(adapter, driver, ref)
    driver.advance(3600)
    am.fail(404, method="POST", path="/silences")
    with pytest.raises(TryAgain, match="has just been removed") as asked:
        acknowledge(adapter, driver, ref)
    assert not asked.value.maybe_done
    am.state.silences[first].expire(driver.tool_now())
    assert acknowledge(adapter, driver, ref) != first


@pytest.mark.parametrize("act", [Act.RELEASE, Act.RESOLVE])
def test_a_silence_that_was_taken_back_has_no_handle_and_is_not_looked_for(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator, act: Act
) -> None:
    """Another member of a cluster may list it for a moment longer."""
    ref = am.fire(DISK).ref
    handle = acknowledge(adapter, driver, ref)
    am.requests.clear()
    assert adapter.acknowledge(ref, act, until=driver.now(), note="INC-12", token=TOKEN) == ""
    assert am.requests == [("GET", "/api/v2/silences"), ("DELETE", f"/api/v2/silence/{handle}")]
