"""A recorded conversation over a real socket, replayed: the library's requests stay what they were.

Record again, after a change that is meant, with `TIELINE_RECORD=1 pytest tests/adapters/pagerduty/test_cassette.py`.
The recording is made against the simulator; it holds no credentials.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr
from vcr.record_mode import RecordMode

from tieline.adapters.pagerduty.adapter import PagerDuty, connect
from tieline.adapters.pagerduty.simulated.driver import KEY, PagerDutyDriver, settings_for_tests
from tieline.adapters.testing.clock import ManualClock
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Token, Workbench

CASSETTE = Path(__file__).parent / "cassettes" / "life_of_an_incident.yaml"
PUBLIC = "https://api.pagerduty.com"


def _public(request: Any) -> Any:
    """The address that everybody knows, instead of a port of the machine that recorded."""
    parts = urlsplit(request.uri)
    request.uri = f"{PUBLIC}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    return request


def recorder(mode: RecordMode) -> Any:
    return vcr.VCR(
        record_mode=mode,
        match_on=["method", "path", "query", "body"],
        filter_headers=["authorization", "user-agent", "host"],
        before_record_request=_public,
        decode_compressed_response=True,
    )


def live(adapter: PagerDuty) -> list[Any]:
    """The life of an incident, as an engine would lead it."""
    start = [page.cursor for page in adapter.changes(None)][-1]
    made = adapter.create({"title": "Disk full", "urgency": "low", "status": "acknowledged"}, Token("tl-cassette"))
    note = adapter.add_comment(made.ref, "The volume was extended", Audience.STAFF, Token("tl-note"))
    done = adapter.update(made.ref, {"status": "resolved", "priority": {"summary": "P3"}}, made.version)
    found = adapter.find(Token("tl-cassette"))
    listed = [reading.ref for page in adapter.changes(start) for reading in page.readings]
    return [adapter.check().account, made.ref, note.ours, done.body["status"], found, listed]


def connected(url: str) -> PagerDuty:
    clock = ManualClock()
    settings = settings_for_tests(url=url, page_size=100, webhook_secrets=())
    return connect(ConnectionName("pd-prod"), settings, Workbench(clock, clock.sleep))


if os.environ.get("TIELINE_RECORD"):

    def test_record() -> None:
        CASSETTE.unlink(missing_ok=True)
        tool = PagerDutyDriver()
        with tool.simulator.serve() as url, recorder(RecordMode.ALL).use_cassette(str(CASSETTE)):
            live(connected(url))


def test_the_recorded_conversation_is_led_again() -> None:
    with recorder(RecordMode.NONE).use_cassette(str(CASSETTE)) as cassette:
        account, ref, ours, status, found, listed = live(connected(PUBLIC))
    assert (account, ours, status) == ("tieline@example.org", True, "resolved")
    assert found.ref == ref
    assert listed == [ref]
    assert cassette.all_played


def test_the_recording_holds_no_credentials_and_no_address_of_a_machine() -> None:
    text = CASSETTE.read_text(encoding="utf-8")
    assert KEY not in text
    assert "authorization" not in text.lower()
    assert "127.0.0.1" not in text
