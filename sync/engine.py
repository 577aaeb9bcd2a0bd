"""What every step of the road shares: the store, the plugins, the clock, and one `Connected` per connection."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, ParamSpec, TypeVar

from sqlalchemy import insert
from tenacity import Retrying

from tieline.core.clock import Clock
from tieline.core.config import Config, ConnectionConfig
from tieline.core.errors import RemoteError, StoreUnavailable, Unforeseen
from tieline.core.events import CAUSE, Event
from tieline.core.hooks import Committed
from tieline.core.journal import Actor, Entry
from tieline.core.model import ConnectionName, IncidentId, RecordKind, Value
from tieline.core.port import (
    Adapter,
    AdapterKind,
    Cursor,
    Directory,
    FieldFact,
    Page,
    Power,
    Receiver,
    Ref,
    Source,
    Token,
)
from tieline.core.registry import Registry
from tieline.core.store import tables as t
from tieline.core.store.store import Store, Transaction
from tieline.mappings import Fitted
from tieline.mappings import Mapping as FieldMapping
from tieline.sync.accounts.account import Member
from tieline.sync.limits import Budget
from tieline.sync.outcomes import Standing, Then, Verb, outcome
from tieline.sync.tokens import TOKEN_PREFIX

T = TypeVar("T")
P = ParamSpec("P")


def expression_value(value: Value) -> Any:
    """A field's value as conditions see it."""
    return list(value) if isinstance(value, tuple) else value


class Everyone(Mapping[str, str]):
    """A directory that knows everybody: for asking whether a write might be needed, before anybody is looked up."""

    def __getitem__(self, email: str) -> str:
        return email

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __contains__(self, email: object) -> bool:
        return True


EVERYONE = Everyone()

_UNHEARD: Final = insert(t.unheard)

REMEMBER_PEOPLE: Final = 600.0
"""Seconds for which an answer about a person is believed: new colleagues appear, old ones leave."""


@dataclass(frozen=True, slots=True)
class Look:
    """The first look that found nothing of a create in doubt: of the one that was intended at that moment. It says
    nothing of one that another worker has tried since. `at` is in seconds that never run backwards."""

    intended: datetime | None
    at: float


