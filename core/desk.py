"""What a view and an act see, and what an act may note. Nothing is written while it decides: the office does that,
afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol

from tieline.core.access import Relation, Standing
from tieline.core.acts import LASTS
from tieline.core.arguments import Ask
from tieline.core.erasing import Again
from tieline.core.events import Event, Fact
from tieline.core.journal import Actor, Trace
from tieline.core.model import Audience, Fields, IncidentId, RecordKind
from tieline.core.policy import Model, Policy
from tieline.core.projections import RowsSeen
from tieline.core.traces import Place, Traces


class Item(Protocol):
    """An item as it is seen. An act that looks at one acts on this state of it, or decides once more."""

    @property
    def id(self) -> IncidentId: ...

    @property
    def uid(self) -> str:
        """What it is known by for ever."""

    @property
    def kind(self) -> RecordKind: ...

    @property
    def number(self) -> str:
        """The number people use: `INC-12`."""

    @property
    def revision(self) -> int: ...

    @property
    def fields(self) -> Fields: ...

    @property
    def is_open(self) -> bool: ...

    @property
    def restricted(self) -> bool: ...


class Noted(Protocol):
    """What a note will have made, once it is carried out."""

    @property
    def number(self) -> int:
        """Its number. Raises LookupError before."""


class Look(Protocol):
    """What a view looks at: the store as one moment found it, without what whoever asks may not see."""

    @property
    def now(self) -> datetime: ...

    @property
    def actor(self) -> Actor:
        """Who asks, as was proved."""

    @property
    def person(self) -> str:
        """The id of whoever asks, as events and rows have it (`Happened.actor`); "" for somebody of whom nothing tells
        yet."""

    def item(self, name: str) -> Item:
        """The item that is meant by a number or by a ticket. Raises LookupError for none, and for several."""

    def called(self, item: Item) -> str:
        """How whoever asks calls an item: by its number, or by the label of one that is restricted."""

    def called_by_id(self, subjects: Iterable[str]) -> Mapping[str, str]:
        """How whoever asks calls the items of these ids, as rows know them by; those that are not there for them are
        left out."""

    def copies(self, item: Item) -> tuple[str, ...]:
        """Where the copies of an item and of its parts are: each the connection, and how its tool calls it."""

    def parts(self, item: Item) -> tuple[Item, ...]:
        """The parts of an item, and theirs: what goes with it."""

    def on_hold(self, item: Item) -> str:
        """The sentence that says why an item or a part of it is to be kept, whatever else says; "" where it is not."""

    def trace(self, item: Item, before: int) -> Trace:
        """What the journal tells of an item before one of its entries, whether it can be read or not."""

    @property
    def rows(self) -> RowsSeen:
        """The rows of the plugin's own tables, of whatever whoever asks may see."""

    def policy(self, policy: Policy[Model], item: Item | None = None) -> Model:
        """What a policy of the plugin says now; with an item, what it said when that was opened. Raises NotDone for one
        that is no policy of the plugin's as it is now."""


