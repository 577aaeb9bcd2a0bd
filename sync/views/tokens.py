"""The tokens that somebody may look through: their own, or everybody's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from tieline.core import grants, tokens
from tieline.core.access import ALL_TOKENS, STORE, may
from tieline.core.shown import Part, Table
from tieline.core.store.types import to_micros
from tieline.core.tokens import Token
from tieline.core.views import Keyset, Listing, Long, Moment, Row
from tieline.sync.office.look import EngineLook


class TokenShown(Row):
    """A token, without its secret: for whom it acts, what it reaches and until when. `state` is stands, revoked or
    over."""

    id: str
    name: str
    person: str
    owner: str
    reaches: str
    made_at: Moment
    until: Moment
    used_at: Moment | None
    state: str


class Tokens(Listing[TokenShown]):
    """Tokens, those that stand first."""

    def shown(self) -> Sequence[Part]:
        columns = ["id", "name", "acts for", "reaches", "until (UTC)", "last used (UTC)", "state"]
        rows = [
            (one.id, one.name, one.owner, one.reaches, one.until, one.used_at or "never", one.state)
            for one in self.items
        ]
        empty = "there are no tokens: `tieline token issue NAME` makes one"
        return (Table("Tokens", columns, rows, empty), *self.more())


_IN_ORDER: Final = Keyset("tokens", int, int, str)


def _key(one: Token) -> tuple[int, int, str]:
    return int(one.revoked_at is not None), to_micros(one.terms.until), one.id


def listed(look: EngineLook, ask: Long) -> Tokens:
    """Your tokens; everybody's where you may see who holds what. By a token: that one."""
    after = _IN_ORDER.after(ask.after) if ask.after is not None else (-1, 0, "")
    is_theirs = _theirs(look)
    found = [one for one in tokens.held(look.seen_in) if _key(one) > after and is_theirs(one)]
    page, following = _IN_ORDER.page(found[: ask.limit + 1], ask, _key)
    return Tokens(items=tuple(_shown(look, one, look.now) for one in page), next=following)


def _theirs(look: EngineLook) -> Callable[[Token], bool]:
    if any(may(look.actor, right, STORE, look.facts).allowed for right in (ALL_TOKENS, "access.read")):
        return lambda _one: True
    if by := look.actor.token:
        return lambda one: one.id == by
    person = grants.person_of(look.seen_in, look.actor)
    return lambda one: one.person == person


def _shown(look: EngineLook, one: Token, now: datetime) -> TokenShown:
    return TokenShown(
        id=one.id,
        name=one.name,
        person=one.person,
        owner=one.owner,
        reaches=str(one.bound(look.offers.rules)),
        made_at=one.made_at,
        until=one.terms.until,
        used_at=one.used_at,
        state=one.state(now),
    )
