"""Zabbix behind the port: a Source of problems, an Acknowledger, a Receiver of hints. The poll is the truth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.zabbix import webhook
from tieline.adapters.zabbix.problem import FIELDS, Sight, fingerprint_of, named, reading, sight, with_host
from tieline.adapters.zabbix.settings import ZabbixSettings
from tieline.core.client import Answer, Client
from tieline.core.episodes import Episode, hidden, over, told_since
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.listing import understood
from tieline.core.login import revealed
from tieline.core.model import ConnectionName
from tieline.core.port import Act, Cursor, Delivery, Health, Page, Reading, Received, Ref, Token, Unreadable, Workbench
from tieline.core.proofs import prove_bearer

API: Final = "/api_jsonrpc.php"
CLOSE, ACKNOWLEDGE, MESSAGE, UNACKNOWLEDGE, SUPPRESS, UNSUPPRESS = 1, 2, 4, 16, 32, 64
"""The bits of event.acknowledge."""
BEARER_SINCE: Final = (6, 4)
SUPPRESS_SINCE: Final = (6, 2)
LONGEST_NOTE: Final = 1_900
"""Characters: 2,048 with our mark is all that Zabbix takes."""

REFUSED: Final = re.compile("not authori[sz]ed|session terminated|re-login|api token|incorrect user name", re.I)
FORBIDDEN: Final = re.compile("no permissions to call|do not have permission|no permission", re.I)
NOT_THERE: Final = re.compile("no permissions to referred object|does not exist", re.I)
_MARK: Final = re.compile(r"\[tieline (?P<token>[^\[\]]+)\]\Z")
_VERSION: Final = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Seen:
    """The problems that go on, what could not be understood, the fingerprints of that, and when, by the clock of the
    frontend."""

    problems: tuple[Sight, ...]
    unreadable: tuple[Unreadable, ...]
    unknown: frozenset[str]
    at: datetime


class ZabbixAdapter:
    """One Zabbix."""

    def __init__(self, connection: ConnectionName, settings: ZabbixSettings, bench: Workbench) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = bench.clock
        self._client = Client(connection, settings.url, settings, bench, tool="Zabbix", timeout=settings.timeout)
        self._version: tuple[int, int] | None = None

    # Source

    def check(self) -> Health:
        self._version = None
        self._versioned()
        version = str(self._asked("apiinfo.version", []).json["result"])
        users = self._rows(self._asked("user.get", {"output": ["username"], "limit": 2}))
        seen = self._seen()
        notes = []
        if self._settings.webhook_token is None:
            notes.append("No `webhook_token` is set: webhooks are refused, and problems arrive only by polling.")
        if self._settings.suppress and self._versioned() < SUPPRESS_SINCE:
            notes.append(f"Zabbix {version} suppresses nothing by hand: `suppress` does nothing before 6.2.")
        if seen.unreadable:
            first = f"{seen.unreadable[0].key}: {seen.unreadable[0].sentence}"
            notes.append(f"{len(seen.unreadable)} problems there cannot be understood and are left out ({first}).")
        return Health(
            # Who may see other users, too, is not told which of them the token is of.
            account=str(users[0].get("username")) if len(users) == 1 else "the user of the token",
            version=f"Zabbix {version}",
            clock_skew=seen.at - self._clock.now(),
            notes=tuple(notes),
            foreseen=tuple(one.body for one in seen.problems),
        )

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        seen = self._seen()

        def ended(missing: list[Episode]) -> list[Reading]:
            return [
                reading(over(one, seen.at), self._settings.url)
                for one in missing
                if one.fingerprint not in seen.unknown
            ]

        told = told_since(
            since,
            [self._reading(one, seen.at) for one in sorted(seen.problems, key=lambda one: one.changed)],
            ended,
            oldest=seen.at - self._settings.history,
            size=self._settings.page_size,
            unreadable=seen.unreadable,
        )
        for page in told:
            yield replace(page, readings=self._with_hosts(page.readings))

    def read(self, ref: Ref) -> Reading:
        seen = self._seen()
        return self._with_hosts([self._reading(self._found(seen, ref), seen.at)])[0]

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:  # noqa: ARG002 - a delivery does not prove its time
        prove_bearer(self._connection, self._settings.webhook_token, delivery)

    def parse(self, delivery: Delivery) -> Received:
        return webhook.parse(delivery)

    # Acknowledger

    def acknowledge(self, ref: Ref, act: Act, *, until: datetime, note: str, token: Token) -> str:
        """Answers "": an acknowledgement has no id there, nor an end. One that somebody else made is left as it is."""
        if act is not Act.ACKNOWLEDGE:
            self._release(ref, resolved=act is Act.RESOLVE)
            return ""
        seen = self._seen()
        problem = self._found(seen, ref)
        # `until` is a moment of our clock; a suppression ends by Zabbix's.
        ends = until + (seen.at - self._clock.now())
        mine = _MARK.search(problem.message) if problem.message is not None else None
        if ends <= seen.at or (problem.message is not None and (mine is None or mine["token"] == token)):
            return ""
        how: dict[str, Any] = {"action": 0}
        if mine is None:
            words = "".join(one if one.isprintable() else " " for one in note)[:LONGEST_NOTE]
            how = {"action": ACKNOWLEDGE | MESSAGE, "message": f"{words} [tieline {token}]"}
        if self._settings.suppress and self._versioned() >= SUPPRESS_SINCE:
            how |= {"action": how["action"] | SUPPRESS, "suppress_until": int(ends.timestamp())}
        if how["action"]:
            self._act(problem, how)
        return ""

    def _release(self, ref: Ref, *, resolved: bool) -> None:
        problem = next((one for one in self._seen().problems if one.episode.ref == ref), None)
        if problem is None:
            return
        if resolved and self._settings.close and self._closed(problem):
            return
        if problem.message is None or not _MARK.search(problem.message):
            return
        suppressed = problem.body["suppressed"] and self._settings.suppress
        self._act(problem, {"action": UNACKNOWLEDGE | (UNSUPPRESS if suppressed else 0)})

    def _closed(self, problem: Sight) -> bool:
        """Whether it could be closed: its trigger has to allow that."""
        try:
            self._act(problem, {"action": CLOSE})
        except Rejected:
            return False
        return True

    def _act(self, problem: Sight, how: Mapping[str, Any]) -> None:
        try:
            self._asked("event.acknowledge", {"eventids": [problem.event], **how}, writes=True)
        except Gone as error:
            raise NeedsOperator(
                self._connection,
                f"{error}: the event is gone, or the account only reads; give its user group read-write to the hosts.",
            ) from None

    # What Zabbix tells

    def _seen(self) -> Seen:
        hosts = self._asked("host.get", {"countOutput": True}).json["result"]
        if str(hosts) == "0":
            raise NeedsOperator(
                self._connection,
                "Zabbix shows no host to this account; give its user group a permission to the host groups.",
                status=200,
            )
        wanted = {
            "output": list(FIELDS),
            "source": 0,
            "object": 0,
            "selectTags": "extend",
            "selectAcknowledges": "extend",
            "sortfield": ["eventid"],
        }
        answer = self._asked("problem.get", wanted)
        rows = self._rows(answer)
        found = understood(rows, sight, named)
        unknown = hidden(rows, fingerprint_of, {one.episode.fingerprint for one in found.found})
        if found.unreadable and not found.found and not unknown:
            raise self._client.nonsense(API, found.unreadable[0].sentence, "POST")
        return Seen(tuple(found.found), tuple(found.unreadable), unknown, answer.at)

    def _with_hosts(self, readings: Sequence[Reading]) -> list[Reading]:
        """The same, each problem with its host: problem.get does not tell it."""
        events = [str(one.body["event"]) for one in readings if "event" in one.body]
        if not events:
            return list(readings)
        asked = {"output": ["eventid"], "selectHosts": ["host", "name"], "eventids": events}
        hosts: dict[str, str] = {}
        for one in self._rows(self._asked("event.get", asked)):
            names = [str(host.get("name") or host.get("host") or "") for host in one.get("hosts") or ()]
            hosts[str(one.get("eventid"))] = names[0] if names else ""
        return [replace(one, body=with_host(one.body, hosts)) if "event" in one.body else one for one in readings]

    def _found(self, seen: Seen, ref: Ref) -> Sight:
        for one in seen.problems:
            if one.episode.ref == ref:
                return one
        for odd in seen.unreadable:
            if odd.ref == ref:
                raise Rejected(self._connection, f"the problem {odd.key} cannot be understood: {odd.sentence}")
        raise Gone(self._connection, f"the problem {ref} is over")

    def _reading(self, one: Sight, at: datetime) -> Reading:
        return reading(one.body, self._settings.url, max(at - one.changed, timedelta(0)))

    # JSON-RPC

    def _token(self) -> str:
        return revealed(self._connection, "token", self._settings.token)

    def _versioned(self) -> tuple[int, int]:
        """Asked once: it decides how a token is shown. Before 6.4 Bearer is not known, since 7.2 nothing else is."""
        if self._version is None:
            answer = self._asked("apiinfo.version", [])
            told = _VERSION.match(str(answer.json["result"]))
            if told is None:
                raise self._client.nonsense(API, "no version", "POST")
            self._version = int(told[1]), int(told[2])
        return self._version

    def _asked(self, method: str, params: Any, *, writes: bool = False) -> Answer:
        """The answer, which has a `result`. Raises the RemoteError that an `error` in it means: both are 200."""
        body = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        headers: dict[str, str] = {}
        if method != "apiinfo.version":
            if self._versioned() < BEARER_SINCE:
                body["auth"] = self._token()
            else:
                headers["authorization"] = f"Bearer {self._token()}"
        try:
            answer = self._client.call("POST", API, body=body, headers=headers, reads=not writes, shape=dict)
        except Gone as error:
            words = f"{error}: there is no API of Zabbix at {self._settings.url}; correct `url`."
            raise NeedsOperator(self._connection, words, status=error.status) from None
        if "result" in answer.json:
            return answer
        raise self._failure(method, answer)

    def _failure(self, method: str, answer: Answer) -> RemoteError:
        told = answer.json.get("error")
        if not isinstance(told, dict):
            return self._client.unlike(answer, "neither `result` nor `error`")
        words = f"{method}: {str(told.get('data') or told.get('message') or '')[:300].rstrip('.')}"
        if REFUSED.search(words):
            return NeedsOperator(
                self._connection, f"{words}. Renew `token`, and see that its user is enabled.", status=200
            )
        if NOT_THERE.search(words):
            return Gone(self._connection, words)
        if FORBIDDEN.search(words):
            advice = "Allow the method in the API rules of the user's role"
            return NeedsOperator(self._connection, f"{words}. {advice}.", status=200)
        if told.get("code") in (-32602, -32500) and answer.wrote:
            return Rejected(self._connection, words, status=200)
        return TryAgain(self._connection, words, status=200)

    def _rows(self, answer: Answer) -> list[dict[str, Any]]:
        rows = answer.json["result"]
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows[:1]):
            return rows
        raise self._client.unlike(answer, "no list of objects")


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> ZabbixAdapter:
    """What `AdapterKind.connect` calls; no I/O."""
    return ZabbixAdapter(name, settings, bench)
