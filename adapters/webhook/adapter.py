"""A tool of which nothing is known but what its webhooks say, and how they do is told by the connection's mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import orjson

from tieline.adapters.webhook.settings import AUTHORIZATION, WebhookSettings
from tieline.core.cloudevents import attributes_of, event_of, events_of
from tieline.core.deliveries import ENVELOPE, Deliveries, Form, Signature, Spot
from tieline.core.errors import Forged, Gone
from tieline.core.listing import understood
from tieline.core.model import ABSENT, ConnectionName
from tieline.core.port import Body, Cursor, Delivery, Health, Hint, Page, Reading, Received, Ref, Version, Workbench
from tieline.core.proofs import credentials, prove, prove_basic, prove_signed, revealed

MOST_ALERTS: Final = 10_000
"""In one delivery; a megabyte, which is what is taken unless an admin says otherwise, holds fewer that say anything."""
MOST_AROUND: Final = 16 * 1024 * 1024
"""Bytes that what stands around the alerts may come to, kept once for each of them."""
LONGEST_REF: Final = 180
KEPT_OF_REF: Final = 100
_IN_REF: Final = " /:@+,=._-"


class WebhookAdapter:
    """One sender of webhooks. It keeps nothing."""

    def __init__(self, name: ConnectionName, settings: WebhookSettings, says: Deliveries) -> None:
        self._name = name
        self._settings = settings
        self._says = says

    def __repr__(self) -> str:
        return f"WebhookAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        self._secrets()
        return Health(account="webhooks only", version="a sender of webhooks")

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        yield Page((), since or Cursor(""))

    def read(self, ref: Ref) -> Reading:
        raise Gone(self._name, f"nothing can be asked about {ref}: its tool is only listened to")

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:
        settings, secrets = self._settings, self._secrets()
        if settings.webhook_secrets and self._says.signature is not None:
            prove_signed(self._name, self._says.signature, secrets, delivery, now, settings.webhook_age)
            self._check_attributes(self._says.signature, delivery)
        elif settings.webhook_username is not None:
            prove_basic(self._name, settings.webhook_username, secrets, delivery)
        elif settings.token_parameter is not None:
            sent = [delivery.query.get(settings.token_parameter, "")]
            prove(self._name, secrets, sent, f"the parameter {settings.token_parameter}")
        elif settings.token_header == AUTHORIZATION:
            prove(self._name, secrets, credentials(delivery, "bearer"), "Authorization")
        else:
            prove(self._name, secrets, [delivery.headers.get(settings.token_header, "")], settings.token_header)

    def _check_attributes(self, signature: Signature, delivery: Delivery) -> None:
        """Raises Forged for a CloudEvent in binary mode of which somebody on the way could change an attribute."""
        if self._says.form is not Form.CLOUDEVENTS:
            return
        open_ = [name for name in attributes_of(delivery) if f"{{{name}}}" not in signature.signs]
        if open_:
            what = f"{signature.header} does not cover {', '.join(open_):.300}, which tell what the event is about"
            raise Forged(self._name, f"{what}; have it send structured events, or name them under `signature.signs`")

    # Greeter

    def greet(self, headers: Mapping[str, str]) -> Mapping[str, str] | None:
        """CloudEvents' own question: whether an origin that the settings name may send here. The address at which it
        would like to be told later is left alone."""
        origin = headers.get("webhook-request-origin", "").strip().lower()
        if self._says.form is not Form.CLOUDEVENTS or origin not in self._settings.origins:
            return None
        return {"webhook-allowed-origin": origin, "webhook-allowed-rate": "*", "allow": "OPTIONS, POST"}

    def _secrets(self) -> list[str]:
        settings = self._settings
        return revealed(self._name, settings.webhook_secrets or settings.webhook_passwords or settings.webhook_tokens)

    def parse(self, delivery: Delivery) -> Received:
        return Reader(self._says).parse(delivery)


class Reader:
    """Understands what is sent by what a mapping says of it."""

    def __init__(self, says: Deliveries) -> None:
        self._says = says

    def parse(self, delivery: Delivery) -> Received:
        """What a delivery tells. Raises ValueError with a sentence where it is not what the mapping says."""
        whole = told_by(delivery, self._says)
        told = [one for one in whole.alerts if not self._is_left_out(one)]
        found = understood(told, self._reading, self._named)
        if found.unreadable and not found.found:
            raise ValueError(found.unreadable[0].sentence)
        hints = tuple(Hint(one.ref, one) for one in found.found)
        odd = tuple(found.unreadable)
        once = _once(whole, [one.body for one in found.found], self._says, delivery) if not odd else ""
        return Received(once or hashlib.sha256(delivery.body).hexdigest(), hints, bool(odd), odd, once=bool(once))

    def _is_left_out(self, told: Any) -> bool:
        try:
            body = _understood(told, self._says)
        except ValueError:
            return False  # what is odd about it is told
        return any(_is_one_of(spot.read(body), values) for spot, values in self._says.leaves_out)

    def _reading(self, told: Any) -> Reading:
        body = _body(told, self._says)
        ref = _ref(_texts(body, self._says.episode))
        version = hashlib.sha256(_written(body)).hexdigest()[:24]
        return Reading(
            ref,
            Version(version),
            body,
            key=_text(body, self._says.key)[:LONGEST_REF],
            url=_address(body, self._says.url),
        )

    def _named(self, told: Any) -> tuple[Ref | None, str]:
        try:
            body = _body(told, self._says)
            return _ref(_texts(body, self._says.episode)), _text(body, self._says.key)
        except ValueError:
            return None, _text(told, self._says.key) if isinstance(told, dict) else ""


class Told(NamedTuple):
    """What a delivery tells of, each still to be understood, and what stands around them."""

    alerts: list[Any]
    around: Mapping[str, Any]


def told_by(delivery: Delivery, says: Deliveries) -> Told:
    """Each alert knows those members around it that its mapping reads. Raises ValueError."""
    if says.form is Form.CLOUDEVENTS:
        return Told(_few(events_of(delivery)), {})
    try:
        told: Any = orjson.loads(delivery.body)
    except orjson.JSONDecodeError:
        raise ValueError("its webhooks are JSON, and this is not") from None
    if not isinstance(told, dict):
        raise ValueError("its webhooks are JSON objects, and this is none")
    if says.alerts is None:
        return Told([told], {})
    listed = says.alerts.read(told)
    if not isinstance(listed, list):
        raise ValueError(f"its webhooks have a list of alerts at `{says.alerts.path}`, and this has none")
    _few(listed)
    # The member that leads to the list is none of those around it.
    to_list = {place[0] for place in says.alerts.members}
    around = {name: value for name, value in told.items() if name not in to_list}
    kept = {name: value for name, value in around.items() if says.around is None or name in says.around}
    if len(_written(kept)) * len(listed) > MOST_AROUND:
        raise ValueError(
            f"what its mapping reads around {len(listed)} alerts is too long to be kept for each of them; read less of "
            "`envelope`, or have fewer sent at once"
        )
    return Told([{**one, ENVELOPE: kept} if isinstance(one, dict) else one for one in listed], around)


def _few(alerts: list[Any]) -> list[Any]:
    """Raises ValueError where there are too many."""
    if len(alerts) > MOST_ALERTS:
        raise ValueError(f"it tells of {len(alerts)} alerts, and {MOST_ALERTS} are taken at once; have fewer sent")
    return alerts


def _is_one_of(found: Any, values: tuple[Any, ...]) -> bool:
    """Whether a mapping's value stands there: `true` is not 1, and null is what is not there, too."""
    if found is ABSENT or found is None:
        return None in values
    return any(found.__class__ is one.__class__ and found == one for one in values)


