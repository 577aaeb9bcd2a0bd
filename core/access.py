"""Who may do what. Everything asks one function, when the act is carried out:

    may(actor, right, subject, facts) -> Verdict

It is pure, and what no rule allows is refused. A right comes with a role, granted everywhere or within a scope, for
ever or until a time; or from how the actor stands to the subject. Of a restricted subject it has to be readable as
well, and a duty refuses whoever has the right. What somebody is called, and what a tool says of them, gives nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from tieline.core.identity import Someone

READ: Final = "incident.read"
READ_RESTRICTED: Final = "incident.read_restricted"
GRANT: Final = "access.grant"
OWN_TOKENS: Final = "access.token"
PEOPLE: Final = "incident.people"
READ_POLICY: Final = "policy.read"
SET_POLICY: Final = "policy.approve"
ALL_TOKENS: Final = "access.tokens"
END_TOKENS: Final = "access.token_end"
DECIDE: Final = "proposals.decide"
BREAK_GLASS: Final = "break_glass"
REVIEW: Final = "reviews.close"
OWN_ACCOUNT: Final = "access.account"
ALL_ACCOUNTS: Final = "access.accounts"

RIGHTS: Final[Mapping[str, str]] = {
    READ: "read incidents",
    READ_RESTRICTED: "read restricted incidents, and know that they exist",
    "incident.restrict": "restrict an incident or end that",
    PEOPLE: "say who commands an incident, who works on it and who is told of it",
    "incident.edit": "change the fields of an incident",
    "incident.comment": "comment on an incident",
    "comment.publish": "write what partners, customers or the public read",
    "conflicts.settle": "settle conflicts",
    "parked.release": "let what is parked try again",
    "doubts.confirm": "confirm that alerts have ended",
    "holds.read": "see what is kept for a court or an authority",
    "holds.place": "have what a court or an authority may ask for be kept",
    "holds.lift": "lift a legal hold, and agree to that",
    "item.forget": "have all that is kept of an item, or of a person, be forgotten",
    "jobs.manage": "cancel and resume jobs",
    "plugins.rebuild": "have the tables of a plugin made anew",
    "store.move": "copy the store into another database, or reopen it",
    "store.keys": "make new keys for the journal where they are lost",
    DECIDE: "decide about what others propose, with the right to that as well, and withdraw what one proposed oneself",
    BREAK_GLASS: "act at once where somebody else is to be asked first, and have it reviewed afterwards",
    REVIEW: "close the review of what somebody else did at once",
    READ_POLICY: "see what the policies say, and said",
    "policy.propose": "propose what a policy is to say",
    SET_POLICY: "approve what a policy is to say",
    "access.read": "see who holds which role",
    GRANT: "grant and revoke roles",
    OWN_TOKENS: "issue tokens by which a program acts for oneself",
    END_TOKENS: "revoke tokens that act for oneself; by a token: that one",
    ALL_TOKENS: "issue and revoke tokens of others",
    OWN_ACCOUNT: "choose the password of one's own local account anew",
    ALL_ACCOUNTS: "add and remove local accounts, and have their passwords chosen anew",
}
"""Every right, and what it lets somebody do."""


NEVER_BY_TOKEN: Final = frozenset({OWN_TOKENS, ALL_TOKENS, OWN_ACCOUNT, ALL_ACCOUNTS})
"""What no token reaches: one that is stolen makes no other, which would outlive it."""

ALWAYS_BY_TOKEN: Final = frozenset({END_TOKENS})
"""What every token reaches, whatever it is bound to: whoever holds one can have it taken no more."""


class Role(StrEnum):
    """What somebody is to the team. Closed."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    COMMANDER = "commander"
    COMMUNICATIONS = "communications"
    BUSINESS = "business"
    LEGAL = "legal"
    SECURITY = "security"
    MANAGER = "manager"
    ADMIN = "admin"
    AUDITOR = "auditor"
    SERVICE = "service"


class Relation(StrEnum):
    """How somebody stands to a subject, as facts and not by a grant. Closed."""

    COMMANDER = "commander"
    MEMBER = "member"
    RECEIVER = "receiver"
    AUTHOR = "author"


class Duty(StrEnum):
    """What an act asks of whoever has the right to it. Closed."""

    NOT_THE_AUTHOR = "not_the_author"