@dataclass(slots=True)
class Connected:
    """One connection at work: what the configuration says of it, its adapter, its mapping and its budget."""

    config: ConnectionConfig
    source: Source
    mapping: FieldMapping
    budget: Budget
    again: Retrying
    """Repeats a read that failed for a moment, a few times at once; never a write."""
    account: Member | None = None
    """What it shares with other connections that log in as it does; None for one that shares nothing."""
    people: dict[str, tuple[str | None, float]] = field(default_factory=dict)
    """E-mail to the tool's id (None: it knows nobody of that address), and when it said so."""
    unasked: dict[str, str] = field(default_factory=dict)
    """E-mail of those whom the tool could not be asked for, to the sentence that says why."""
    looked: dict[Token, Look] = field(default_factory=dict)
    """By the token of each create in doubt."""
    denied: dict[Ref, tuple[float, int]] = field(default_factory=dict)
    """By record of which the tool says that it is not there: since when, in seconds that never run backwards, and how
    many looks in a row said so."""
    polled: bool = False
    """True once this process has read on to the end of what the tool has to tell."""
    in_doubt: bool = True
    """False once this process has also taken in all of that, or where the store is known to have forgotten nothing.
    Until then what is to be made there may be there already."""
    whole: FieldMapping = field(init=False)
    """The mapping as it was loaded; `mapping` is the one that was fitted to the tool, as soon as it was asked."""
    fitted: Fitted | None = None
    facts: Mapping[str, FieldFact] | None = None
    """What the tool told last of its fields."""
    facts_at: float | None = None
    """When it was asked, in seconds that never run backwards."""
    facts_in_doubt: bool = False
    """True once it has refused what it should have taken by them: it is asked anew."""
    tried_anew_at: float | None = None
    """When held fields were last tried by themselves."""
    receiver: Receiver | None = field(init=False)
    """What takes its webhooks, if it takes any. Known from the beginning: to ask costs as much as half a webhook."""

    def __post_init__(self) -> None:
        self.whole = self.mapping
        self.receiver = self.source if isinstance(self.source, Receiver) and self.can(Power.RECEIVE) else None

    @property
    def name(self) -> ConnectionName:
        return self.config.name

    @property
    def kind(self) -> AdapterKind:
        return self.config.kind

    @property
    def signals(self) -> bool:
        """True for monitoring: its records are signals, not tickets."""
        return self.kind.record == RecordKind.SIGNAL

    def can(self, power: Power) -> bool:
        """True when the adapter claims this power, and the settings leave a way to it."""
        return power in self.kind.powers and (power is Power.RECEIVE or not self.only_listens)

    @property
    def only_listens(self) -> bool:
        """True for a source that cannot be asked: webhooks are all there is of it."""
        return self.config.settings.only_listens

    @property
    def adapter(self) -> Adapter:
        """The connection as something that can be written. Raises TypeError for one that only reads."""
        if isinstance(self.source, Adapter) and self.can(Power.WRITE):
            return self.source
        raise TypeError(f"{self.name} ({self.kind.tool}) cannot be written")

    def call(self, verb: Verb, act: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Ask the tool, once. Every call goes through here, so that an error says what was asked: `outcomes` has to
        know. Raises RemoteError, whatever the adapter raises."""
        spent = self.budget.calls
        try:
            answer = act(*args, **options)
        except RemoteError as error:
            error.verb = verb.value
            self._tell_account(spent, error)
            raise
        except StoreUnavailable:
            raise  # this worker may not go on, which is no answer of the tool's
        except Exception as error:
            strange = Unforeseen(self.name, f"{verb}: {type(error).__name__}: {error}")
            strange.verb = verb.value
            raise strange from error
        self._tell_account(spent, None)
        return answer

    def _tell_account(self, spent: int, error: RemoteError | None) -> None:
        """What came of a call, where one was made: what an adapter remembers says nothing about its tool."""
        if self.account is not None and self.budget.calls > spent:
            self.account.heard(error)

    def ask(self, verb: Verb, act: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """The same for a read, which is repeated a few times at once where it failed for a moment."""
        answer: T = self.again(self.call, verb, act, *args, **options)
        return answer

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        """What changed since then, page by page."""
        listing = self.call(Verb.CHANGES, lambda: iter(self.source.changes(since)))
        while (page := self.call(Verb.CHANGES, next, listing, None)) is not None:
            yield page

    def ids_of(self, emails: frozenset[str], now: float) -> Mapping[str, str]:
        """The tool's ids of these people; whoever it does not know, or cannot be asked for, is left out. Asks the tool,
        and remembers its answer for ten minutes. `now` is in seconds that never run backwards."""
        if not isinstance(self.source, Directory):
            return {}
        self.people = {email: known for email, known in self.people.items() if now - known[1] < REMEMBER_PEOPLE}
        for email in sorted(emails - self.people.keys()):
            self.people[email] = (self._id_of(self.source, email), now)
        return {email: found for email in sorted(emails) if (found := self.people[email][0]) is not None}

    def _id_of(self, directory: Directory, email: str) -> str | None:
        self.unasked.pop(email, None)
        try:
            return self.call(Verb.PERSON_ID, directory.person_id, email)
        except RemoteError as error:
            if outcome(error, Standing.LINKED).then is not Then.WITHOUT:
                raise
            self.unasked[email] = f"{email} could not be looked up: {error}"
            return None


@dataclass(slots=True)
class Engine:
    """The whole machine without its threads: a simulation runs it as well as the daemon does."""

    config: Config
    store: Store
    registry: Registry
    clock: Clock
    connections: Mapping[ConnectionName, Connected]
    wake: Callable[[ConnectionName], None]
    """Tells a lane that there is work; may be called from any thread, costs nothing, may be lost."""
    random: random.Random
    began: float
    """When this process began, in seconds that never run backwards."""
    is_command: bool = False
    """True beside the daemon: what is done here is told to the daemon's observers, and by the daemon."""
    in_doubt_before: datetime | None = None
    """What began before this may have been dealt with in a past that the store has forgotten, because a backup was put
    in its place; None where the store is known to have forgotten nothing."""
    tells_labels: bool = True
    """False where the labels of alerts are kept from a tool that is told which alerts fire: no words have them then."""
    new_token: Callable[[], Token] = lambda: Token(f"{TOKEN_PREFIX}{secrets.token_hex(12)}")

    @property
    def in_doubt(self) -> bool:
        """False once everything that is new in any tool has been read and taken in: what is wanted from now on is not
        what a store has forgotten that was put back from a backup."""
        return any(here.in_doubt for here in self.connections.values())

    def may_be_there(self, since: datetime | None) -> bool:
        """Whether what began then (None: nobody knows) may have been dealt with before, so that what it asks for may be
        there already. A tool that hid it while we caught up shows it later."""
        before = self.in_doubt_before
        return self.in_doubt or (before is not None and (since is None or since < before))

    def record(
        self,
        tx: Transaction,
        event: Event,
        *,
        incident: IncidentId | None = None,
        connection: ConnectionName | None = None,
        actor: Actor = "tieline",
        reason: str = "",
    ) -> int:
        """Journal one thing that happened, and tell the plugins once it is committed. Answers its seq."""
        facts = event.facts()
        if tx.cause is not None:
            facts[CAUSE] = tx.cause
        seq = tx.journal(Entry(self.clock.now(), event.KIND, incident, connection, actor, reason, facts))
        if self.is_command:
            tx.execute(_UNHEARD, {"seq": seq})
            return seq
        told = Committed(seq, event.KIND, incident, connection, str(actor), reason, facts)
        tx.on_commit(lambda: self.registry.tell(told))
        return seq

    def rouse(self, tx: Transaction, name: ConnectionName) -> None:
        """Wake a lane once this transaction is committed."""
        tx.on_commit(lambda: self.wake(name))
