"""Roles as acts: granting one, and revoking it."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from tieline.core import grants
from tieline.core.access import ALWAYS_BY_TOKEN, GRANT, NEVER_BY_TOKEN, STORE, Grant, Role, Subject, parse_scope
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, HolderName, Instant, PersonName, ScopeName
from tieline.core.identity import Someone, called, is_id
from tieline.core.store.store import Connection, Transaction
from tieline.core.views import Moment
from tieline.sync.office import proposing
from tieline.sync.office.desk import EngineDesk
from tieline.sync.sight import Sight

_ROLE: Final = "What they are to the team."
_SCOPE: Final = "Only within team:NAME, connection:NAME or service:NAME."


class GrantRole(Ask):
    """A role that somebody is to hold."""

    person: PersonName = Field(description="Who: an account of this machine, or one like os:ann@db1.")
    role: Role = Field(description=_ROLE)
    scope: ScopeName = Field(default="", description=_SCOPE)
    until: Instant | None = Field(
        default=None, description="Until this time, like 2026-11-23T19:04:00Z. Without it, for ever."
    )

    @property
    def given(self) -> Grant:
        return Grant(self.role, parse_scope(self.scope), self.until)


class RevokeRole(Ask):
    """A role that somebody is to hold no longer."""

    person: HolderName = Field(
        description="Who: an account of this machine, one like os:ann@db1, or an id, as the list shows it with --json."
    )
    role: Role = Field(description=_ROLE)
    scope: ScopeName = Field(default="", description=_SCOPE)

    @property
    def given(self) -> Grant:
        return Grant(self.role, parse_scope(self.scope))


class Holds(Answer):
    """Whether somebody holds a role from now on: everywhere ("") or within a scope, for ever (null) or until a time."""

    person: str
    role: str
    scope: str
    holds: bool
    until: Moment | None

    def sentence(self) -> str:
        role = f"{self.role} of {self.scope}" if self.scope else self.role
        if not self.holds:
            return f"{self.person} no longer holds the role {role}"
        until = f", until {self.until:%Y-%m-%d %H:%M:%S} UTC" if self.until is not None else ""
        return f"{self.person} holds the role {role}{until}"


def grant(desk: EngineDesk, ask: GrantRole) -> Holds:
    """Have somebody hold a role, everywhere or within a scope, for ever or until a time."""
    given, whom = ask.given, called(ask.person)
    _check_reached(desk, given)

    def give(tx: Transaction) -> None:
        verdict = desk.may(tx, GRANT, _within(given))
        grants.grant(tx, whom, given, at=desk.now, actor=desk.asking, verdict=verdict)

    desk.within(give, hold=grants.lock)
    return _holds(ask.person, given, holds=True)


def revoke(desk: EngineDesk, ask: RevokeRole) -> Holds:
    """Have somebody no longer hold a role."""
    whom: Someone | str = ask.person if is_id(ask.person) else called(ask.person)
    given = ask.given
    grants.check_held(desk.seen_in, whom, given)
    desk.within(lambda tx: grants.revoke(tx, whom, given, at=desk.now, actor=desk.asking), hold=grants.lock)
    return _holds(ask.person, given, holds=False)


def _holds(person: str, given: Grant, *, holds: bool) -> Holds:
    scope = "" if given.scope is None else str(given.scope)
    return Holds(person=person, role=given.role.value, scope=scope, holds=holds, until=given.until)


def _check_reached(desk: EngineDesk, given: Grant) -> None:
    """By a token nobody grants what it does not reach: the role would outlive the token, and may be a thief's."""
    asker = proposing.around_of(desk).asker()
    bound = asker.facts(desk.seen_in).bound
    if bound is None:
        return
    beyond = sorted(asker.rules.carries[given.role] - NEVER_BY_TOKEN - ALWAYS_BY_TOKEN - bound.rights)
    if beyond:
        raise NotDone(
            f"access grant: the role {given.role} carries {', '.join(beyond)}, which the token {bound.token} does not "
            "reach; grant it as yourself, with a command on the machine of the server"
        )


def _within(given: Grant) -> Subject:
    """Whoever may grant within a scope only may grant that scope, and not everything."""
    return STORE if given.scope is None else Subject(str(given.scope), scopes=frozenset({given.scope}))


def _about(_seen_in: Connection | Transaction, ask: GrantRole | RevokeRole, _sight: Sight) -> tuple[Subject, None]:
    return _within(ask.given), None


_EXAMPLE: Final = {"person": "token:example", "role": "viewer"}

ACTS: Final = (
    Act("access grant", grant, GRANT, ("person", "role"), about=_about, example=_EXAMPLE, travels=False),
    Act("access revoke", revoke, GRANT, ("person", "role"), about=_about, travels=False),
)
