"""Webhooks in: signed hints."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest

from tieline.adapters.jira.simulated.desk import Desk
from tieline.adapters.jira.webhook import parse, signature, verify
from tieline.adapters.testing.simulation import Request, Response, Simulator
from tieline.core.errors import Forged
from tieline.core.port import Delivery
from tieline.core.secrets import Secret


def delivery(event: Any, **headers: str) -> Delivery:
    return Delivery(headers, json.dumps(event).encode())


def test_the_signature_is_the_one_of_the_websub_example() -> None:
    # The vendor's published example: secret, body and the expected value of X-Hub-Signature.
    expected = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert signature("It's a Secret to Everybody", b"Hello World!") == expected


def test_the_former_secret_is_taken_while_a_rotation_lasts(desk: Desk) -> None:
    body = b'{"webhookEvent": "jira:issue_updated", "issue": {"id": "10001"}}'
    old = Delivery({"x-hub-signature": signature("old", body)}, body)
    desk.connect(webhook_secret=Secret.literal("new"), retired_webhook_secret=Secret.literal("old")).verify(
        old, desk.clock.now()
    )
    with pytest.raises(Forged):
        desk.connect(webhook_secret=Secret.literal("new")).verify(old, desk.clock.now())


def test_without_a_secret_nothing_can_be_proved() -> None:
    body = b"{}"
    with pytest.raises(Forged, match="no `webhook_secret` is set"):
        verify("jira-ops", Delivery({"x-hub-signature": signature("", body)}, body), [])


@pytest.mark.parametrize(
    ("event", "refs"),
    [
        ({"webhookEvent": "jira:issue_updated", "issue": {"id": "10001", "key": "OPS-1"}}, ["10001"]),
        ({"webhookEvent": "jira:issue_deleted", "issue": {"id": 10001}}, ["10001"]),
        ({"webhookEvent": "comment_created", "comment": {"id": "1"}, "issue": {"id": "10001"}}, ["10001"]),
        (
            {"webhookEvent": "issuelink_created", "issueLink": {"sourceIssueId": 1, "destinationIssueId": 2}},
            ["1", "2"],
        ),
        ({"webhookEvent": "user_created", "user": {"name": "mia"}}, []),
        ({"webhookEvent": "jira:issue_updated", "issue": {"id": "../../admin"}}, []),
        ({"webhookEvent": "jira:issue_updated", "issue": {"id": "١٢"}}, []),
    ],
)
def test_a_delivery_names_the_issues_by_their_numeric_ids(event: Any, refs: list[str]) -> None:
    assert [hint.ref for hint in parse(delivery(event)).hints] == refs


def test_a_delivery_is_known_by_jiras_identifier_across_retries() -> None:
    event = {"webhookEvent": "jira:issue_updated", "issue": {"id": "1"}}
    first = parse(delivery(event, **{"x-atlassian-webhook-identifier": "abc"}))
    again = parse(
        delivery(event, **{"x-atlassian-webhook-identifier": "abc", "x-atlassian-webhook-retry": "2"}),
    )
    assert first.delivery_id == again.delivery_id == "abc"
    assert parse(delivery(event)).delivery_id == parse(delivery(event)).delivery_id != "abc"


class Inbox(Simulator):
    """Whoever takes webhooks in: refuses the first delivery, then accepts."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Delivery] = []
        self.enough = threading.Event()

    def respond(self, request: Request) -> Response:
        self.taken.append(Delivery(request.headers, request.body))
        if len(self.taken) >= 4:
            self.enough.set()
        return Response(503 if len(self.taken) == 1 else 200)


def test_the_simulator_delivers_over_a_socket_signed_twice_and_again_when_refused() -> None:
    desk, inbox = Desk(), Inbox()
    adapter = desk.connect()
    with inbox.serve() as url:
        desk.simulator.control("webhook", {"url": f"{url}/jira", "copies": 2})
        ref = desk.person_makes("Disk full")
        desk.person("edit", ref, fields={"summary": "Disk full on db1"})
        assert inbox.enough.wait(20)
    for taken in inbox.taken:
        adapter.verify(taken, desk.clock.now())
        assert [hint.ref for hint in adapter.parse(taken).hints] == [ref]
    assert len({adapter.parse(taken).delivery_id for taken in inbox.taken}) < len(inbox.taken)


def test_a_held_back_delivery_waits_for_its_time(desk: Desk) -> None:
    desk.site.webhooks.delay = timedelta(seconds=30)
    desk.person_makes("Disk full")
    assert (desk.site.webhooks.outbox[-1].due - desk.clock.now()).total_seconds() == 30