class Rule(StrEnum):
    """What decided. Closed: the same word stands in the journal and in `tieline access why`."""

    OWNER = "owner"  # the store's file is theirs, which makes them admin
    ROLE = "role"  # a role that was granted to them carries the right
    RELATION = "relation"  # how they stand to the subject carries it
    OPENED = "opened"  # they opened the store by themselves, and what is not restricted stands there to be read
    PROVED = "proved"  # it takes no right
    FIRST_ADMIN = "first_admin"  # nobody is admin yet, and whoever can open the store may become it
    NO_RIGHT = "no_right"  # nothing gives it to them
    EXPIRED = "expired"  # what gave it to them is over
    OUT_OF_SCOPE = "out_of_scope"  # they have it elsewhere
    NOT_PROVED = "not_proved"  # somebody else says who they are
    BOUND = "bound"  # they have it, and the token by which they ask is bound to less
    HIDDEN = "hidden"  # the subject is restricted, and does not exist for them
    DUTY = "duty"  # they have it, and this act is not for them
    POLICY = "policy"  # they have it, and what the plugin goes by does not allow this now
    UNKNOWN_RIGHT = "unknown_right"  # there is no such right


_WORK: Final = frozenset({"incident.read", "incident.edit", "incident.comment", "conflicts.settle"})
_EACH: Final = frozenset({"incident.read", READ_POLICY, OWN_TOKENS, END_TOKENS, OWN_ACCOUNT})
_SPEAK: Final = _EACH | {"incident.comment", DECIDE}
_RESPOND: Final = _WORK | _SPEAK | {"parked.release", "doubts.confirm", PEOPLE}
_HOLD: Final = frozenset({"holds.read", "holds.place", "holds.lift"})
_RESTRICT: Final = frozenset({READ_RESTRICTED, "incident.restrict"})

CARRIES: Final[Mapping[Role, frozenset[str]]] = {
    Role.VIEWER: _EACH,
    Role.RESPONDER: _RESPOND,
    Role.COMMANDER: _RESPOND | {"comment.publish", "jobs.manage", "policy.propose", BREAK_GLASS},
    Role.COMMUNICATIONS: _SPEAK | {"comment.publish"},
    Role.BUSINESS: _SPEAK,
    Role.LEGAL: _SPEAK | {REVIEW} | _HOLD | _RESTRICT,
    Role.SECURITY: _RESPOND | {BREAK_GLASS, REVIEW, "holds.read"} | _RESTRICT,
    Role.MANAGER: _SPEAK | {PEOPLE, "access.read", "policy.propose", SET_POLICY, REVIEW, "holds.read", "holds.lift"},
    # Need to know: an admin reads what is restricted only with a role of its own, whose grant the journal tells of.
    Role.ADMIN: frozenset(RIGHTS) - _RESTRICT,
    Role.AUDITOR: _EACH | {"access.read", "holds.read"},
    Role.SERVICE: frozenset({"incident.read", "incident.edit", "incident.comment", END_TOKENS}),
}
"""The rights that come with each role, and nothing else gives a right but a relation."""

STANDING: Final[Mapping[Relation, frozenset[str]]] = {
    Relation.COMMANDER: (CARRIES[Role.COMMANDER] - {OWN_TOKENS, END_TOKENS, OWN_ACCOUNT}) | {READ_RESTRICTED},
    Relation.MEMBER: _WORK | {READ_RESTRICTED},
    Relation.RECEIVER: frozenset({"incident.read", READ_RESTRICTED}),
    Relation.AUTHOR: frozenset(),
}
"""The rights that come with each relation, to the one subject that it is to and its parts."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Every right that there is, what it lets somebody do, and the rights that come with each role: those of Tieline,
    and those that plugins offer."""

    rights: Mapping[str, str]
    carries: Mapping[Role, frozenset[str]]
    stands: Mapping[Relation, frozenset[str]] = field(default_factory=lambda: STANDING)
    """The rights that come with each relation: to one subject, and of a commander what comes with that role."""

    def beside(self, name: str, does: str, roles: Iterable[Role]) -> Rules:
        """The same, and one right more, which comes with these roles and with admin. Raises ValueError for a right
        that is there."""
        if name in self.rights:
            raise ValueError(f"there is a right {name!r} already: {self.rights[name]}")
        holders = {Role.ADMIN, *roles}
        carries = {role: held | {name} if role in holders else held for role, held in self.carries.items()}
        commands = self.stands[Relation.COMMANDER] | ({name} if Role.COMMANDER in holders else set())
        return Rules({**self.rights, name: does}, carries, {**self.stands, Relation.COMMANDER: commands})

    def roles_with(self, right: str) -> list[Role]:
        """The roles that carry a right, the smallest first, and at the end what is for machines."""
        carrying = [role for role in Role if right in self.carries[role]]
        return sorted(carrying, key=lambda role: (role is Role.SERVICE, len(self.carries[role])))


