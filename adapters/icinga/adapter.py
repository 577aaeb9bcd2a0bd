"""Icinga 2 behind the port: a Source of hard problems, an Acknowledger, a Receiver of hints.

The poll is the truth. The event stream comes in batches every five seconds, numbers nothing and repeats nothing, so
that it would tell nothing sooner than a poll does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final

from tieline.adapters.icinga import webhook
from tieline.adapters.icinga.problem import (
    ATTRIBUTES,
    SAID,
    WELL,
    Sight,
    fingerprint_of,
    is_pending,
    moment,
    named,
    reading,
    said,
    sight,
)
from tieline.adapters.icinga.settings import IcingaSettings
from tieline.core.client import Answer, Client
from tieline.core.episodes import Episode, hidden, over, told_since
from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.listing import understood
from tieline.core.model import ConnectionName
from tieline.core.port import (
    Act,
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
from tieline.core.proofs import prove_bearer

READS: Final = ("status/query", "objects/query/Host", "objects/query/Service", "objects/query/Comment")
ACTS: Final = ("actions/acknowledge-problem", "actions/remove-acknowledgement")
PROBLEM: Final = "{0}.last_check_result == null || ({0}.state != 0 && {0}.state_type == 1)"
"""With a name in it that Icinga does not know (`StateTypeHard`), it answers 404 as soon as there is one object."""
AMONG: Final = "{0}.__name in names"
WORDS_AT_ONCE: Final = 100
"""Objects whose plugins' words are asked for together; fewer where those are too long for one answer."""
ACKNOWLEDGEMENT: Final = 4
CLOSE_ENOUGH: Final = timedelta(seconds=5)
"""An acknowledgement that ends this much too early is left as it is."""

_MARK: Final = re.compile(r"\[(?P<ref>[^\s\[\]]+) (?P<token>[^\[\]]+)\]\Z")


@dataclass(frozen=True, slots=True)
class Seen:
    """What has a hard problem, what could not be understood, of what nobody knows how it is, and Icinga's own time."""

    problems: tuple[Sight, ...]
    unreadable: tuple[Unreadable, ...]
    unknown: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Ours:
    """An acknowledgement that we made of an episode, found by its comment: it has no id of its own."""

    ref: Ref
    name: str
    token: str
    ends: datetime


