"""The journal of a world, and an account of its own of who may do what, as the journal tells it up to an entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tieline.cli.simulation.floor.deeds import AGREE, COMMAND, COUNSEL, RESPOND
from tieline.core.access import CARRIES, Role

Broken = tuple[str, str]
"""A promise that was broken: its kind, and a sentence."""

WRITE: Final = "publishing.write"
PUBLISH: Final = "publishing.publish"
CLEAR: Final = "publishing.approve"

NEEDS: Final[Mapping[str, str]] = {
    "edit": "incident.edit",
    "conflicts settle": "conflicts.settle",
    "parked retry": "parked.release",
    "doubts confirm": "doubts.confirm",
    "token issue": "access.token",
    "token revoke": "access.token_end",
    "rounds promise": RESPOND,
    "rounds forget": RESPOND,
    "rounds hand-over": COMMAND,
    "rounds take": COMMAND,
    "rounds announce": RESPOND,
    "rounds patrol": RESPOND,
    "rounds visit": RESPOND,
    "jobs cancel": "jobs.manage",
    "jobs resume": "jobs.manage",
    "policy propose": "policy.propose",
    "policy rollback": "policy.propose",
    "proposals approve": "proposals.decide",
    "proposals reject": "proposals.decide",
    "proposals withdraw": "proposals.decide",
    "reviews close": "reviews.close",
    "escalation snooze": "escalation.snooze",
    "restrict": "incident.restrict",
    "unrestrict": "incident.restrict",
    "publishing draft": WRITE,
    "publishing write": WRITE,
    "publishing publish": PUBLISH,
    "publishing correct": PUBLISH,
    "publishing retract": PUBLISH,
    "publishing stop": "publishing.stop",
    "publishing resume": "publishing.resume",
}
COMES_WITH: Final[Mapping[str, frozenset[Role]]] = {
    RESPOND: frozenset({Role.RESPONDER, Role.COMMANDER, Role.ADMIN}),
    COMMAND: frozenset({Role.COMMANDER, Role.ADMIN}),
    AGREE: frozenset({Role.COMMANDER, Role.ADMIN}),
    COUNSEL: frozenset({Role.RESPONDER, Role.MANAGER, Role.ADMIN}),
    WRITE: frozenset({Role.RESPONDER, Role.COMMANDER, Role.COMMUNICATIONS, Role.SECURITY, Role.ADMIN}),
    PUBLISH: frozenset({Role.COMMUNICATIONS, Role.ADMIN}),
    CLEAR: frozenset({Role.COMMANDER, Role.MANAGER, Role.ADMIN}),
    "publishing.resume": frozenset({Role.COMMANDER, Role.MANAGER, Role.ADMIN}),
    "publishing.stop": frozenset(
        {Role.COMMUNICATIONS, Role.COMMANDER, Role.LEGAL, Role.SECURITY, Role.MANAGER, Role.ADMIN}
    ),
    "escalation.snooze": frozenset({Role.RESPONDER, Role.COMMANDER, Role.SECURITY, Role.MANAGER, Role.ADMIN}),
}
"""The rights that plugins offer, and the roles that they come with."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal."""

    seq: int
    at: datetime
    kind: str
    incident: int | None
    actor: str
    connection: str | None
    facts: Mapping[str, Any]

    @property
    def cause(self) -> int | None:
        """The entry that brought it about."""
        found: int | None = self.facts.get("cause")
        return found


@dataclass(slots=True)
class Roles:
    """Who holds what, as the journal tells it up to an entry."""

    held: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    tokens: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    def hear(self, entry: Entry) -> None:
        """Take in one entry."""
        facts = entry.facts
        match entry.kind:
            case "granted":
                until = None if facts["until"] is None else datetime.fromisoformat(facts["until"])
                self.held[facts["person"], facts["role"]] = until
            case "revoked":
                self.held.pop((facts["person"], facts["role"]), None)
            case "token_issued":
                self.tokens[facts["token"]] = facts
            case "token_revoked":
                self.revoked.add(facts["token"])

    def holders(self, right: str, at: datetime) -> frozenset[str]:
        """The persons who hold a role that carries a right, at that time."""
        carrying = {role.value for role in roles_with(right)}
        return frozenset(
            one for (one, role), until in self.held.items() if role in carrying and (until is None or at < until)
        )

    def lacks(self, person: str, right: str, token: str | None, at: datetime) -> str:
        """Why somebody may not do what needs this right, at that time; "" where they may."""
        roles = {role for (one, role), until in self.held.items() if one == person and (until is None or at < until)}
        if not roles & {role.value for role in roles_with(right)}:
            return f"held no role that carries {right}, but {', '.join(sorted(roles)) or 'none'}"
        if token is None:
            return ""
        terms = self.tokens.get(token)
        if terms is None or terms["person"] != person:
            return f"used the token {token}, which is not theirs"
        if token in self.revoked:
            return f"used the token {token}, which was revoked"
        if at >= datetime.fromisoformat(terms["until"]):
            return f"used the token {token}, which was over at {terms['until']}"
        reaches = right in terms["rights"] or terms["role"] in {role.value for role in roles_with(right)}
        return "" if reaches else f"used the token {token}, which does not reach {right}"


def roles_with(right: str) -> frozenset[Role]:
    """The roles that carry a right."""
    return COMES_WITH.get(right) or frozenset(role for role, rights in CARRIES.items() if right in rights)
