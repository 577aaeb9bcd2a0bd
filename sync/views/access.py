"""Why somebody may do something, or may not; and every right, with what it comes with and what takes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pydantic import Field

from tieline.core import grants
from tieline.core.access import STORE, Facts, Relation, Role, Rules, Subject, may
from tieline.core.acts import Act
from tieline.core.arguments import Answer, Ask, Filter, ItemName, Line, PersonName
from tieline.core.declared import Declared
from tieline.core.identity import Someone, called
from tieline.core.offer import Offers
from tieline.core.settings import no_such
from tieline.core.shown import Part, Table
from tieline.core.views import Keyset, Listing, Long, Row
from tieline.sync.office.look import EngineLook
from tieline.sync.sight import subject_of


class Why(Ask):
    """Who, what, and to what."""

    person: PersonName = Field(description="Who: an account of this machine, or one like os:ann@db1.")
    act: Line = Field(description="A right, as incident.edit, or what it is asked for by: `conflicts settle`.")
    subject: ItemName | None = Field(
        default=None, description="An incident, by its number or a ticket's key; everything, without it."
    )


class RightJudged(Row):
    """Whether they have one right, the rule that decided, and `by` which role or relation; of a no, the sentence that
    says what is missing."""

    right: str
    allowed: bool
    rule: str
    by: str
    sentence: str


class Judged(Answer):
    """Whether somebody may do something. `rights` are those of which one is enough, and `asks_first` those with which
    somebody else may have to approve it first."""

    person: str
    act: str
    subject: str
    allowed: bool
    rights: tuple[RightJudged, ...]
    asks_first: tuple[str, ...]
    does: tuple[str, ...] = Field(exclude=True)

    def shown(self) -> Sequence[Part]:
        first = f"Somebody else may have to approve it first, with {' and '.join(self.asks_first)}."
        return (*map(self._said, self.rights, self.does), *([first] if self.asks_first else []))

    def _said(self, one: RightJudged, does: str) -> str:
        if not one.allowed:
            return f"no, by the rule {one.rule}: {one.sentence}"
        by = f" ({one.by})" if one.by else ""
        return f"yes: {self.person} may {does}, by the rule {one.rule}{by}"


def why(look: EngineLook, ask: Why) -> Judged:
    """Whether PERSON may do ACT, to the incident SUBJECT or to everything, and by which rule. Exit code 1 for a no.

    Everybody may ask it of themselves; of others it takes the right access.read.
    """
    rules, whom = look.offers.rules, called(ask.person)
    rights, asks_first = _meant(look, ask.act, rules)
    if whom.identity == look.actor.identity:
        whom, facts = look.actor, look.facts
    else:
        look.require("access.read")
        facts = _of_another(look, whom)
    about = STORE if ask.subject is None else subject_of(look.seen_in, look.item(ask.subject).id)
    known = grants.toward(look.seen_in, facts, about)
    found = tuple(_judged(whom, right, about, known) for right in rights)
    return Judged(
        person=whom.identity,
        act=ask.act,
        subject=about.name,
        allowed=not found or any(one.allowed for one in found),
        rights=found,
        asks_first=asks_first,
        does=tuple(rules.rights[right] for right in rights),
    )


def _judged(whom: Someone, right: str, about: Subject, facts: Facts) -> RightJudged:
    verdict = may(whom, right, about, facts)
    rule, sentence = verdict.rule.value, verdict.sentence
    return RightJudged(right=right, allowed=verdict.allowed, rule=rule, by=verdict.by, sentence=sentence)


def _of_another(look: EngineLook, whom: Someone) -> Facts:
    """Of whom else nobody knows who they would run it as: the file is theirs where the account is its owner."""
    theirs = whom.identity == look.outside.owner
    facts = grants.facts_of(look.seen_in, whom, look.now, owns_store=theirs)
    return replace(facts, rules=look.offers.rules)


def _meant(look: EngineLook, words: str, rules: Rules) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rights that are meant, of which one is enough, and those that may be asked first."""
    if words in rules.rights:
        return (words,), ()
    declared = everything(look.offers)
    if words not in declared:
        raise no_such("right or act", words, [*rules.rights, *declared])
    one = declared[words]
    return one.rights, one.asks_first if isinstance(one, Act) else ()


def everything(offers: Offers) -> dict[str, Declared]:
    """All that is asked for by name."""
    # Both are loaded only here: one has the engine with it, and the other has these views.
    from tieline.sync.office.own import OWN
    from tieline.sync.office.own_views import OWN_VIEWS

    found: list[Declared] = [*OWN.by_name.values(), *OWN_VIEWS.by_name.values()]
    return {one.name: one for one in (*found, *offers.acts.values(), *offers.views.values())}


class Which(Long):
    """Which rights are meant."""

    right: Filter = Field(default="", description="Only those in whose name these words stand.")
    role: Role | None = Field(default=None, description="Only those that come with this role.")


class RightShown(Row):
    """A right: what it lets somebody do, the roles and the relations to an item that it comes with, and the acts and
    views that take it. `asked_first` are the acts that may ask somebody else who has it first."""

    right: str
    does: str
    roles: tuple[str, ...]
    relations: tuple[str, ...]
    acts: tuple[str, ...]
    views: tuple[str, ...]
    asked_first: tuple[str, ...]

    def comes_with(self) -> list[str]:
        """The roles, and how somebody may stand to the item that it is about."""
        return [*self.roles, *(f"being its {one}" for one in self.relations)]


class Rights(Listing[RightShown]):
    """Rights, those of Tieline first and then those of plugins."""

    def shown(self) -> Sequence[Part]:
        columns = ["right", "lets somebody", "comes with", "acts", "views"]
        rows = [(one.right, one.does, one.comes_with(), one.acts, one.views) for one in self.items]
        return (Table("Rights", columns, rows, empty="no right is called so"), *self.more())


_BY_PLACE: Final = Keyset("rights", int)


def rights(look: EngineLook, ask: Which) -> Rights:
    """Every right, plugins' among them: what it lets somebody do, what it comes with, and what takes it."""
    rules = look.offers.rules
    [after] = _BY_PLACE.after(ask.after) if ask.after is not None else [-1]
    named = [
        (place, right)
        for place, right in enumerate(rules.rights)
        if place > after and ask.right in right and (ask.role is None or right in rules.carries[ask.role])
    ]
    page, following = _BY_PLACE.page(named[: ask.limit + 1], ask, lambda one: (one[0],))
    declared = everything(look.offers).values()
    return Rights(items=tuple(shown(right, rules, declared) for _place, right in page), next=following)


def shown(right: str, rules: Rules, declared: Iterable[Declared]) -> RightShown:
    """All that there is to say of one right."""
    acts = [one for one in declared if isinstance(one, Act)]
    return RightShown(
        right=right,
        does=rules.rights[right],
        roles=tuple(str(role) for role in rules.roles_with(right)),
        relations=tuple(str(one) for one in Relation if right in rules.stands[one]),
        acts=tuple(one.name for one in acts if right in one.rights),
        views=tuple(one.name for one in declared if not isinstance(one, Act) and right in one.rights),
        asked_first=tuple(one.name for one in acts if right in one.asks_first),
    )