class IcingaAdapter:
    """One Icinga 2."""

    def __init__(self, connection: ConnectionName, settings: IcingaSettings, bench: Workbench) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = bench.clock
        self._client = Client(
            connection,
            settings.url,
            settings,
            bench,
            tool="Icinga 2",
            prove=lambda: settings.proof(connection),
            timeout=settings.timeout,
        )

    # Source

    def check(self) -> Health:
        about = self._client.part(self._get("/v1"), "results", list)
        me: dict[str, Any] = about[0] if about and isinstance(about[0], dict) else {}
        granted = me.get("permissions")
        if not isinstance(granted, list) or not me.get("user"):
            raise self._client.nonsense("/v1", "neither `user` nor `permissions`")
        lacking = [one for one in READS if not _is_granted(one, granted)]
        if lacking:
            raise NeedsOperator(
                self._connection, f"the ApiUser {me['user']!r} lacks {', '.join(lacking)}; add it to its `permissions`."
            )
        seen = self._seen()
        return Health(
            account=str(me["user"]),
            version=f"Icinga {me.get('version')}",
            clock_skew=seen.at - self._clock.now(),
            notes=tuple(self._notes(granted, seen)),
            foreseen=tuple(one.body for one in seen.problems),
        )

    def _notes(self, granted: list[Any], seen: Seen) -> Iterator[str]:
        if missing := [one for one in ACTS if not _is_granted(one, granted)]:
            yield f"The ApiUser lacks {', '.join(missing)}: nothing is acknowledged there from here."
        if filtered := [str(one) for one in granted if str(one).endswith(" (filtered)")]:
            yield f"Some permissions have a filter ({', '.join(filtered)}): what it hides is not seen."
        if self._settings.webhook_token is None:
            yield "No `webhook_token` is set: webhooks are refused, and problems arrive only by polling."
        if seen.unreadable:
            first = f"{seen.unreadable[0].key or 'one without a name'}: {seen.unreadable[0].sentence}"
            yield f"{len(seen.unreadable)} problems there cannot be understood and are left out ({first})."

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        seen = self._seen()

        def ended(missing: list[Episode]) -> list[Reading]:
            return [
                reading(over(one, seen.at), web=self._settings.web)
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
            yield replace(page, readings=self._with_words(page.readings))

    def read(self, ref: Ref) -> Reading:
        seen = self._seen()
        return self._with_words([self._reading(self._found(seen, ref), seen.at)])[0]

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:  # noqa: ARG002 - a delivery does not prove its time
        prove_bearer(self._connection, self._settings.webhook_token, delivery)

    def parse(self, delivery: Delivery) -> Received:
        return webhook.parse(delivery)

    # Acknowledger

    def acknowledge(self, ref: Ref, act: Act, *, until: datetime, note: str, token: Token) -> str:
        """Answers "": an acknowledgement has no id there. One that somebody else made is left as it is."""
        if act is not Act.ACKNOWLEDGE:
            for one in self._ours(ref):
                self._take_back(one.name)
            return ""
        seen = self._seen()
        problem = self._found(seen, ref)
        # `until` is a moment of our clock; an acknowledgement ends by Icinga's.
        ends = until + (seen.at - self._clock.now())
        if ends <= seen.at + CLOSE_ENOUGH:
            return ""
        if problem.held:
            mine = self._ours(ref)
            if not mine or any(one.token == token and one.ends >= ends - CLOSE_ENOUGH for one in mine):
                return ""
            # Icinga prolongs none: it refuses a second one.
            self._take_back(problem.name)
        how = {
            "author": self._settings.author,
            "comment": f"{note} [{ref} {token}]",
            "sticky": self._settings.sticky,
            "notify": self._settings.notify,
            "expiry": int(ends.timestamp()),
        }
        try:
            self._act(ACTS[0], problem.name, how)
        except StaleVersion:
            self.read(ref)  # Gone, where it has just recovered
            raise TryAgain(self._connection, f"somebody has just acknowledged {problem.name}; looking again") from None
        return ""

    def _take_back(self, name: str) -> None:
        self._act(ACTS[1], name, {"author": self._settings.author})

    def _ours(self, ref: Ref) -> list[Ours]:
        """Our acknowledgements of an episode. One ends with its comment, which recovery takes away."""
        told = self._query(
            "comments",
            {
                "filter": f"comment.entry_type == {ACKNOWLEDGEMENT}",
                "attrs": ["host_name", "service_name", "author", "text", "entry_time", "expire_time"],
            },
        )
        try:
            found = [one["attrs"] for one in self._client.part(told, "results", list)]
            # The comment of one that ran out stays for a minute beside that of whoever acknowledged since.
            latest = {_of(one): one for one in sorted(found, key=lambda one: one["entry_time"])}
            made = [_ours(one) for one in latest.values() if one["author"] == self._settings.author]
        except (KeyError, TypeError, ValueError) as error:
            raise self._client.nonsense("/v1/objects/comments", f"a comment without {error}") from None
        return [one for one in made if one is not None and one.ref == ref]

    def _act(self, action: str, name: str, how: dict[str, Any]) -> None:
        kind = "Service" if "!" in name else "Host"
        body = {"type": kind, kind.lower(): name, **how}
        try:
            answer = self._client.call("POST", f"/v1/{action}", body=body)
        except Gone as error:
            # Icinga says the same of an object that is gone, and of one that it does not show us.
            raise NeedsOperator(
                self._connection,
                f"{error}: {name} is gone, or the ApiUser lacks {action}; add it to its `permissions`.",
                status=404,
            ) from None
        for one in self._client.part(answer, "results", list):
            if not isinstance(one, dict) or one.get("code") != 200:
                raise self._client.unlike(answer, f"200 with {one!r:.200} inside")

    # What Icinga tells

    def _seen(self) -> Seen:
        wanted = [*ATTRIBUTES, *(["vars"] if self._settings.vars else [])]
        told: list[Any] = []
        for kind, well in WELL.items():
            body = {"filter": PROBLEM.format(kind.lower()), "attrs": [*wanted, well]}
            told += self._client.part(self._query(f"{kind.lower()}s", body), "results", list)
        at = self._time()
        known = [one for one in told if not is_pending(one)]
        found = understood(known, lambda one: sight(one, at, self._settings.vars), named)
        prints = {one.episode.fingerprint for one in found.found}
        unknown = hidden(told, fingerprint_of, prints)
        if found.unreadable and not found.found and not unknown:
            raise self._client.nonsense("/v1/objects", found.unreadable[0].sentence)
        return Seen(tuple(found.found), tuple(found.unreadable), unknown, at)

    def _with_words(self, readings: Sequence[Reading]) -> list[Reading]:
        """The same, each problem with what its plugin says, which may be a megabyte: none is lost for its words."""
        problems = [one.body for one in readings if one.body["status"] != "resolved"]
        hosts = [str(one["name"]) for one in problems if one["service"] is None]
        services = [str(one["name"]) for one in problems if one["service"] is not None]
        words = {**self._words("host", hosts), **self._words("service", services)}
        return [_worded(one, words) for one in readings]

    def _words(self, kind: str, names: Sequence[str]) -> dict[str, tuple[str | None, str]]:
        """The states of these objects and what their plugins say. One whose words alone are too many is left out."""
        found: dict[str, tuple[str | None, str]] = {}
        at_once, rest = WORDS_AT_ONCE, list(names)
        while rest:
            batch = rest[:at_once]
            asked = {"filter": AMONG.format(kind), "filter_vars": {"names": batch}, "attrs": SAID}
            try:
                told = self._client.part(self._query(f"{kind}s", asked), "results", list)
            except Rejected as error:
                if error.status is not None:
                    raise
                # The answer is longer than what is held of one.
                at_once = max(1, len(batch) // 2)
                rest = rest[1:] if len(batch) == 1 else rest
                continue
            at_once, rest = min(WORDS_AT_ONCE, at_once * 2), rest[len(batch) :]
            for one in told:
                with suppress(ValueError):
                    name, says = said(one)
                    found[name] = says
        return found

    def _time(self) -> datetime:
        """Icinga's own: its answers carry no date."""
        answer = self._get("/v1/status")
        results = self._client.part(answer, "results", list)
        try:
            told = {one["name"]: one.get("status") for one in results}
            started = told["IcingaApplication"]["icingaapplication"]["app"]["program_start"]
            return moment(started + told["CIB"]["uptime"])
        except (KeyError, TypeError, ValueError):
            raise self._client.nonsense("/v1/status", "neither `program_start` nor `uptime`") from None

    def _found(self, seen: Seen, ref: Ref) -> Sight:
        for one in seen.problems:
            if one.episode.ref == ref:
                return one
        for odd in seen.unreadable:
            if odd.ref == ref:
                raise Rejected(self._connection, f"the problem of {odd.key} cannot be understood: {odd.sentence}")
        if ref.partition("@")[0] in seen.unknown:
            raise TryAgain(
                self._connection,
                f"it does not know yet how the object of {ref} is",
                wait=timedelta(minutes=1),
                limit=Limit.ENDPOINT,
            )
        raise Gone(self._connection, f"the problem {ref} is over")

    def _reading(self, one: Sight, at: datetime) -> Reading:
        return reading(one.body, max(at - one.changed, timedelta(0)), self._settings.web)

    def _query(self, objects: str, body: dict[str, Any]) -> Answer:
        path = f"/v1/objects/{objects}"
        try:
            return self._client.call("POST", path, body=body, headers={"x-http-method-override": "GET"}, reads=True)
        except Gone as error:
            raise self._not_shown(error) from None

    def _get(self, path: str) -> Answer:
        try:
            return self._client.get(path)
        except Gone as error:
            raise self._not_shown(error) from None

    def _not_shown(self, error: Gone) -> NeedsOperator:
        return NeedsOperator(
            self._connection,
            f"{error}: no Icinga 2 answers at {self._settings.url}, or its ApiUser may not ask; correct `url`, or add "
            f"{', '.join(READS)} to its `permissions`.",
            status=error.status,
        )


def _worded(one: Reading, words: Mapping[str, tuple[str | None, str]]) -> Reading:
    """With what the plugin says. An object that has another state since is told anew by the next look."""
    state, output = words.get(one.body.get("name", ""), (None, ""))
    if state is None or state != one.body.get("state"):
        return one
    return replace(one, body={**one.body, "summary": output.partition("\n")[0], "output": output})


def _of(comment: dict[str, Any]) -> str:
    """The object that a comment is on."""
    host, service = comment["host_name"], comment["service_name"]
    return f"{host}!{service}" if service else str(host)


def _ours(comment: dict[str, Any]) -> Ours | None:
    """What we made, by its mark; None for a person's. Raises what an odd one brings about."""
    marked = _MARK.search(comment["text"])
    if marked is None:
        return None
    return Ours(Ref(marked["ref"]), _of(comment), marked["token"], moment(comment["expire_time"]))


def _is_granted(permission: str, granted: list[Any]) -> bool:
    patterns = [str(one).removesuffix(" (filtered)").lower() for one in granted]
    return any(fnmatchcase(permission.lower(), one) for one in patterns)


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> IcingaAdapter:
    """What `AdapterKind.connect` calls; no I/O."""
    return IcingaAdapter(name, settings, bench)
