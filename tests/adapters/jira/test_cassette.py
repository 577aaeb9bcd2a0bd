"""One incident's life as it went over a real socket, replayed: the bytes we send stay the bytes that were understood.

Record anew with `python tests/adapters/jira/test_cassette.py`; the simulated site answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import vcr

from tieline.adapters.jira.adapter import JiraAdapter
from tieline.adapters.jira.settings import JiraSettings
from tieline.adapters.jira.simulated.desk import Desk, adf
from tieline.adapters.jira.simulator import API_TOKEN, EMAIL
from tieline.adapters.testing.clock import ManualClock
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Token, Workbench
from tieline.core.secrets import Secret

CASSETTE = Path(__file__).parent / "cassettes" / "incident.yaml"
RECORDER = vcr.VCR(
    match_on=["method", "path", "query", "body"],
    filter_headers=["authorization", "user-agent"],
    decode_compressed_response=True,
)


def life(url: str) -> list[str]:
    """Opened, worked on, commented, resolved, found again."""
    settings = JiraSettings(url=url, project="OPS", email=EMAIL, api_token=Secret.literal(API_TOKEN))
    clock = ManualClock()
    adapter = JiraAdapter(ConnectionName("jira-ops"), settings, Workbench(clock, clock.sleep))
    cursor = list(adapter.changes(None))[-1].cursor
    made = adapter.create({"fields": {"summary": "Disk full 🔥", "description": adf("df says 100 %")}}, Token("01J"))
    comment = adapter.add_comment(made.ref, adf("The volume was extended"), Audience.STAFF, Token("01K"))
    seen = adapter.read(made.ref)
    patch = {"fields": {"status": {"name": "Done"}, "resolution": {"name": "Done"}, "labels": ["db"]}}
    closed = adapter.update(made.ref, patch, seen.version)
    found = adapter.find(Token("01J"))
    listed = [reading.key for page in adapter.changes(cursor) for reading in page.readings]
    adapter.close()
    return [
        str(made.body["fields"]["summary"]),
        str(comment.token),
        closed.annotations["way"],
        str(found.key if found else None),
        *listed,
    ]


def test_the_recorded_life_of_an_incident_replays() -> None:
    with RECORDER.use_cassette(str(CASSETTE), record_mode="none") as cassette:
        told = life("http://127.0.0.1:9")
    assert told == ["Disk full 🔥", "01K", "To Do → In Progress → In Review → Done", "OPS-1", "OPS-1"]
    assert cassette.all_played


def test_the_recording_holds_no_credentials() -> None:
    text = CASSETTE.read_text(encoding="utf-8").lower()
    for secret in ("authorization", API_TOKEN, "basic "):
        assert secret.lower() not in text


def record() -> None:
    """Write the cassette anew."""
    CASSETTE.unlink(missing_ok=True)
    with Desk().simulator.serve() as url, RECORDER.use_cassette(str(CASSETTE), record_mode="once"):
        life(url)
    _without_port(CASSETTE)


def _without_port(path: Path) -> None:
    """The port of the day is nobody's business; the replay does not look at it."""
    import re

    text: Any = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", text), encoding="utf-8")


if __name__ == "__main__":
    record()