OWN_RULES: Final = Rules(RIGHTS, CARRIES)
"""What there is without plugins."""


class ScopeKind(StrEnum):
    """What a grant may be bound to. Closed."""

    TEAM = "team"
    CONNECTION = "connection"
    SERVICE = "service"


LONGEST_SCOPE: Final = 200
"""Characters of a scope as it is written."""


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """A part of what there is: a team's, a connection's or a service's."""

    kind: ScopeKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse_scope(words: str) -> Scope | None:
    """The scope that is written so; None, which is everything, for "". Raises ValueError for what is none."""
    if not words:
        return None
    kind, _colon, name = words.partition(":")
    if kind not in list(ScopeKind) or not name.strip() or not name.isprintable() or len(words) > LONGEST_SCOPE:
        known = ", ".join(f"{one}:NAME" for one in ScopeKind)
        raise ValueError(
            f"{words[:40]!r} is no scope: write one of {known}, in one line of at most {LONGEST_SCOPE} characters"
        )
    return Scope(ScopeKind(kind), name)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that somebody holds: everywhere (None) or within a scope, for ever (None) or until a time."""

    role: Role
    scope: Scope | None = None
    until: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """False from the moment on at which it is over."""
        return self.until is None or now < self.until

    def reaches(self, subject: Subject) -> bool:
        """Whether the subject lies within its scope."""
        return self.scope is None or subject.is_any or self.scope in subject.scopes

    def __str__(self) -> str:
        return f"{self.role} of {self.scope}" if self.scope is not None else str(self.role)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an act is about. `name` is for people, "" for the store as a whole; `scopes` are those that it lies in, and
    `item` is its number, where it is one item. `is_any` is true for whatever lies where somebody has the right, as a
    list shows it."""

    name: str = ""
    restricted: bool = False
    scopes: frozenset[Scope] = frozenset()
    is_any: bool = False
    item: int | None = None


STORE: Final = Subject()

