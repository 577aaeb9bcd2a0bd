"""One alert that no JSON can say, in a webhook beside a good one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs
from tests.daemon.conftest import Running
from tests.daemon.test_refused import PROOF, alert

HEARD = """\
  am:
    tool: alertmanager
    webhook_token: {env: TIELINE_TEST_HOOK}
"""
GOOD = {"labels": {"alertname": "Good", "severity": "critical"}, "fingerprint": "1a1b2c3d4e5f6071"}


def sent(here: Running, odd: bytes, member: str = "annotations") -> int:
    """The answer to a group of a good alert and of one in which `odd` stands."""
    others = json.dumps({"receiver": "tieline", "version": "4", "alerts": [alert(**GOOD), alert(**{member: "ODD"})]})
    body = others.encode().replace(b'"ODD"', odd)
    return here.client.post("/hooks/am", content=body, headers=PROOF).status_code


@pytest.mark.parametrize(
    ("member", "odd"),
    [
        ("labels", b'{"alertname": "Down", "site": "latin\xe9"}'),
        ("labels", b'{"alertname": "Down", "site": "\\ud800"}'),
        ("labels", b'{"alertname": "Down", "load": ' + b"9" * 400 + b"}"),
        ("labels", b'{"alertname": "Down", "load": NaN}'),
        ("annotations", b'{"load": -Infinity}'),
        ("annotations", b'{"a": ' * 3_000 + b"1" + b"}" * 3_000),
    ],
)
def test_an_alert_that_can_be_read_all_the_same_is_taken_in(
    running: Callable[..., Running], member: str, odd: bytes
) -> None:
    here = running(HEARD)
    with capture_logs() as logs:
        assert sent(here, odd, member) == 202
    assert not {"delivery_unreadable", "delivery_refused"}.intersection(one["event"] for one in logs)
    assert 'tieline_unreadable_records_total{connection="am"}' not in here.client.get("/metrics").text


@pytest.mark.parametrize(
    ("member", "odd"),
    [
        ("labels", b'{"alertname": ' + b"[" * 3_000 + b"]" * 3_000 + b"}"),
        ("startsAt", b"NaN"),
        ("startsAt", b"9" * 400),
        ("status", b'"\\udfff"'),
    ],
)
def test_one_that_cannot_be_understood_is_left_out_alone(
    running: Callable[..., Running], member: str, odd: bytes
) -> None:
    here = running(HEARD)
    with capture_logs() as logs:
        assert sent(here, odd, member) == 202
    [line] = [one for one in logs if one["event"] == "delivery_unreadable"]
    assert (line["records"], line["of"]) == (1, 2)


def test_the_proof_is_of_the_bytes_that_were_sent(running: Callable[..., Running]) -> None:
    here = running(HEARD)
    body = b'{"version": "4", "alerts": [NaN]}'
    assert here.client.post("/hooks/am", content=body, headers={"authorization": "Bearer no"}).status_code == 401
