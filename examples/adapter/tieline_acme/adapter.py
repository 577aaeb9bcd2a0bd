"""Acme Desk: settings, adapter and registration, in the one file to copy.

Acme Desk has a REST API. Each change of a ticket gets the next number of one counter, `/api/changes` lists tickets by
it, PATCH heeds If-Match, and a ticket keeps an `external_id` from the call that made it. Few real tools are that kind;
where yours is not, claim less in POWERS and read how the shipped adapters make do.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
from pydantic import Field

from tieline.core.errors import Forged, Gone, NeedsOperator, TryAgain
from tieline.core.hooks import hookimpl
from tieline.core.http import Client, not_there, server_date
from tieline.core.listing import alone, answered, understood
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import (
    AdapterKind,
    Body,
    Cursor,
    Delivery,
    Health,
    Hint,
    HttpSettings,
    Page,
    Power,
    Reading,
    Received,
    Ref,
    Token,
    Version,
    Workbench,
)
from tieline.core.secrets import Secret

POWERS: Final = frozenset({Power.WRITE, Power.WRITE_IF_UNCHANGED, Power.FIND, Power.RECEIVE})
TOLERANCE: Final = timedelta(minutes=5)
_PROOF = re.compile(r"t=([0-9]{1,11}),v1=([0-9a-f]{64})")


class AcmeSettings(HttpSettings):
    """One Acme Desk."""

    account_options = ("url", "token")

    url: str = Field(description="Its address: https://acme.example.com")
    token: Secret = Field(description="The API token of an account that may write tickets.")
    webhook_secret: Secret | None = Field(default=None, description="The key with which it signs its webhooks.")
    page_size: int = Field(default=100, ge=1, le=500, description="Tickets asked for at once.")


def connect(name: ConnectionName, settings: AcmeSettings, workbench: Workbench) -> AcmeAdapter:
    """An adapter; nothing is sent and no secret is looked up yet."""
    return AcmeAdapter(name, settings, workbench)


class AcmeAdapter:
    """One connection. It keeps nothing: the cursor, the versions and the intents are the engine's to store."""

    lookup_lag = timedelta(0)

    def __init__(self, name: ConnectionName, settings: AcmeSettings, workbench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._clock = workbench.clock
        self._spend = workbench.spend
        self._client = Client(
            name,
            settings.url,
            now=workbench.clock.now,
            settings=settings,
            transport=workbench.transport,
        )

    # Source: a tool that can be read

    def check(self) -> Health:
        answer = self._send("GET", "/api/me")
        account = str(self._part(answer, "account", str))
        at = server_date(answer.headers)
        return Health(account, "Acme Desk 1", clock_skew=at - self._clock.now() if at is not None else None)

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """The counter is the tool's own clock, and exact: two changes never share a number."""
        # Without a cursor the tool itself works out where `history` begins, so that only its own clock counts.
        history = int(self._settings.history.total_seconds())
        where: dict[str, str | int] = {"within": history} if since is None else {"after": since}
        while True:
            answer = self._send("GET", "/api/changes", params={"limit": self._settings.page_size, **where})
            tickets = self._part(answer, "tickets", list)
            last = str(self._part(answer, "last", int))
            more = bool(self._part(answer, "more", bool))
            # One odd ticket is named, and the others go on.
            found = understood(tickets, partial(self._reading, answer=answer), _named)
            yield Page(found.found, Cursor(last), more, unreadable=found.unreadable)
            if not more:
                return
            where = {"after": last}

    def read(self, ref: Ref) -> Reading:
        answer = self._send("GET", f"/api/tickets/{ref}")
        return alone(self._name, f"ticket {ref}", lambda: self._reading(self._object(answer), answer))

    # Adapter: a tool that can be written. Each call is sent once; whoever asked finds out what became of it.

    def create(self, body: Body, token: Token) -> Reading:
        try:
            return self._ticket(self._send("POST", "/api/tickets", json={**body, "external_id": token}))
        except Gone as error:
            raise not_there(error) from None

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        return self._ticket(self._send("PATCH", f"/api/tickets/{ref}", json=patch, headers={"if-match": seen}))

    # Finder

    def find(self, token: Token) -> Reading | None:
        answer = self._send("GET", "/api/tickets", params={"external_id": token})
        found = [ticket for ticket in self._part(answer, "tickets", list) if ticket.get("external_id") == token]
        return alone(self._name, "the ticket", lambda: self._reading(found[0], answer)) if found else None

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:
        proof = _PROOF.fullmatch(delivery.headers.get("x-acme-signature", ""))
        secret = self._reveal(self._settings.webhook_secret)
        if self._settings.webhook_secret is not None and not secret:
            raise NeedsOperator(self._name, "`webhook_secret` cannot be looked up, so that nobody can be proved")
        if proof is None or not secret:
            raise Forged(self._name, "X-Acme-Signature is missing or malformed, or no `webhook_secret` is set")
        expected = hmac.new(secret.encode(), b"%d." % int(proof[1]) + delivery.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof[2], expected):
            raise Forged(self._name, "X-Acme-Signature does not prove this delivery; compare `webhook_secret`")
        if abs(now - datetime.fromtimestamp(int(proof[1]), UTC)) > TOLERANCE:
            raise Forged(self._name, "the delivery was signed more than 5 minutes away from now; check both clocks")

    def parse(self, delivery: Delivery) -> Received:
        told = orjson.loads(delivery.body)
        ticket = told.get("ticket") if isinstance(told, dict) else None
        if not isinstance(ticket, str) or not ticket.isalnum() or not isinstance(told.get("delivery"), str):
            raise ValueError("a webhook of Acme Desk names its `delivery` and a `ticket`")
        return Received(told["delivery"], (Hint(Ref(ticket)),))

    # What is the same for all of them

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send once; a refusal leaves `Client` as the error that it means."""
        token = self._reveal(self._settings.token)
        if not token:
            raise NeedsOperator(self._name, "`token` cannot be looked up; `tieline check` says which reference fails")
        headers = {"authorization": f"Bearer {token}", **options.pop("headers", {})}
        # The share of calls that the connection grants itself; it waits here for its turn.
        self._spend()
        return self._client.request(method, path, headers=headers, **options)

    def _reveal(self, secret: Secret | None) -> str:
        try:
            return secret.reveal() if secret is not None else ""
        except LookupError:
            return ""

    def _ticket(self, answer: httpx.Response) -> Reading:
        """The answer to a write."""
        return answered(self._name, "the ticket", lambda: self._reading(self._object(answer), answer))

    def _reading(self, ticket: Mapping[str, Any], answer: httpx.Response) -> Reading:
        at, token = server_date(answer.headers), ticket.get("external_id")
        changed = datetime.fromisoformat(ticket["changed_at"])
        return Reading(
            ref=Ref(ticket["id"]),
            version=Version(str(ticket["revision"])),
            body=ticket,
            key=str(ticket["number"]),
            url=f"{self._settings.url}/tickets/{ticket['number']}",
            token=Token(token) if token else None,
            # Both by the tool's clock: how far ours is off does not matter.
            age=max(at - changed, timedelta(0)) if at is not None else None,
        )

    def _part(self, answer: httpx.Response, name: str, kind: type) -> Any:
        part = self._object(answer).get(name)
        if not isinstance(part, kind):
            raise self._nonsense(answer)
        return part

    def _object(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            found = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise self._nonsense(answer)
        return found

    def _nonsense(self, answer: httpx.Response) -> TryAgain:
        """An answer of 200 that is no ticket. After a write nobody knows what was done."""
        writes = answer.request.method != "GET"
        return TryAgain(
            self._name, f"{answer.request.method} {answer.request.url.path} answered no ticket", maybe_done=writes
        )


def _named(ticket: Any) -> tuple[Ref | None, str]:
    """What an odd ticket still says of itself."""
    told = ticket if isinstance(ticket, dict) else {}
    return Ref(str(told["id"])) if "id" in told else None, str(told.get("number", ""))


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """Register the tool."""
    mapping = str(Path(__file__).with_name("acme.yaml"))
    return [AdapterKind("acme", RecordKind.INCIDENT, AcmeSettings, connect, POWERS, mapping, calls_per_minute=300)]
