"""Alertmanager behind the port: a Source of signals, a Receiver of its webhook, an Acknowledger by silences.

Only the poll sees the whole: a webhook may be lost or cut (`max_alerts`), and an alert that is silenced or inhibited
when it ends is never announced as resolved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.alertmanager import silences, webhook
from tieline.adapters.alertmanager.alert import Sight, apart, ended, fingerprint_of, may_reach, named, reading, sight
from tieline.adapters.alertmanager.health import Server, notes_of, odd_ones, server
from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.core.client import Answer, Client
from tieline.core.episodes import Episode, hidden, told_since
from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.listing import understood
from tieline.core.login import Proof
from tieline.core.model import ConnectionName
from tieline.core.port import (
    Act,
    Body,
    Cursor,
    Delivery,
    Health,
    Page,
    Reading,
    Received,
    Ref,
    Token,
    Unreadable,
    Workbench,
)

ALERTS: Final = "/api/v2/alerts"
STATUS: Final = "/api/v2/status"
SILENCES: Final = "/api/v2/silences"
RECEIVERS: Final = "/api/v2/receivers"

NONE: Final[frozenset[str]] = frozenset()

EVERY_STATE: Final = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}
"""No `filter` beside it: Alertmanager 0.25 answers a filter that it cannot parse with 200 and an empty list."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer of the API: what fires, what of it could not be understood, and Alertmanager's own time."""

    alerts: tuple[Sight, ...]
    unreadable: tuple[Unreadable, ...]
    odd: frozenset[str]
    at: datetime

    def may_hold(self, episode: Episode) -> bool:
        """Whether an episode that nothing here could be understood as may be there all the same."""
        return episode.fingerprint in self.odd