WHAT_THEY_SEE: Final = Subject(is_any=True)
"""What a list is about: it shows to each what they may read, and is refused to whoever may read nothing."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a token reaches of what its owner may do."""

    token: str
    rights: frozenset[str]
    scope: Scope | None = None

    def reaches(self, right: str, subject: Subject) -> bool:
        """Whether this may be done to that by it, if by its owner."""
        if right in ALWAYS_BY_TOKEN:
            return True
        within = self.scope is None or subject.is_any or self.scope in subject.scopes
        return right in self.rights - NEVER_BY_TOKEN and within

    def __str__(self) -> str:
        own = [right for right in RIGHTS if right in self.rights - NEVER_BY_TOKEN - ALWAYS_BY_TOKEN]
        rights = ", ".join([*own, *sorted(self.rights - RIGHTS.keys())]) or "nothing"
        return rights if self.scope is None else f"{rights} of {self.scope}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the actor, now. `grants` and `relations` are the actor's own, `duties` those of the act.
    `relations` are those to the subject that is asked about, and `stands` those to any item, by the id that the actor
    is known by.

    `opened_store` is true where it is not we who show it to them. `admins` are those who could grant what is missing,
    for the sentence. `any_admin` is False where nobody can. `bound` is that of the token by which they ask; None where
    they ask themselves. `rules` are the rights that there are.
    """

    now: datetime
    grants: tuple[Grant, ...] = ()
    relations: frozenset[Relation] = frozenset()
    duties: frozenset[Duty] = frozenset()
    owns_store: bool = False
    opened_store: bool = False
    any_admin: bool = True
    admins: tuple[str, ...] = ()
    bound: Bound | None = None
    rules: Rules = OWN_RULES
    person: str = ""
    stands: frozenset[Relation] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes or no, the rule that decided, and `by` which role, grant or relation. A no has a sentence: who could, and
    what to ask for."""

    allowed: bool
    rule: Rule
    by: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is to one item now, for a policy that asks for more than a right: whether they have the right that
    was asked for, the roles that reach it, the teams of which they hold a role, and how they stand to it. `owns_store`
    is whether they asked as the owner of the store's file, `is_here` whether it is they who ask, and `signed_in_at` is
    when they signed in themselves: None for a program that asks by a token, and of whoever is not here."""

    may: bool
    roles: frozenset[Role] = frozenset()
    teams: frozenset[str] = frozenset()
    relations: frozenset[Relation] = frozenset()
    owns_store: bool = False
    signed_in_at: datetime | None = None
    is_here: bool = False


def standing(verdict: Verdict, subject: Subject, facts: Facts) -> Standing:
    """The same, of what is known of them. `verdict` says whether they have the right."""
    held = [one for one in facts.grants if one.stands(facts.now)]
    roles = {one.role for one in held if one.reaches(subject)} | ({Role.ADMIN} if facts.owns_store else set())
    teams = {one.scope.name for one in held if one.scope is not None and one.scope.kind is ScopeKind.TEAM}
    return Standing(verdict.allowed, frozenset(roles), frozenset(teams), facts.relations, facts.owns_store)


def proved(actor: Someone) -> Verdict:
    """Whether somebody may do what takes no right."""
    if actor.is_proved:
        return Verdict(True, Rule.PROVED)
    sentence = f"nobody may act as {actor.identity!r}: that is what somebody says, and no sign-in proves it."
    return Verdict(False, Rule.NOT_PROVED, sentence=sentence)


def may(actor: Someone, right: str, subject: Subject, facts: Facts) -> Verdict:
    """Whether somebody may do this to that."""
    known = facts.rules.rights
    if right not in known:
        return Verdict(False, Rule.UNKNOWN_RIGHT, sentence=f"there is no right {right!r}: {', '.join(known)}.")
    if not proved(actor).allowed:
        return proved(actor)
    if subject.restricted and not (_has(READ_RESTRICTED, subject, facts) and _reaches(READ_RESTRICTED, subject, facts)):
        return Verdict(False, Rule.HIDDEN, sentence=f"there is no {subject.name}.")
    found = next(_sources(right, subject, facts), None)
    if found is None:
        rule, why = _missing(right, subject, facts)
        return Verdict(False, rule, sentence=_refusal(actor, right, subject, facts, why))
    if not _reaches(right, subject, facts):
        return Verdict(False, Rule.BOUND, found[1], _token_refusal(actor, right, subject, facts))
    if Duty.NOT_THE_AUTHOR in facts.duties and Relation.AUTHOR in facts.relations:
        sentence = f"{actor.name} may not {_does(right, subject, facts)}: its author may not. Ask somebody else to."
        return Verdict(False, Rule.DUTY, found[1], sentence)
    return Verdict(True, *found)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where somebody has a right: everywhere or within any of these scopes, and to what `person` stands to in one of
    these `relations`; and of that only `within` this one where a token is bound to it."""

    everywhere: bool = False
    scopes: frozenset[Scope] = frozenset()
    within: Scope | None = None
    person: str = ""
    relations: frozenset[Relation] = frozenset()

    @property
    def is_nowhere(self) -> bool:
        return not self.everywhere and not self.scopes and not self.relations

    @property
    def is_all(self) -> bool:
        return self.everywhere and self.within is None

    def holds(self, scopes: frozenset[Scope]) -> bool:
        """Whether something lies there that lies in these scopes."""
        return (self.everywhere or not self.scopes.isdisjoint(scopes)) and (
            self.within is None or self.within in scopes
        )


NOWHERE: Final = Reach()
EVERYWHERE: Final = Reach(everywhere=True)