class Desk(Look, Protocol):
    """What an act decides at: it looks, and notes what is to follow."""

    @property
    def breaks_glass(self) -> bool:
        """Whether whoever asks does at once, and has reviewed, what others are to be asked first."""

    def standing(self, item: Item, right: str, person: str = "", *, owned_store: bool = False) -> Standing:
        """What whoever asks is to an item now, and whether they have a right there; or somebody else, by the id that
        rows have. Of those it is only known by what was kept whether the store's file is theirs. It is decided anew
        where that changes meanwhile."""

    def refuse(self, right: str, by: str, why: str) -> NoReturn:
        """Refuse what somebody has the right to, by a rule of the plugin's policy. It is journalled as other refusals
        are. Raises what is nobody's to catch."""

    def edit(self, item: Item, fields: Fields) -> None:
        """Note new values; every copy follows. Raises ValueError with a sentence for a field or a value that its kind
        does not have."""

    def open(self, kind: str, fields: Fields, *, of: Item | None = None) -> Item:
        """Note a new item of a kind that the plugin offers, or of Tieline's own; its copies follow. What is noted after
        it may be about it. Its number, and all that follows from it, raises LookupError before it is carried out. As a
        part of another item it is restricted, held and forgotten with that. Raises ValueError with a sentence for a
        kind, a field or a value that there is not."""

    def comment(self, item: Item, body: str, audience: Audience) -> Noted:
        """Note a comment in the name of whoever asks; it goes into every copy that may show it."""

    def forget(self, item: Item, why: str) -> None:
        """Note that all that is kept of an item is let go of, for good. What is recorded of it behind that is readable.
        Raises NotDone where it is held, and is not carried out where it is by then."""

    def forget_results(self, kept: str, before: datetime) -> int:
        """Note that what jobs of this class of results came to before then is let go of: a thousand at most, and none
        that tells of what is held. Answers how many."""

    def person_meant(self, words: str) -> str:
        """The id of whoever is meant by an id, an identity, a name or an e-mail address; "" for an address that is
        nobody's who acted here. Raises NotDone for whom nobody knows, and for a name that several have."""

    def forget_person(self, words: str, addresses: Collection[str], reference: str) -> None:
        """Note that somebody's roles, tokens, accounts, sessions and relations are taken from them, and that the rest
        is to be found by this reference. Raises NotDone for nobody, and where an item is held that tells of them."""

    def forget_traces(
        self, reference: str, place: Place, why: str, *, texts: bool, told: Mapping[str, Any] | None = None
    ) -> Traces:
        """Note that what tells of them at one place is let go of; from the last place on nothing says who they were.
        `texts` is whether what they wrote as comments goes as well; `told` is what was asked for, and is kept beside
        the keys, so that a backup does not bring them back. Raises NotDone where it is held."""

    def people_to_forget_again(self) -> Iterator[Again]:
        """Who was forgotten, and stands in the store again: it was put back from a backup that was made before. Each is
        looked for as it is reached."""

    def items_to_forget_again(self, after: int) -> tuple[tuple[str, ...], int | None]:
        """The same of items behind this number, by their ids; and behind which number to go on, None for the end."""

    def nothing_to_forget_again(self) -> None:
        """Note that all of that is forgotten again: nobody is told any more that it stands there."""

    def forget_person_again(self, reference: str) -> None:
        """Note that somebody is to be forgotten again, as `forget_person` does; nothing where it has begun. Raises
        NotDone where an item is held that tells of them."""

    def relate(self, item: Item, person: str, relation: Relation) -> None:
        """Note that somebody commands an item, works on it or is told of it, by the word of the plugin; what comes with
        that they may do to this one. `person` is an identity (`os:ann@db1`), or an id as rows have it. Raises
        ValueError for who is neither."""

    def unrelate(self, item: Item, person: str, relation: Relation) -> None:
        """Note that the plugin says so no longer; others may go on to."""

    def record(self, event: Event, item: Item | None = None) -> None:
        """Note that something happened; of a kind that is declared."""

    def set_timer(
        self,
        kind: str,
        at: datetime,
        item: Item | None = None,
        *,
        key: str = "",
        facts: Mapping[str, Fact] | None = None,
    ) -> None:
        """Note a timer of a kind that the plugin offers; one is set for each kind, item and key, and moved by setting
        it again. `facts` is what is told when it is due."""

    def start(self, job: str, ask: Ask, item: Item | None = None) -> Noted:
        """Note that long work is started, of a kind that the plugin offers; `item` is what it is about, if anything."""

    def cancel_timer(self, kind: str, item: Item | None = None, *, key: str = "") -> None:
        """Note that a timer is taken back; there need not be one."""

    def bind(self, name: str, text: str) -> None:
        """Note a text that leaves from here, byte for byte: whoever approves sees it, and approves these bytes."""

    def release(self, item: Item, fields: Fields, *, since: datetime | None = None) -> None:
        """Note that others may read what these fields of an item say, wherever it is shown outside, byte for byte; from
        a time on. Where that is to be in force, somebody is asked first, and approves these bytes. Raises NotDone for
        what may not be shown, with the sentence that says why."""

    def take_back(self, item: Item) -> None:
        """Note that nothing of an item is approved any more that was to be shown later."""

    def halt(self, *, goes_on: bool = False) -> None:
        """Note that nothing leaves any more for others to read, whatever was approved; or that it does again."""

    def propose(self, policy: Policy[Any], document: str, why: str) -> None:
        """Have a policy of the plugin's say something else once somebody else approves it, as `tieline policy propose`
        does: it is the last that is noted, of an act that declares `policy.approve` in `asks_first` and needs
        `policy.propose`. Raises what that does."""

    def ask_first(
        self,
        right: str | tuple[str, ...],
        why: str,
        *,
        authors: Collection[str] = (),
        lasts: timedelta = LASTS,
        at_any_revision: bool = False,
    ) -> None:
        """Have somebody else approve what was noted, with this right; with each of several, somebody for each. It is
        the last that is noted, of an act that declares the right in `asks_first`. Comes back where it is approved.

        Raises AskFirst, which is nobody's to catch, where it is not. See `Approval` for the rest."""
