"""A daemon that takes every vendor's webhooks, and a genuine delivery of each."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import httpx
from sqlalchemy import func, select

from tieline.adapters.jira import webhook as jira
from tieline.adapters.memory.tool import SIGNATURE, MemoryTool, sign
from tieline.adapters.pagerduty import webhook as pagerduty
from tieline.adapters.servicenow import webhook as servicenow
from tieline.adapters.servicenow.simulated.courier import message
from tieline.adapters.testing.clock import ManualClock
from tieline.core.config import load_workspace
from tieline.core.store import tables as t
from tieline.sync.daemon.daemon import Daemon

SECRET = "the-webhook-secret-of-these-tests"
PAYLOADS = Path(__file__).parents[1] / "adapters" / "alertmanager" / "payloads"

WORKSPACE = """\
tieline: 1
server: {listen: '127.0.0.1:0'}
poll_every: 1h
stop_within: 5s
connections:
  memory: {tool: memory, webhook_secret: {env: THREAT_SECRET}}
  snow:
    tool: servicenow
    url: http://127.0.0.1:9
    username: tieline
    password: {env: THREAT_SECRET}
    webhook_secret: {env: THREAT_SECRET}
  snow-shared:
    tool: servicenow
    url: http://127.0.0.1:9
    username: tieline
    password: {env: THREAT_SECRET}
    webhook_secret: {env: THREAT_SECRET}
    webhook_proof: shared_secret
  jira:
    tool: jira
    url: http://127.0.0.1:9
    email: tieline@example.com
    api_token: {env: THREAT_SECRET}
    project: OPS
    webhook_secret: {env: THREAT_SECRET}
  pager:
    tool: pagerduty
    url: http://127.0.0.1:9
    api_key: {env: THREAT_SECRET}
    from_email: tieline@example.com
    service: PSERVICE
    webhook_secrets: [{env: THREAT_SECRET}]
  alerts-bearer: {tool: alertmanager, url: 'http://127.0.0.1:9', webhook_token: {env: THREAT_SECRET}}
  alerts-basic:
    tool: alertmanager
    url: http://127.0.0.1:9
    webhook_username: alertmanager
    webhook_password: {env: THREAT_SECRET}
  unsigned: {tool: alertmanager, url: 'http://127.0.0.1:9'}
"""


@dataclass(frozen=True)
class Genuine:
    """A delivery that proves its sender. `proof` names the headers that the proof rests on."""

    connection: str
    headers: Mapping[str, str]
    body: bytes
    proof: tuple[str, ...]
    signs_body: bool = True
    id_header: str = ""
    offset: Mapping[str, int] = field(default_factory=dict)
    """Where, in a header of the proof, the secret part begins: a scheme's name proves nothing."""


ROW = {"sys_id": "0123456789abcdef0123456789abcdef", "sys_updated_on": "2026-11-23 10:00:00", "sys_mod_count": "3"}
EVENT = {
    "event": {
        "id": "01EVENT",
        "event_type": "incident.acknowledged",
        "data": {"id": "QINCIDENT1", "type": "incident", "title": "Disk full"},
    }
}