def _understood(told: Any, says: Deliveries) -> Body:
    """An alert as the mapping reads it. Raises ValueError."""
    body = event_of(told) if says.form is Form.CLOUDEVENTS else told
    if not isinstance(body, dict):
        raise ValueError("an alert is not an object")
    return body


def _body(told: Any, says: Deliveries) -> Body:
    body = _understood(told, says)
    labels = {name: text for name, spot in says.labels if (text := _text(body, spot))}
    if not labels:
        return body
    own = body.get("labels")
    return {**body, "labels": {**own, **labels} if isinstance(own, dict) else labels}


def _texts(body: Body, spots: tuple[Spot, ...]) -> list[str]:
    """What stands at these places. Raises ValueError where one is not there, and where none holds anything."""
    for spot in spots:
        if not _is_text(spot.read(body)):
            raise ValueError(f"`{spot.path}` holds no text, by which its episode is told from others")
    found = [_text(body, spot) for spot in spots]
    if not any(found):
        raise ValueError(f"`{spots[0].path}` is empty, by which its episode is told from others")
    return found


def _is_text(found: Any) -> bool:
    return isinstance(found, str | int | float) and not isinstance(found, bool)


def _text(body: Mapping[str, Any], spot: Spot | None) -> str:
    told = spot.read(body) if spot is not None else None
    return str(told) if _is_text(told) else ""


def _address(body: Body, spot: Spot | None) -> str:
    text = _text(body, spot)
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        return ""
    return text if scheme in ("http", "https") else ""


def _ref(texts: list[str]) -> Ref:
    """One text of several that no other several have; of what is too long, its beginning and a hash."""
    whole = "|".join(quote(text, safe=_IN_REF, errors="surrogatepass") for text in texts)
    if len(whole) <= LONGEST_REF:
        return Ref(whole)
    return Ref(f"{whole[:KEPT_OF_REF]}~{hashlib.sha256(whole.encode()).hexdigest()[:32]}")


def _once(whole: Told, bodies: list[Body], says: Deliveries, delivery: Delivery) -> str:
    """What no other delivery says; "" where the mapping names nothing of the kind, or some of it is missing."""
    told: list[Any] = [delivery.headers.get(says.once_header)] if says.once_header else []
    each = says.once
    if says.alerts is not None:
        # What stands around is the same for all, and may be long: it is told once.
        shared = [spot for spot in says.once if spot.members[0][:1] in ((), (ENVELOPE,))]
        told += [spot.read({ENVELOPE: whole.around}) for spot in shared]
        each = tuple(spot for spot in says.once if spot.members[0][:1] != (ENVELOPE,))
    told += [spot.read(body) for body in bodies for spot in each]
    if not told or any(one is ABSENT or one is None for one in told):
        return ""
    return hashlib.sha256(_written(told)).hexdigest()


def _written(told: Any) -> bytes:
    """The same bytes for what says the same. Raises ValueError."""
    try:
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise ValueError("it is nested too deeply") from None


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> WebhookAdapter:
    """What `AdapterKind.connect` calls; no I/O. Raises ValueError for a mapping that is none of webhooks."""
    says = bench.deliveries
    if says is None:
        raise ValueError("its mapping does not say how its webhooks are understood; write `deliveries:` into it")
    if settings.webhook_secrets and says.signature is None:
        raise ValueError(
            "`webhook_secrets` are set, and its mapping does not say how its webhooks are signed; write "
            "`deliveries: {signature: …}` into an overlay, or give `webhook_tokens`"
        )
    return WebhookAdapter(name, settings, says)
