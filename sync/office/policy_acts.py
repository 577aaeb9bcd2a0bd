"""What is decided about policies: another document, and one that held before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import Field

from tieline.core import grants
from tieline.core.access import SET_POLICY, STORE
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, Document, Line
from tieline.core.errors import NotThere
from tieline.core.events import PolicySet
from tieline.core.policy import digest
from tieline.core.settings import no_such
from tieline.core.store.store import Transaction
from tieline.sync import policies
from tieline.sync.office import notes, proposing
from tieline.sync.office.desk import EngineDesk
from tieline.sync.policies import Revision

PROPOSE: Final = "policy.propose"


class Propose(Ask):
    """What a policy is to say."""

    policy: Line = Field(description="A policy, as `tieline policy` lists it: escalation.limits.")
    document: Document = Field(description="The file with what it is to say, in YAML.")
    why: Line = Field(description="Why, for whoever approves it and whoever asks later.")


class Set(Answer):
    """A policy that says something else from now on."""

    policy: str
    revision: int
    sha: str
    alone: bool

    def sentence(self) -> str:
        alone = "; nobody else is here who could have approved it, and the journal says so" if self.alone else ""
        return f"{self.policy} is at revision {self.revision} from now on{alone}"


def propose(desk: EngineDesk, ask: Propose) -> Callable[[], Set]:
    """Propose what a policy is to say. It holds once somebody else approves it."""
    offered = desk.engine.registry.offers.policies
    if ask.policy not in offered:
        raise no_such("policy", ask.policy, offered)
    _offer, policy = offered[ask.policy]
    policy.read(ask.document)
    return _set(desk, ask.policy, ask.document, ask.why)


class RollBack(Ask):
    """Which revision of a policy is to hold again."""

    policy: Line = Field(description="A policy, as `tieline policy` lists it: escalation.limits.")
    revision: int = Field(ge=1, description="The revision that is to hold again.")
    why: Line = Field(description="Why, for whoever approves it and whoever asks later.")


def roll_back(desk: EngineDesk, ask: RollBack) -> Callable[[], Set]:
    """Propose that a policy says again what it said before."""
    offered = desk.engine.registry.offers.policies
    if ask.policy not in offered:
        raise no_such("policy", ask.policy, offered)
    found = policies.one(desk.seen_in, ask.policy, ask.revision)
    if found is None:
        raise NotThere(
            f"{ask.policy} has no revision {ask.revision}; `tieline policy history {ask.policy}` lists those it has"
        )
    offered[ask.policy][1].read(found.text)
    return _set(desk, ask.policy, found.text, ask.why)


def _set(desk: EngineDesk, name: str, document: str, why: str) -> Callable[[], Set]:
    before = policies.latest(desk.seen_in, name)
    if before is not None and before.text == document:
        raise NotDone(f"{name} says that already, at revision {before.number}")
    number, alone, sha = 1 if before is None else before.number + 1, _is_alone(desk), digest(document)
    told = PolicySet(policy=name, revision=number, document=document, sha=sha, why=why, alone=alone)

    def write(tx: Transaction) -> None:
        if not policies.stand(tx, {name: number - 1}):
            raise NotDone(f"{name} was set to something else meanwhile; look at it again, and propose anew")
        seq = desk.engine.record(tx, told, actor=desk.actor, reason=name)
        who = tx.person(desk.asking)
        policies.add(tx, Revision(name, number, seq, desk.now, who, document, sha, why, desk.approved_by))

    shown = notes.bind(f"{name}, revision {number}", document)
    desk.within(write, hold=lambda tx: policies.hold(tx, name), shown=shown)
    if not alone:
        desk.ask_first(SET_POLICY, "nobody alone says how everybody works")
    return lambda: Set(policy=name, revision=number, sha=sha, alone=alone)


def _is_alone(desk: EngineDesk) -> bool:
    """Whether whoever asks may approve it, and nobody else is there who could."""
    asker = proposing.around_of(desk).asker()
    if not asker.may(desk.seen_in, SET_POLICY, STORE).allowed:
        return False
    facts, own = asker.facts(desk.seen_in), grants.person_of(desk.seen_in, asker.someone)
    roles = asker.rules.roles_with(SET_POLICY)
    others = (one for one in grants.held(desk.seen_in) if one.person != own)
    has_other = any(one.grant.role in roles and one.grant.stands(desk.now) for one in others)
    return not has_other and (facts.owns_store or not grants.has_owner(desk.seen_in))


ACTS: Final = (
    Act("policy propose", propose, PROPOSE, ("policy", "document"), asks_first=(SET_POLICY,)),
    Act("policy rollback", roll_back, PROPOSE, ("policy", "revision"), asks_first=(SET_POLICY,)),
)