def genuine(at: float, word: str = "genuine") -> list[Genuine]:
    """One delivery a way of proving, made at `at`; `word` makes its content differ from others."""
    memory = json.dumps({"id": f"delivery-{word}", "event": "changed", "ref": "1"}).encode()
    row = {**ROW, "sys_updated_on": word}
    signed_headers, signed = message(row, "incident", SECRET, int(at))
    shared_headers, shared = message(row, "incident", SECRET, int(at), shared=True)
    issue = json.dumps({"webhookEvent": "jira:issue_updated", "issue": {"id": "10001"}, "word": word}).encode()
    page = json.dumps({**EVENT, "word": word}).encode()
    group = json.loads(PAYLOADS.joinpath("DiskWillFill-firing.json").read_bytes())
    # An alert is known by its fingerprint, when it began and whether it fires: what it says makes it no other one.
    group["alerts"][0]["fingerprint"] = sha256(word.encode()).hexdigest()[:16]
    alerts = json.dumps(group).encode()
    return [
        Genuine("memory", {SIGNATURE: f"t={int(at)},v1={sign(SECRET, int(at), memory)}"}, memory, (SIGNATURE,)),
        Genuine("snow", signed_headers, signed, (servicenow.SIGNATURE, servicenow.TIMESTAMP)),
        Genuine("snow-shared", shared_headers, shared, (servicenow.SHARED,), signs_body=False),
        Genuine(
            "jira",
            {"x-hub-signature": jira.signature(SECRET, issue), "x-atlassian-webhook-identifier": f"id-{word}"},
            issue,
            ("x-hub-signature",),
            id_header="x-atlassian-webhook-identifier",
        ),
        Genuine(
            "pager",
            {"x-pagerduty-signature": pagerduty.signature(SECRET, page), "x-webhook-id": f"id-{word}"},
            page,
            ("x-pagerduty-signature",),
            id_header="x-webhook-id",
        ),
        Genuine(
            "alerts-bearer",
            {"authorization": f"Bearer {SECRET}"},
            alerts,
            ("authorization",),
            signs_body=False,
            offset={"authorization": 7},
        ),
        Genuine(
            "alerts-basic",
            {"authorization": "Basic " + base64.b64encode(f"alertmanager:{SECRET}".encode()).decode()},
            alerts,
            ("authorization",),
            signs_body=False,
            offset={"authorization": 6},
        ),
    ]


class Listening:
    """The daemon, and an HTTP client in front of it. Its tools do not answer: only what comes in is looked at."""

    def __init__(self, folder: Path, clock: ManualClock | None = None) -> None:
        os.environ["THREAT_SECRET"] = SECRET
        self.folder = folder
        self.file = folder / "tieline.yaml"
        self.file.write_text(WORKSPACE, encoding="utf-8")
        self.clock = clock
        self.daemon = self._start()

    def _start(self) -> Daemon:
        tools = {"memory": MemoryTool(webhook_secret=SECRET)}
        daemon = Daemon(lambda: load_workspace(self.file), transports=tools, clock=self.clock)
        daemon.start()
        self.client = httpx.Client(base_url=daemon.address, trust_env=False, timeout=30)
        return daemon

    def restart(self) -> None:
        """The daemon ends and begins again on the same store."""
        self.close()
        self.daemon = self._start()

    def close(self) -> None:
        self.client.close()
        self.daemon.stop()

    def now(self) -> float:
        return self.clock.now().timestamp() if self.clock is not None else time.time()

    def deliver(self, one: Genuine, headers: Mapping[str, str | bytes] | None = None, body: bytes | None = None) -> int:
        """Post a delivery; answers the status, 0 where nothing came back."""
        sent: Mapping[str, str | bytes] = dict(one.headers) if headers is None else headers
        try:
            content = one.body if body is None else body
            pairs = [(_bytes(name), _bytes(value)) for name, value in sent.items()]
            return self.client.post(f"/hooks/{one.connection}", content=content, headers=pairs).status_code
        except httpx.TransportError:
            return 0

    def genuine(self, word: str = "genuine") -> list[Genuine]:
        return genuine(self.now(), word)

    def stored(self) -> int:
        """How many deliveries the store knows."""
        return self._count(t.delivery)

    def waiting(self) -> int:
        """How many rows wait in the inbox: each is one read, or one alert."""
        return self._count(t.inbox)

    def _count(self, table: object) -> int:
        with self.daemon.engine.store.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def flipped(content: bytes, bit: int) -> bytes:
    """The content with one bit turned over."""
    place, inside = divmod(bit, 8)
    return content[:place] + bytes([content[place] ^ (1 << inside)]) + content[place + 1 :]


Change = Callable[[Genuine], Genuine]


def with_headers(one: Genuine, **headers: str) -> Genuine:
    """The delivery with other headers."""
    return replace(one, headers={**one.headers, **{name.replace("_", "-"): value for name, value in headers.items()}})