class AlertmanagerAdapter:
    """One Alertmanager."""

    def __init__(self, connection: ConnectionName, settings: AlertmanagerSettings, bench: Workbench) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = bench.clock
        self._client = Client(
            connection,
            settings.url or "",
            settings,
            bench,
            tool="Alertmanager",
            prove=self._proof,
            timeout=settings.timeout,
        )
        self._proofs: tuple[bytes, ...] = ()

    # Source

    def check(self) -> Health:
        if self._settings.url is None:
            webhook.check(self._connection, self._settings)
            return Health(account="webhooks only", version="Alertmanager of unknown version")
        found, at = self._server()
        unproved = self._check_receiver()
        seen = self._seen(self._list(ALERTS, EVERY_STATE))
        return Health(
            account=self._settings.username or ("bearer token" if self._settings.bearer_token else "anonymous"),
            version=found.called,
            clock_skew=at - self._clock.now(),
            notes=(*notes_of(found, self._settings, at), *unproved, *odd_ones(seen.unreadable, len(seen.alerts))),
            foreseen=tuple(one.body for one in seen.alerts),
        )

    def _check_receiver(self) -> tuple[str, ...]:
        """Prove the receiver that is configured; a sentence where it cannot be. Raises NeedsOperator."""
        mine = self._settings.receiver
        if mine is None:
            return ()
        try:
            listed = self._client.get(RECEIVERS).json
        except RemoteError as error:
            # Grafana has no such list and says so in JSON of its own.
            if not isinstance(error, Gone | Rejected) and error.status not in (404, 410):
                raise
            return ("It does not list its receivers: whether `receiver` is one of them is not proved.",)
        names = [one.get("name") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        if mine not in names:
            raise NeedsOperator(
                self._connection, f"it has no receiver {mine!r}, only {names}; correct `receiver`, or add it there."
            )
        return ()

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        seen = self._seen(self._list(ALERTS, EVERY_STATE))
        at = seen.at

        def over(missing: list[Episode]) -> list[Reading]:
            found = self._ended([one for one in missing if not seen.may_hold(one)])
            return [reading(ended(episode, at), link=self._settings.url or "") for episode in found]

        yield from told_since(
            since,
            [self._reading(one, at) for one in sorted(seen.alerts, key=_age_first)],
            over,
            oldest=at - self._settings.history,
            size=self._settings.page_size,
            unreadable=seen.unreadable,
        )

    def read(self, ref: Ref) -> Reading:
        seen = self._seen(self._list(ALERTS, EVERY_STATE), routed=False)
        for one in seen.alerts:
            if one.episode.ref == ref:
                return self._reading(one, seen.at)
        for odd in seen.unreadable:
            if odd.ref == ref:
                raise Rejected(self._connection, f"the alert {odd.key} cannot be understood: {odd.sentence}")
        if ref.partition("@")[0] in seen.odd:
            raise Rejected(self._connection, f"an alert with this fingerprint is there and cannot be understood: {ref}")
        found, at = self._server()
        if found.may_have_forgotten(at, self._settings.restart_grace):
            raise TryAgain(
                self._connection,
                f"it has just started and does not know {ref} (yet)",
                wait=timedelta(minutes=1),
                limit=Limit.ENDPOINT,
            )
        raise Gone(self._connection, f"the alert {ref} does not fire any more")

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:
        if self._settings.webhook_secrets:
            return webhook.verify_signed(self._connection, self._settings, delivery, now)
        if not self._proofs:
            self._proofs = webhook.proofs(self._connection, self._settings)
        return webhook.verify(self._connection, delivery, self._proofs)

    def parse(self, delivery: Delivery) -> Received:
        return webhook.parse(delivery)

    # Acknowledger

    def acknowledge(self, ref: Ref, act: Act, *, until: datetime, note: str, token: Token) -> str:
        found, at = self._ours(ref)
        if act is not Act.ACKNOWLEDGE:
            self._take_back(found, ref)
            return ""
        mine = [silence for silence in found if silence.token == token]
        # `until` is a moment of our clock; a silence ends by Alertmanager's.
        ends = until + (at - self._clock.now())
        if mine and mine[0].ends >= ends - silences.CLOSE_ENOUGH:
            return mine[0].id
        if mine:
            return self._silence(silences.extended(mine[0], ref, note, ends))
        body = self.read(ref).body
        labels = {**body["labels"], **body.get("privateLabels", {})}
        return self._silence(silences.new_silence(labels, silences.comment(note, ref, token), at, ends))

    def _ours(self, ref: Ref) -> tuple[list[silences.Silence], datetime]:
        """Our silences of an episode, and when Alertmanager listed them by its own clock."""
        answer = self._list(SILENCES)
        try:
            return silences.ours(answer.json, ref), answer.at
        except ValueError as error:
            raise self._client.nonsense(SILENCES, str(error)) from None

    def _take_back(self, found: Sequence[silences.Silence], ref: Ref) -> None:
        denied = False
        for silence in found:
            try:
                self._client.call("DELETE", f"/api/v2/silence/{quote(silence.id, safe='')}")
            except Gone:
                denied = True  # it ran out, or a person took it back, while we looked
        if denied and self._ours(ref)[0]:
            # Something in between denied it: what is believed here keeps an alert quiet that nobody works on.
            raise TryAgain(
                self._connection, f"a silence of {ref} is there and could not be taken back", maybe_done=True
            )

    def _silence(self, body: Body) -> str:
        try:
            made = self._client.call("POST", SILENCES, body=body).json
        except Gone:
            raise TryAgain(self._connection, "the silence to prolong has just been removed there") from None
        if not isinstance(made, dict) or not isinstance(made.get("silenceID"), str):
            raise TryAgain(
                self._connection, f"POST {SILENCES} answered without silenceID; it may silence or not", maybe_done=True
            )
        return str(made["silenceID"])

    def _proof(self) -> Proof:
        proof = self._settings.proof(self._connection)
        tenant = {"x-scope-orgid": self._settings.tenant} if self._settings.tenant is not None else {}
        return Proof({**tenant, **proof.headers}, proof.pair)

    # What Alertmanager tells

    def _seen(self, answer: Answer, *, routed: bool = True) -> Seen:
        """Every alert that fires; with `routed`, of those that go to our receiver."""
        mine = self._settings.receiver if routed else None
        told = [alert for alert in answer.json if mine is None or may_reach(alert, mine)]
        found = understood(told, sight, named, apart)
        known = {one.episode.fingerprint for one in found.found}
        odd = hidden(told, fingerprint_of, known) if found.unreadable else NONE
        if found.unreadable and not found.found and not odd:
            raise self._client.nonsense(ALERTS, found.unreadable[0].sentence)
        return Seen(tuple(found.found), tuple(found.unreadable), odd, answer.at)

    def _ended(self, missing: list[Episode]) -> list[Episode]:
        """Those of the missing that have ended; none while Alertmanager may just have forgotten them.

        The status is asked after the alerts, so that a restart between the two answers shows.
        """
        if not missing:
            return []
        found, at = self._server()
        return [] if found.may_have_forgotten(at, self._settings.restart_grace) else missing

    def _server(self) -> tuple[Server, datetime]:
        try:
            answer = self._client.get(STATUS)
            return server(answer.json), answer.at
        except Gone as error:
            raise self._no_alertmanager(error) from None
        except ValueError as error:
            raise self._client.nonsense(STATUS, str(error)) from None

    def _list(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        try:
            answer = self._client.get(path, params)
        except Gone as error:
            raise self._no_alertmanager(error) from None
        if not isinstance(answer.json, list):
            raise self._client.nonsense(path, "not a list")
        return answer

    def _no_alertmanager(self, error: Gone) -> NeedsOperator:
        return NeedsOperator(
            self._connection, f"no Alertmanager answers at {self._settings.url} ({error}); correct `url`."
        )

    def _reading(self, one: Sight, at: datetime) -> Reading:
        age = None if one.updated is None else max(at - one.updated, timedelta(0))
        return reading(one.body, age, self._settings.url or "")


def _age_first(one: Sight) -> tuple[datetime, Episode]:
    return one.updated or one.episode.started, one.episode


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> AlertmanagerAdapter:
    """What `AdapterKind.connect` calls; no I/O."""
    return AlertmanagerAdapter(name, settings, bench)
