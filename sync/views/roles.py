"""Who holds which role."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic import Field

from tieline.core import grants
from tieline.core.arguments import Answer, Ask
from tieline.core.shown import Part, Table
from tieline.core.views import Moment, Row
from tieline.sync.office.look import EngineLook


class Roles(Ask):
    """It is told nothing."""


class RoleHeld(Row):
    """A role that somebody holds: everywhere ("") or within a scope, for ever (null) or until a time. `stands` is false
    where that is over."""

    person: str
    name: str
    identities: tuple[str, ...]
    role: str
    scope: str
    until: Moment | None
    stands: bool

    def row(self) -> tuple[object, ...]:
        return self.name, self.identities, self.role, self.scope or "everything", self._until()

    def _until(self) -> str:
        over = "" if self.stands else " (over)"
        return "for ever" if self.until is None else f"{self.until:%Y-%m-%d %H:%M:%S}{over}"


class RolesShown(Answer):
    """Who holds which role. `owner` is who is admin because the store's file is theirs, where that is known."""

    owner: str
    grants: tuple[RoleHeld, ...]
    any_admin: bool = Field(exclude=True)
    asker: str = Field(exclude=True)

    def shown(self) -> Sequence[Part]:
        columns = ["who", "known as", "role", "within", "until (UTC)"]
        return Table("Roles", columns, [one.row() for one in self.grants], "nobody holds a role"), *self._admin()

    def _admin(self) -> Iterator[str]:
        if self.owner:
            yield f"{self.owner} owns the store's file, and is admin without a grant."
        elif not self.any_admin:
            yield f"Nobody is admin yet: `tieline access grant {self.asker} admin` makes you the first."


def roles(look: EngineLook, _ask: Roles) -> RolesShown:
    """Who holds which role."""
    return RolesShown(
        owner=look.outside.owner,
        grants=tuple(_held(one, look.now) for one in grants.held(look.seen_in)),
        any_admin=look.facts.any_admin,
        asker=look.actor.identity,
    )


def _held(one: grants.Held, now: datetime) -> RoleHeld:
    grant = one.grant
    return RoleHeld(
        person=one.person,
        name=one.name,
        identities=one.identities,
        role=grant.role.value,
        scope="" if grant.scope is None else str(grant.scope),
        until=grant.until,
        stands=grant.stands(now),
    )
