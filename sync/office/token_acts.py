"""Tokens as acts: issuing one, for oneself or for somebody else, and revoking it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from tieline.core import grants, tokens
from tieline.core.access import (
    ALL_TOKENS,
    END_TOKENS,
    NEVER_BY_TOKEN,
    OWN_TOKENS,
    STORE,
    Bound,
    Role,
    Subject,
    parse_scope,
)
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, Duration, Instant, Line, Once, PersonName, ScopeName
from tieline.core.declared import OneOf
from tieline.core.identity import called
from tieline.core.model import instant
from tieline.core.settings import no_such
from tieline.core.store.store import Transaction
from tieline.sync.office.desk import EngineDesk


def _right(given: object) -> object:
    if given in NEVER_BY_TOKEN:
        raise ValueError(f"no token reaches {given}: one that is stolen would make another, which outlives it")
    return given


def _id(given: object) -> object:
    """The id, also where all of a token was pasted: its secret is not kept as what was asked."""
    if not isinstance(given, str):
        return given
    whole = tokens.FORM.fullmatch(given.strip())
    found = whole[1] if whole is not None else given.strip()
    if not tokens.ID.fullmatch(found):
        raise ValueError("that is no id of a token, which is twelve of 0-9 and a-f; `tieline token list` shows them")
    return found


TokenId = Annotated[str, BeforeValidator(_id)]
Right = Annotated[str, BeforeValidator(_right)]


class Issue(Ask):
    """A token that is wanted."""

    name: Line = Field(description="What the token is called, for whoever looks through them: what uses it, and where.")
    person: PersonName | None = Field(
        default=None,
        description="For whom it acts: an account, or like token:grafana what is known by its tokens alone. Whoever "
        "asks, without this.",
    )
    right: tuple[Right, ...] = Field(default=(), description="A right that it reaches; any number of them.")
    role: Role | None = Field(
        default=None, description="A role whose rights it reaches. Without a right and a role: viewer, which reads."
    )
    scope: ScopeName = Field(default="", description="Only within team:NAME, connection:NAME or service:NAME.")
    until: Instant | None = Field(
        default=None, description="Until this time, like 2026-11-23T19:04:00Z; at most a year from now."
    )
    for_time: Duration | None = Field(
        default=None, description="For this long, like 30d; 90 days where neither this nor a time is said."
    )

    @model_validator(mode="after")
    def _ends_once(self) -> Self:
        if self.until is not None and self.for_time is not None:
            raise ValueError("`until` and `for_time` both say when it ends; write one of the two")
        return self

    @property
    def reaches(self) -> Role | None:
        """The role whose rights it reaches."""
        return self.role if self.role is not None or self.right else Role.VIEWER

    def ends(self, now: datetime) -> datetime:
        """When it is over. Raises ValueError."""
        lasts = tokens.LASTS if self.for_time is None else self.for_time
        return (self.until or now + lasts).replace(microsecond=0)


class Issued(Answer):
    """A token, which is told this once."""

    id: str
    name: str
    owner: str
    reaches: str
    until: str
    token: Once

    def sentence(self) -> str:
        said = (
            f"the token {self.id} ({self.name}) acts for {self.owner} until {self.until}, and reaches: {self.reaches}."
        )
        if not self.token:
            return f"{said}\nIt was told once and is kept nowhere: revoke it with `tieline token revoke {self.id}`."
        return f"{said}\nIt is told this once, and kept nowhere:\n{self.token}"


def issue(desk: EngineDesk, ask: Issue) -> Callable[[], Issued]:
    """Issue a token, by which a program acts for somebody through the API.

    What it does is never more than its owner may at that moment, and than it reaches itself.
    """
    owner = desk.asking if ask.person is None else called(ask.person)
    terms = tokens.Terms(ask.name, ask.reaches, ask.right, parse_scope(ask.scope), ask.ends(desk.now))
    terms.check(desk.now)
    rules = desk.engine.registry.offers.rules
    for unknown in {*ask.right} - rules.rights.keys():
        raise ValueError(str(no_such("right", unknown, rules.rights)).strip("'"))
    made: list[tuple[str, str]] = []

    def hand_out(tx: Transaction) -> None:
        if ask.person is not None:
            _check_handing_out(desk, tx, terms.bound("", rules))
        made.append(tokens.issue(tx, owner, terms, at=desk.now, actor=desk.actor))

    desk.within(hand_out, hold=grants.lock)
    return lambda: Issued(
        id=made[0][0],
        name=ask.name,
        owner=owner.identity,
        reaches=str(terms.bound("", rules)),
        until=instant(terms.until),
        token=made[0][1],
    )


def _check_handing_out(desk: EngineDesk, tx: Transaction, bound: Bound) -> None:
    """Whoever issues a token for somebody else may do all that it reaches: it acts under another's name."""
    about = STORE if bound.scope is None else Subject(str(bound.scope), scopes=frozenset({bound.scope}))
    lacks = [one for one in sorted(bound.rights - NEVER_BY_TOKEN) if not desk.may(tx, one, about).allowed]
    if lacks:
        raise NotDone(
            f"token issue: you have not {', '.join(lacks)} yourself, and cannot have it reached by a token of somebody "
            "else. Have them issue it themselves, or name fewer rights"
        )


class Revoke(Ask):
    """A token that is not to be taken any more."""

    token: TokenId = Field(description="Its id, as the list of tokens says, and the token itself: tl_ID_SECRET.")


class Revoked(Answer):
    """A token that is not taken any more."""

    id: str
    name: str
    already: bool

    def sentence(self) -> str:
        return f"the token {self.id} ({self.name}) {'was revoked before' if self.already else 'is not taken any more'}"


def revoke(desk: EngineDesk, ask: Revoke) -> Callable[[], Revoked]:
    """Revoke a token at once. By a token, that one is revoked and no other."""
    found = tokens.find(desk.seen_in, ask.token)
    own = grants.person_of(desk.seen_in, desk.asking)
    if found.person != own and not desk.may(desk.seen_in, ALL_TOKENS, STORE).allowed:
        raise LookupError(f"there is no token {ask.token[:40]!r}; `tieline token list` shows those that there are")
    if desk.asking.token not in ("", found.id):
        raise NotDone(
            f"token revoke: by a token nobody revokes another, since one that is stolen would take the rest away. "
            f"Revoke {found.id} as yourself, with the same command on the machine of the server"
        )
    news: list[bool] = []
    if found.revoked_at is not None:
        return lambda: Revoked(id=found.id, name=found.name, already=True)
    desk.within(lambda tx: news.append(tokens.revoke(tx, found, at=desk.now, actor=desk.actor)), hold=grants.lock)
    return lambda: Revoked(id=found.id, name=found.name, already=not news[0])


TO_ISSUE: Final = OneOf((OWN_TOKENS, ALL_TOKENS), lambda ask: OWN_TOKENS if ask.person is None else ALL_TOKENS)

ACTS: Final = (
    Act("token issue", issue, TO_ISSUE, ("name",), travels=False),
    Act("token revoke", revoke, END_TOKENS, ("token",), travels=False),
)