def reach(actor: Someone, right: str, facts: Facts) -> Reach:
    """Where somebody has a right, whatever they are asked about: there, and nowhere else, `may` finds it."""
    if not actor.is_proved or (right != READ and facts.bound is not None and right not in facts.bound.rights):
        # A token that does not reach what is read reaches no list, and may be bound to editing what its owner reads.
        return NOWHERE
    carried = [one.scope for one in facts.grants if right in facts.rules.carries[one.role] and one.stands(facts.now)]
    owns = facts.owns_store and right in facts.rules.carries[Role.ADMIN]
    everywhere = owns or None in carried or (facts.opened_store and right == READ)
    scopes = frozenset() if everywhere else frozenset(one for one in carried if one is not None)
    relations = (
        frozenset() if everywhere else frozenset(one for one in facts.stands if right in facts.rules.stands[one])
    )
    bound = facts.bound.scope if facts.bound is not None and (everywhere or scopes or relations) else None
    return Reach(everywhere, scopes, bound, facts.person if relations else "", relations)


def _has(right: str, subject: Subject, facts: Facts) -> bool:
    return next(_sources(right, subject, facts), None) is not None


def _reaches(right: str, subject: Subject, facts: Facts) -> bool:
    return facts.bound is None or facts.bound.reaches(right, subject)


def _sources(right: str, subject: Subject, facts: Facts) -> Iterator[tuple[Rule, str]]:
    """What gives the right, the widest first."""
    carries = facts.rules.carries
    if facts.owns_store and right in carries[Role.ADMIN]:
        yield Rule.OWNER, Role.ADMIN.value
    for grant in facts.grants:
        if right in carries[grant.role] and grant.stands(facts.now) and grant.reaches(subject):
            yield Rule.ROLE, str(grant)
    for relation in sorted(facts.relations):
        if right in facts.rules.stands[relation]:
            yield Rule.RELATION, relation.value
    if facts.opened_store and right == READ:
        yield Rule.OPENED, ""
    if right == GRANT and not facts.any_admin:
        yield Rule.FIRST_ADMIN, ""


def _missing(right: str, subject: Subject, facts: Facts) -> tuple[Rule, str]:
    """Which rule refuses, where nothing gives the right: what comes nearest to giving it, and a sentence about that."""
    carrying = [grant for grant in facts.grants if right in facts.rules.carries[grant.role]]
    over = next((one for one in carrying if one.reaches(subject) and not one.stands(facts.now)), None)
    if over is not None and over.until is not None:
        return Rule.EXPIRED, f"The role {over} ended at {over.until:%Y-%m-%d %H:%M:%S} UTC."
    elsewhere = next((one for one in carrying if one.stands(facts.now)), None)
    if elsewhere is not None:
        return Rule.OUT_OF_SCOPE, f"The role {elsewhere} does not reach it."
    return Rule.NO_RIGHT, ""


def _refusal(actor: Someone, right: str, subject: Subject, facts: Facts, why: str) -> str:
    roles = facts.rules.roles_with(right)
    takes = f"{actor.name} may not {_does(right, subject, facts)}: that takes {right}, which comes with {_or(roles)}."
    if not facts.any_admin:
        ask = f"Nobody is admin here yet: whoever opens the store first becomes it with {_command(actor, Role.ADMIN)}"
    elif _has(GRANT, STORE, facts):
        ask = f"{actor.name} may grant it, to themselves as well: {_command(actor, roles[0])}"
    else:
        ask = f"Ask {_or(list(facts.admins)) if facts.admins else 'an admin'} for {_command(actor, roles[0])}"
    return " ".join(filter(None, [takes, why, ask]))


def _token_refusal(actor: Someone, right: str, subject: Subject, facts: Facts) -> str:
    if facts.bound is None:
        raise TypeError("whoever asks without a token is not refused for one")
    does = f"{actor.name} may {_does(right, subject, facts)}"
    if right in NEVER_BY_TOKEN:
        group = "account" if right in (OWN_ACCOUNT, ALL_ACCOUNTS) else "token"
        return f"{does}, and no token does: use the command `tieline {group}` as yourself."
    bound = f"{does}, and the token {facts.bound.token} does not reach that: it is bound to {facts.bound}."
    return f"{bound} Have another one issued, with `--right {right}`."


def _does(right: str, subject: Subject, facts: Facts) -> str:
    return facts.rules.rights[right] + (f" ({subject.name})" if subject.name else "")


def _command(actor: Someone, role: Role) -> str:
    return f"`tieline access grant {shlex.quote(actor.identity)} {role}`"


def _or(names: list[Role] | list[str]) -> str:
    words = [str(name) for name in names]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
