"""Polling: what is a problem, what ends one, and what an answer does not prove."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tieline.adapters.icinga.adapter import IcingaAdapter, _worded
from tieline.adapters.icinga.simulated.driver import PASSWORD, IcingaDriver
from tieline.adapters.icinga.simulator import IcingaSimulator
from tieline.core.errors import Gone, NeedsOperator, RemoteError, TryAgain
from tieline.core.port import Cursor, Reading


def poll(adapter: IcingaAdapter, since: Cursor | None) -> tuple[dict[str, Reading], Cursor]:
    """The readings by ref, and where the source stands after them."""
    found: dict[str, Reading] = {}
    cursor = since
    for page in adapter.changes(since):
        found.update({one.ref: one for one in page.readings})
        cursor = page.cursor
    assert cursor is not None
    return found, cursor


def test_a_soft_problem_is_none_until_it_is_hard(adapter: IcingaAdapter, icinga: IcingaSimulator) -> None:
    icinga.make("Service", "db1!disk", attempts=3)
    icinga.report("db1!disk", 0, "DISK OK")
    told = []
    for _ in range(3):
        icinga.report("db1!disk", 2, "DISK CRITICAL")
        told.append(len(poll(adapter, Cursor(""))[0]))
    assert told == [0, 0, 1]


def test_an_escalation_is_the_same_episode_and_a_flap_another(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator
) -> None:
    ref = driver.make("DISK WARNING")
    _, cursor = poll(adapter, Cursor(""))
    driver.advance(60)
    icinga.report("db1!disk", 1, "DISK WARNING")
    worse, cursor = poll(adapter, cursor)
    assert {(one, reading.body["state"]) for one, reading in worse.items()} == {(ref, "warning")}
    driver.advance(60)
    icinga.report("db1!disk", 0, "DISK OK")
    driver.advance(60)
    again = driver.fail_check("db1!disk", 2, "DISK CRITICAL")
    flapped, _ = poll(adapter, cursor)
    assert {one: reading.body["status"] for one, reading in flapped.items()} == {ref: "resolved", again: "active"}


def test_one_that_was_never_well_and_is_made_anew_is_another_episode(
    driver: IcingaDriver, icinga: IcingaSimulator
) -> None:
    first = driver.fail_check("db1!disk", 2, "DISK CRITICAL")
    icinga.state.delete("db1!disk")
    driver.advance(60)
    assert driver.fail_check("db1!disk", 2, "DISK CRITICAL") != first


def test_what_icinga_forgot_has_not_ended(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator
) -> None:
    ref = driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, Cursor(""))
    icinga.make("Service", "db1!disk")  # as after a start without its state file
    assert poll(adapter, cursor) == ({}, cursor)
    with pytest.raises(TryAgain, match="does not know yet"):
        adapter.read(ref)
    icinga.report("db1!disk", 0, "DISK OK")
    assert poll(adapter, cursor)[0][ref].body["status"] == "resolved"
    with pytest.raises(Gone):
        adapter.read(ref)


@pytest.mark.parametrize("how", ["acknowledged", "downtime", "reachable"])
def test_what_is_acknowledged_in_downtime_or_cut_off_is_suppressed_and_goes_on(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator, how: str
) -> None:
    ref = driver.make("DISK CRITICAL")
    if how == "acknowledged":
        icinga.acknowledge("db1!disk", "ann", "looking", expiry=icinga.now() + 60)
    elif how == "downtime":
        driver.at(ref).downtimes = 1
    else:
        driver.at(ref).reachable = False
    _, cursor = poll(adapter, Cursor(""))
    assert adapter.read(ref).body["status"] == "suppressed"
    if how == "acknowledged":
        driver.advance(61)  # nobody has checked the object since, so that Icinga still tells of it
        assert poll(adapter, cursor)[0][ref].body["status"] == "active"


def test_a_storm_of_long_words_stops_nothing(driver: IcingaDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = driver.connect(page_size=500)
    ordinary = [driver.make("DISK CRITICAL", "x" * 5_000) for _ in range(70)]
    endless = driver.make("DISK CRITICAL", "x" * 200_000)
    down = driver.fail_check("db1", 1, "PING CRITICAL")
    monkeypatch.setattr("tieline.core.http.LARGEST_ANSWER", 100_000)
    found, _ = poll(adapter, Cursor(""))
    assert {len(found[one].body["output"]) for one in ordinary} == {5_014}
    assert (found[endless].body["state"], found[endless].body["output"]) == ("critical", "")
    assert found[down].body["summary"] == "PING CRITICAL"
    assert adapter.read(endless).ref == endless


def test_words_are_asked_for_where_something_changed(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator
) -> None:
    driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, Cursor(""))
    before = len(icinga.requests)
    assert poll(adapter, cursor) == ({}, cursor)
    assert len(icinga.requests) - before == 3


def test_what_a_plugin_says_of_another_state_is_not_taken_for_this_one(
    adapter: IcingaAdapter, driver: IcingaDriver
) -> None:
    one = adapter.read(driver.make("DISK CRITICAL"))
    assert _worded(one, {"db1!disk": ("ok", "DISK OK")}) == one
    assert _worded(one, {"db1!disk": ("critical", "DISK FULL")}).body["summary"] == "DISK FULL"


def test_only_variables_that_were_named_are_taken_over(driver: IcingaDriver, icinga: IcingaSimulator) -> None:
    ref = driver.make("DISK CRITICAL")
    driver.at(ref).vars = {"team": "billing", "size": 3, "snmp_community": "s3cret", "disks": {"/": {}}}
    body = driver.connect(vars=["team", "size", "disks", "absent"]).read(ref).body
    assert body["labels"] == {"team": "billing", "size": "3", "host": "db1", "service": "disk"}
    assert "s3cret" not in json.dumps(body)
    assert "vars" not in json.dumps(driver.connect().read(ref).body)


def test_hosts_and_services_are_told_apart(adapter: IcingaAdapter, driver: IcingaDriver) -> None:
    host = driver.fail_check("db1", 1, "PING CRITICAL")
    service = driver.fail_check("db1!ping", 2, "PING CRITICAL")
    found, _ = poll(adapter, Cursor(""))
    assert (found[host].body["state"], found[service].body["state"]) == ("down", "critical")
    links = driver.connect(web="https://icinga.example/icingaweb2/")
    assert links.read(host).url == "https://icinga.example/icingaweb2/icingadb/host?name=db1"
    assert links.read(service).url.endswith("/icingadb/service?name=ping&host.name=db1")


def test_the_first_poll_leaves_what_began_before_history_alone_but_tells_its_end(
    driver: IcingaDriver, icinga: IcingaSimulator
) -> None:
    adapter = driver.connect(history=timedelta(hours=1))
    old = driver.make("DISK CRITICAL")
    driver.advance(2 * 3600)
    young = driver.make("DISK CRITICAL")
    found, cursor = poll(adapter, None)
    assert list(found) == [young]
    driver.delete(old)
    assert poll(adapter, cursor)[0][old].body["status"] == "resolved"


@pytest.mark.parametrize("words", ["x" * 40_000, "🔥 قاعدة \u202e", "a\x00b\x1b[31m", "<b>{{7*7}}</b> [code]", ""])
def test_whatever_a_plugin_writes_is_taken_over(adapter: IcingaAdapter, driver: IcingaDriver, words: str) -> None:
    body = adapter.read(driver.make("first line", words)).body
    assert (body["summary"], body["output"]) == ("first line", f"first line\n{words}"[:10_000])


@pytest.mark.parametrize("state", [4, -1, 2.5, "2", None, True])
def test_a_state_that_nobody_knows_is_named_and_no_end(
    adapter: IcingaAdapter, driver: IcingaDriver, state: object
) -> None:
    ref, other = driver.make("DISK CRITICAL"), driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, Cursor(""))
    driver.at(ref).odd = {"state": state}
    driver.touch(other)
    (page,) = adapter.changes(cursor)
    assert [one.ref for one in page.readings] == [other]
    assert [(one.ref, one.key) for one in page.unreadable] == [(ref, "db1!disk")]


@pytest.mark.parametrize("lacking", ["status/query", "objects/query/Host", "objects/query/Comment"])
def test_check_names_the_permission_that_is_missing(driver: IcingaDriver, lacking: str) -> None:
    rights = {"status/query", "objects/query/*", "objects/query/Host", "objects/query/Service", "objects/query/Comment"}
    driver.simulator.users["tieline"] = (PASSWORD, tuple(rights - {lacking, "objects/query/*"}))
    with pytest.raises(NeedsOperator, match=f"lacks {lacking}"):
        driver.connect().check()
    if lacking != "objects/query/Comment":
        with pytest.raises(NeedsOperator, match="No objects found"):
            poll(driver.connect(), None)


def test_check_says_what_is_not_seen_and_not_done(driver: IcingaDriver) -> None:
    rights = ("Status/*", "objects/query/Host (filtered)", "objects/query/Service", "objects/query/Comment")
    driver.simulator.users["tieline"] = (PASSWORD, ("*", *rights))
    assert "have a filter (objects/query/Host (filtered))" in "\n".join(driver.connect().check().notes)
    driver.simulator.users["tieline"] = (PASSWORD, ("status/query", "objects/query/*"))
    notes = "\n".join(driver.connect(webhook_token=None).check().notes)
    assert "actions/acknowledge-problem, actions/remove-acknowledgement: nothing is acknowledged" in notes
    assert "only by polling" in notes


@pytest.mark.parametrize(
    "answer",
    [
        {"results": [{}]},
        {"results": [None]},
        {"results": ["ok"]},
        {"results": [{"name": []}]},
        {"results": "none"},
        {"error": 500},
        [],
        "no",
        None,
    ],
)
def test_an_answer_of_something_else_is_an_error_and_no_empty_list(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator, answer: object
) -> None:
    driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, Cursor(""))
    for path in ("/v1/objects", "/v1/status"):
        icinga.fail(200, body=answer, path=path, times=9)
        with pytest.raises(RemoteError):
            poll(adapter, cursor)
        driver.heal()
