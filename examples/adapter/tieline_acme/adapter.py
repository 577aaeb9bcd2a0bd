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

import orjson
from pydantic import Field

from tieline.core.client import Client
from tieline.core.errors import Forged, Gone, NeedsOperator
from tieline.core.hooks import hookimpl
from tieline.core.http import not_there
from tieline.core.listing import alone, answered, understood
from tieline.core.login import Proof, revealed
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
        self._client = Client(name, settings.url, settings, workbench, tool="Acme Desk", prove=self._proof)

    # Source: a tool that can be read

    def check(self) -> Health:
        answer = self._client.get("/api/me")
        account = self._client.part(answer, "account", str)
        return Health(account, "Acme Desk 1", clock_skew=answer.at - self._clock.now())

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """The counter is the tool's own clock, and exact: two changes never share a number."""
        # Without a cursor the tool itself works out where `history` begins, so that only its own clock counts.
        history = int(self._settings.history.total_seconds())
        where: dict[str, str | int] = {"within": history} if since is None else {"after": since}
        while True:
            answer = self._client.get("/api/changes", {"limit": self._settings.page_size, **where})
            tickets = self._client.part(answer, "tickets", list)
            last = str(self._client.part(answer, "last", int))
            more = self._client.part(answer, "more", bool)
            # One odd ticket is named, and the others go on.
            found = understood(tickets, partial(self._reading, at=answer.at), _named)
            yield Page(found.found, Cursor(last), more, unreadable=found.unreadable)
            if not more:
                return
            where = {"after": last}

    def read(self, ref: Ref) -> Reading:
        answer = self._client.get(f"/api/tickets/{ref}", shape=dict)
        return alone(self._name, f"ticket {ref}", lambda: self._reading(answer.json, answer.at))

    # Adapter: a tool that can be written. Each call is sent once; whoever asked finds out what became of it.

    def create(self, body: Body, token: Token) -> Reading:
        try:
            return self._written("POST", "/api/tickets", {**body, "external_id": token})
        except Gone as error:
            raise not_there(error) from None

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        return self._written("PATCH", f"/api/tickets/{ref}", patch, {"if-match": seen})

    # Finder

    def find(self, token: Token) -> Reading | None:
        answer = self._client.get("/api/tickets", {"external_id": token})
        found = [one for one in self._client.part(answer, "tickets", list) if one.get("external_id") == token]
        return alone(self._name, "the ticket", lambda: self._reading(found[0], answer.at)) if found else None

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

    def _proof(self) -> Proof:
        return Proof({"authorization": f"Bearer {revealed(self._name, 'token', self._settings.token)}"})

    def _reveal(self, secret: Secret | None) -> str:
        try:
            return secret.reveal() if secret is not None else ""
        except LookupError:
            return ""

    def _written(self, method: str, path: str, body: Body, headers: Mapping[str, str] | None = None) -> Reading:
        answer = self._client.call(method, path, body=body, headers=headers, shape=dict)
        return answered(self._name, "the ticket", lambda: self._reading(answer.json, answer.at))

    def _reading(self, ticket: Mapping[str, Any], at: datetime) -> Reading:
        token = ticket.get("external_id")
        changed = datetime.fromisoformat(ticket["changed_at"])
        return Reading(
            ref=Ref(ticket["id"]),
            version=Version(str(ticket["revision"])),
            body=ticket,
            key=str(ticket["number"]),
            url=f"{self._settings.url}/tickets/{ticket['number']}",
            token=Token(token) if token else None,
            # Both by the tool's clock: how far ours is off does not matter.
            age=max(at - changed, timedelta(0)),
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
