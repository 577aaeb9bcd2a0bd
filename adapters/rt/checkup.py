"""What must be true before a queue may be used, and what its tickets have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from tieline.adapters.rt.settings import RequestTrackerSettings
from tieline.adapters.rt.ticket import FIELDS, LONGEST_SUBJECT
from tieline.core.client import Client
from tieline.core.clock import Clock
from tieline.core.errors import Gone, NeedsOperator
from tieline.core.looks import Looks
from tieline.core.port import FieldFact, Health

_WHERE = "Admin > Queues > the queue > User Rights"


def check(name: str, settings: RequestTrackerSettings, client: Client, clock: Clock) -> Health:
    """Raises NeedsOperator for what breaks the connection; the rest becomes a note."""
    try:
        about = client.get("/rt", shape=dict)
    except Gone as error:
        raise NeedsOperator(name, f"there is no REST2 at `url` ({error}).", status=error.status) from None
    skew = about.at - clock.now()
    looks = Looks(name)
    looks.at(lambda: _account(name, settings, client), None)
    nothing: dict[str, Any] = {}
    looks.at(lambda: _queue(name, settings, client), nothing)
    looks.conclude()
    notes = _sample(settings, client)
    if abs(skew) > timedelta(minutes=5):
        notes.append(f"the server's clock is {skew.total_seconds():+.0f} s off ours; ours may be the wrong one.")
    return Health(settings.username, f"Request Tracker {client.part(about, 'Version', str)}", skew, tuple(notes))


def describe(name: str, settings: RequestTrackerSettings, client: Client) -> Mapping[str, FieldFact]:
    """The members of a ticket. What a lifecycle or a custom field offers is told to administrators only."""
    queue = _queue(name, settings, client)
    facts = [
        FieldFact("Subject", True, False, max_length=LONGEST_SUBJECT),
        FieldFact("Content", True, False, once=True, advice="the first message of a ticket is never rewritten"),
        *(FieldFact(one, True, False, advice=f"see {_WHERE}: ModifyTicket") for one in ("Status", "Priority", "Due")),
        FieldFact("Owner.id", True, False, advice=f"see {_WHERE}: OwnTicket of that person, ReassignTicket of ours"),
        *(FieldFact(one, False, False) for one in ("id", "Creator.id", "Created", "Resolved", "LastUpdated")),
        *(FieldFact(one, False, False) for one in ("Queue.id", "Queue.Name", "Requestor", "Started", "Told", "Type")),
        *(
            FieldFact(f"{FIELDS}.{one}", True, False, advice=f"see {_WHERE}: SeeCustomField, ModifyCustomField")
            for one in _fields(queue)
        ),
    ]
    return {one.name: one for one in facts}


def _account(name: str, settings: RequestTrackerSettings, client: Client) -> None:
    """RT tells the memberships of one's own user, and of others to administrators only."""
    try:
        user = client.get(f"/user/{quote(settings.username, safe='')}", shape=dict).json
    except Gone:
        words = f"there is no user {settings.username}: write the user's name as `username`."
        raise NeedsOperator(name, words) from None
    if "Memberships" not in user:
        words = f"the credential is not that of {settings.username}; set `username` to whose it is."
        raise NeedsOperator(name, words)


def _queue(name: str, settings: RequestTrackerSettings, client: Client) -> dict[str, Any]:
    try:
        queue: dict[str, Any] = client.get(f"/queue/{quote(settings.queue, safe='')}", shape=dict).json
    except Gone:
        raise NeedsOperator(name, f"there is no queue {settings.queue}, or SeeQueue is missing ({_WHERE}).") from None
    if str(queue.get("Disabled")) == "1":
        raise NeedsOperator(name, f"the queue {settings.queue} is disabled.")
    if not any(one.get("ref") == "create" for one in queue.get("_hyperlinks") or ()):
        raise NeedsOperator(name, f"grant {settings.username} CreateTicket on {settings.queue} ({_WHERE}).")
    if settings.key_field not in _fields(queue):
        raise NeedsOperator(
            name,
            f"tickets of {settings.queue} show no custom field {settings.key_field}: make it (Admin > Custom Fields, "
            "one value, for tickets), apply it to the queue, and grant the account SeeCustomField.",
        )
    return queue


def _fields(queue: Mapping[str, Any]) -> list[str]:
    return [str(one.get("name")) for one in queue.get("TicketCustomFields") or () if isinstance(one, dict)]


def _sample(settings: RequestTrackerSettings, client: Client) -> list[str]:
    """Rights on tickets show on a ticket."""
    asked: dict[str, str | int | list[str]] = {
        "query": f"Queue = '{settings.queue}'",
        "orderby": "id",
        "order": "DESC",
        "per_page": 1,
    }
    rows = client.part(client.get("/tickets", asked), "items", list)
    if not rows:
        return [f"{settings.queue} shows no ticket, so that the rights on tickets could not be looked at."]
    found = client.get(f"/ticket/{rows[0]['id']}", shape=dict).json
    offered = {str(one.get("ref")) for one in found.get("_hyperlinks") or ()}
    rights = {"comment": "CommentOnTicket", "correspond": "ReplyToTicket", "lifecycle": "ModifyTicket"}
    return [
        f"{settings.username} lacks {right} on {settings.queue} ({_WHERE}): what needs it will be refused."
        for offer, right in rights.items()
        if offer not in offered
    ]
