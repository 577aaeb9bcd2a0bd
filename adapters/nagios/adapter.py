"""Nagios Core behind the port: a Source of hard problems, an Acknowledger, a Receiver of hints.

Everything goes through the CGIs that its web pages use, so that an account of those is enough. They read a file that
Nagios writes every few seconds: an answer is of that moment, and a command shows in the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.nagios import webhook
from tieline.adapters.nagios.problem import (
    Sight,
    Told,
    is_pending,
    is_soft,
    moment,
    named,
    print_of,
    reading,
    sight,
    whole,
)
from tieline.adapters.nagios.settings import NagiosSettings
from tieline.core.client import Answer, Client
from tieline.core.episodes import Episode, over, told_since
from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, TryAgain
from tieline.core.listing import understood
from tieline.core.model import ConnectionName
from tieline.core.port import Act, Cursor, Delivery, Health, Page, Reading, Received, Ref, Token, Unreadable, Workbench
from tieline.core.proofs import prove_bearer

STATUS: Final = "/statusjson.cgi"
COMMAND: Final = "/cmd.cgi"
ACKNOWLEDGE: Final = {"host": "33", "service": "34"}
TAKE_BACK: Final = {"host": "51", "service": "52"}
ASKED: Final = {"host": "down unreachable pending", "service": "warning critical unknown pending"}
ACKNOWLEDGEMENT: Final = 4
NO_FILE: Final = 2
"""The `type_code` of an answer without status: Nagios is down, or is just starting."""
LONGEST_NOTE: Final = 400
"""Characters; a command that does not fit into one write is refused."""
LONGEST_WAIT: Final = 60
"""Seconds in which Nagios has to write its status anew before a command of ours is taken back."""
A_MOMENT: Final = timedelta(seconds=2)
"""How long Nagios takes to read a command."""
FORM: Final = "71e11e"
"""cmd.cgi takes a form whose id, of up to ten hexadecimal digits, is that of the cookie beside it: no page of another
site could send both."""

DONE: Final = re.compile("successfully submitted to Nagios")
FORBIDDEN: Final = re.compile("not authorized to commit|do not have permission to submit")
OFF: Final = re.compile("currently not checking for external commands")
_MARK: Final = re.compile(r"\[(?P<ref>[^\s\[\]]+) (?P<token>[^\[\]]+)\]\Z")


@dataclass(frozen=True, slots=True)
class Seen:
    """What has a hard problem, what could not be understood, of what nobody knows how it is; asked `at`, and as Nagios
    `wrote` it, both by its own clock."""

    problems: tuple[Sight, ...]
    unreadable: tuple[Unreadable, ...]
    unknown: frozenset[str]
    at: datetime
    wrote: datetime


@dataclass(frozen=True, slots=True)
class Whose:
    """The acknowledgements of an episode: the tokens of ours, and whether somebody else made one as well."""

    tokens: frozenset[str]
    others: bool


class NagiosAdapter:
    """One Nagios Core."""

    def __init__(self, connection: ConnectionName, settings: NagiosSettings, bench: Workbench) -> None:
        self._connection = connection
        self._settings = settings
        self._bench = bench
        self._client = Client(
            connection,
            settings.url,
            settings,
            bench,
            tool="Nagios",
            prove=lambda: settings.proof(connection),
            timeout=settings.timeout,
        )
        self._unseen: dict[Ref, tuple[bool, datetime]] = {}
        """Whether it will be acknowledged, by a command of ours that may not show before this moment."""

    # Source

    def check(self) -> Health:
        answer = self._ask("programstatus")
        program = self._data(answer, "programstatus")
        result = self._result(answer)
        seen = self._seen()
        return Health(
            account=str(result.get("user", "")),
            version=f"Nagios Core {program.get('version')}",
            clock_skew=seen.at - self._bench.clock.now(),
            notes=tuple(self._notes(seen)),
            foreseen=tuple(one.body for one in seen.problems),
        )

    def _notes(self, seen: Seen) -> Iterator[str]:
        if self._settings.webhook_token is None:
            yield "No `webhook_token` is set: webhooks are refused, and problems arrive only by polling."
        if seen.unreadable:
            first = f"{seen.unreadable[0].key}: {seen.unreadable[0].sentence}"
            yield f"{len(seen.unreadable)} problems there cannot be understood and are left out ({first})."

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
        yield from told

    def read(self, ref: Ref) -> Reading:
        seen = self._seen()
        return self._reading(self._found(seen, ref), seen.at)

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:  # noqa: ARG002 - a delivery does not prove its time
        prove_bearer(self._connection, self._settings.webhook_token, delivery)

    def parse(self, delivery: Delivery) -> Received:
        return webhook.parse(delivery)

    # Acknowledger

    def acknowledge(self, ref: Ref, act: Act, *, until: datetime, note: str, token: Token) -> str:
        """Answers "": an acknowledgement has no id there, nor an end. One that somebody else made is left as it is."""
        if act is not Act.ACKNOWLEDGE:
            self._release(ref)
            return ""
        seen = self._seen()
        problem = self._found(seen, ref)
        if self._will_be(ref, seen, held=problem.held) or until <= self._bench.clock.now():
            return ""
        words = re.sub(r"[^ -~]|[;<>\[\]]", " ", note)[:LONGEST_NOTE]
        how = {"com_data": f"{words} [{ref} {token}]"}
        how |= {"sticky_ack": "on"} if self._settings.sticky else {}
        how |= {"send_notification": "on"} if self._settings.notify else {}
        self._command(ACKNOWLEDGE, problem.name, how)
        self._unseen[ref] = (True, seen.at + A_MOMENT)
        return ""

    def _release(self, ref: Ref) -> None:
        """Take back what we acknowledged, as soon as it shows. Whatever is over, Nagios has taken back itself."""
        first = seen = self._seen()
        for _ in range(LONGEST_WAIT):
            problem = next((one for one in seen.problems if one.episode.ref == ref), None)
            if problem is None:
                break
            whose = self._whose(problem)
            if whose.tokens and not whose.others and self._will_be(ref, seen, held=True):
                self._command(TAKE_BACK, problem.name, {})
                self._unseen[ref] = (False, seen.at + A_MOMENT)
            if whose.tokens or whose.others or seen.wrote > first.at:
                break
            self._bench.sleep(1)
            seen = self._seen()
        else:
            words = "Nagios does not write its status anew, so that nobody knows what is acknowledged"
            raise TryAgain(self._connection, words)

    def _will_be(self, ref: Ref, seen: Seen, *, held: bool) -> bool:
        """Whether it is acknowledged as soon as all shows that we sent."""
        self._unseen = {one: (will, by) for one, (will, by) in self._unseen.items() if by >= seen.wrote}
        return self._unseen.get(ref, (held, seen.at))[0]

    def _whose(self, problem: Sight) -> Whose:
        answer = self._ask("commentlist", details="true", entrytypes="acknowledgement")
        tokens, others = set[str](), False
        for one in self._data(answer, "commentlist").values():
            try:
                host, service, words = one["host_name"], one.get("service_description"), one["comment_data"]
                made = moment(whole(one, "entry_time"))
                marked = _MARK.search(words)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._client.unlike(answer, f"a comment without {error}") from None
            # A persistent one of an episode before is still there, and acknowledges nothing.
            if (f"{host}!{service}" if service else host) != problem.name or made < problem.episode.started:
                continue
            if marked is not None and marked["ref"] == problem.episode.ref:
                tokens.add(marked["token"])
            else:
                others = True
        return Whose(frozenset(tokens), others or (problem.held and not tokens))

    def _command(self, numbers: dict[str, str], name: str, how: dict[str, str]) -> None:
        host, _, service = name.partition("!")
        number = numbers["service" if service else "host"]
        form = {"cmd_typ": number, "cmd_mod": "2", "host": host, **({"service": service} if service else {}), **how}
        form |= {"btnSubmit": "Commit", "nagFormId": FORM}
        page = self._client.send("POST", COMMAND, form=form, headers={"cookie": f"NagFormId={FORM}"}).text
        if DONE.search(page):
            return
        if FORBIDDEN.search(page):
            raise NeedsOperator(
                self._connection,
                f"{name} is gone, or the account may not command it; add it to authorized_for_all_host_commands and "
                "authorized_for_all_service_commands in cgi.cfg.",
            )
        if OFF.search(page):
            raise NeedsOperator(self._connection, "Nagios takes no commands; set check_external_commands=1.")
        raise TryAgain(self._connection, f"POST {COMMAND} did not say that it was taken", maybe_done=True, status=200)

    # What Nagios tells

    def _seen(self) -> Seen:
        total = self._ask("hostcount")
        counts = self._data(total, "count")
        if not any(isinstance(one, int) and one for one in counts.values()):
            raise NeedsOperator(
                self._connection,
                f"Nagios shows no host to {self._result(total).get('user') or 'whoever asks'}; add the account to "
                "authorized_for_all_hosts and authorized_for_all_services in cgi.cfg.",
                status=200,
            )
        told = [*self._told("host"), *self._told("service")]
        known = [one for one in told if not is_pending(one) and not is_soft(one)]
        found = understood(known, sight, named)
        prints = {one.episode.fingerprint for one in found.found}
        unknown = {print_of(one.name) for one in told if not is_soft(one)} - prints
        if found.unreadable and not found.found and len(unknown) == len(found.unreadable) == len(told):
            raise self._client.nonsense(STATUS, found.unreadable[0].sentence)
        at, wrote = self._times(total)
        return Seen(tuple(found.found), tuple(found.unreadable), frozenset(unknown), at, wrote)

    def _told(self, kind: str) -> Iterator[Told]:
        answer = self._ask(f"{kind}list", details="true", **{f"{kind}status": ASKED[kind]})
        for host, attrs in self._data(answer, f"{kind}list").items():
            if kind == "host":
                yield Told(host, attrs)
            elif isinstance(attrs, dict):
                yield from (Told(f"{host}!{service}", one) for service, one in attrs.items())
            else:
                raise self._client.unlike(answer, f"no services of {host}")

    def _found(self, seen: Seen, ref: Ref) -> Sight:
        for one in seen.problems:
            if one.episode.ref == ref:
                return one
        for odd in seen.unreadable:
            if odd.ref == ref:
                raise Rejected(self._connection, f"the problem of {odd.key} cannot be understood: {odd.sentence}")
        if ref.partition("@")[0] in seen.unknown:
            words = f"it does not know yet how the object of {ref} is"
            raise TryAgain(self._connection, words, wait=timedelta(minutes=1), limit=Limit.ENDPOINT)
        raise Gone(self._connection, f"the problem {ref} is over")

    def _reading(self, one: Sight, at: datetime) -> Reading:
        return reading(one.body, self._settings.url, max(at - one.changed, timedelta(0)))

    def _ask(self, query: str, **how: str) -> Answer:
        try:
            answer = self._client.get(STATUS, {"query": query, **how})
        except Gone as error:
            words = f"{error}: there is no statusjson.cgi at {self._settings.url}; correct `url`."
            raise NeedsOperator(self._connection, words, status=error.status) from None
        result = self._result(answer)
        code = result.get("type_code")
        if code == NO_FILE:
            raise TryAgain(self._connection, f"it has no status ({result.get('message')}): Nagios is down, or starting")
        if code != 0:
            raise self._client.unlike(answer, str(result.get("message"))[:200])
        at, wrote = self._times(answer)
        if at - wrote > self._settings.stale_after:
            raise TryAgain(
                self._connection, f"Nagios has not written its status since {wrote:%H:%M:%S}; is it running?"
            )
        return answer

    def _result(self, answer: Answer) -> dict[str, Any]:
        found: dict[str, Any] = self._client.part(answer, "result", dict)
        return found

    def _data(self, answer: Answer, name: str) -> dict[str, Any]:
        found = self._client.part(answer, "data", dict).get(name)
        if isinstance(found, dict):
            return found
        raise self._client.unlike(answer, f"no `{name}`")

    def _times(self, answer: Answer) -> tuple[datetime, datetime]:
        try:
            result = self._result(answer)
            return moment(whole(result, "query_time")), moment(whole(result, "last_data_update"))
        except ValueError as error:
            raise self._client.unlike(answer, str(error)) from None


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> NagiosAdapter:
    """What `AdapterKind.connect` calls; no I/O."""
    return NagiosAdapter(name, settings, bench)
