"""A day's work, recorded from a socket and replayed: the same requests get the same answers.

Record anew with `TIELINE_RECORD=1 pytest tests/adapters/servicenow/test_cassette.py` after a change on the wire.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import vcr

from tieline.adapters.servicenow.adapter import ServiceNow, connect
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Token

CASSETTE = Path(__file__).parent / "cassettes" / "days_work.yaml"
RECORD = bool(os.environ.get("TIELINE_RECORD"))


def days_work(adapter: ServiceNow, person: str) -> list[object]:
    """Check, poll, create, find, update, comment; what came of it."""
    health = adapter.check()
    *_, page = adapter.changes(None)
    made = adapter.create({"short_description": "Disk full on db1 🔥", "impact": "2", "urgency": "1"}, Token("t-1"))
    found = adapter.find(Token("t-1"))
    assigned = adapter.person_id(person)
    written = adapter.update(made.ref, {"state": "2", "assigned_to": assigned}, made.version)
    added = adapter.add_comment(made.ref, "Looking at it", Audience.STAFF, Token("c-1"))
    changed = [reading.key for later in adapter.changes(page.cursor) for reading in later.readings]
    return [
        health.account,
        found is not None and found.ref == made.ref,
        made.body["priority"],
        written.body["state"],
        sorted(written.people.values()),
        (added.body, added.ours, added.audience.value),
        changed,
    ]


def test_a_recorded_day_replays() -> None:
    driver = ServiceNowDriver()
    driver.make("Printer on fire")
    recorder = vcr.VCR(filter_headers=["authorization", "user-agent"], match_on=["method", "path", "query", "body"])
    mode = vcr.mode.ALL if RECORD else vcr.mode.NONE
    with driver.simulator.serve() if RECORD else nullcontext("http://127.0.0.1:9") as url:
        workbench = driver.workbench(None)
        with recorder.use_cassette(str(CASSETTE), record_mode=mode):
            told = days_work(connect(ConnectionName("snow"), driver.settings(url=url), workbench), driver.known_email)
    assert told == [
        "tieline",
        True,
        "2",
        "2",
        ["beth.anglin@example.com", "tieline@example.com"],
        ("Looking at it", True, "staff"),
        ["INC0010001", "INC0010002"],
    ]


def test_the_recording_holds_no_credentials() -> None:
    driver = ServiceNowDriver()
    text = CASSETTE.read_text(encoding="utf-8").lower()
    assert "authorization" not in text
    for secret in driver.secrets:
        assert secret.lower() not in text
