"""Whether a tool answers an account: what its connections know of that together, and what follows for each of them.

Trouble that one connection meets may be its own, such as a table that it may not read, or everybody's. A 429 and a
refused login are everybody's at once; any other is, as soon as a second connection meets trouble and nobody was
answered in between. Then all of them wait, and one after the other looks again, each in its turn: the first that is
answered ends it for all. Whoever still has trouble then has its own, and waits alone. So that this comes out soon, one
that has met none looks at once, unless the tool asked for a pause.

Time is in seconds, on a clock that all who share the account share.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from tieline.core.errors import Limit, NeedsOperator, RemoteError, TryAgain, Unforeseen
from tieline.sync.limits import FARTHEST

PROBE: Final = 60.0
"""Seconds for which one connection may look alone; then it is taken to be gone, and another one may."""

AGAIN: Final = 5.0
"""Seconds after which a connection that may not look asks whether it may, where nobody tells it before."""


class Trouble(StrEnum):
    """Whose trouble an error is, as far as it can be told by itself."""

    ANSWERED = "answered"  # nobody's: the tool answered, whatever it said
    SILENT = "silent"  # it says nothing about the tool: a mapping that does not fit, a mistake in an adapter
    UNCLEAR = "unclear"  # no answer: another connection may have the same
    DENIED = "denied"  # a refusal, of something that others may not ask for
    REFUSED = "refused"  # the login was refused, which all of them share
    PACED = "paced"  # too many calls, whoever made them


def trouble_of(error: Exception | None) -> Trouble:
    """What a call that ended so, or well, says about the tool."""
    match error:
        case None | TryAgain(limit=Limit.ENDPOINT | Limit.RECORD):
            return Trouble.ANSWERED
        case TryAgain(limit=Limit.CONNECTION):
            return Trouble.PACED
        case TryAgain():
            return Trouble.UNCLEAR
        case NeedsOperator(verb=""):
            return Trouble.SILENT  # one of our own rules said no, and the tool was not asked
        case NeedsOperator():
            return Trouble.REFUSED if error.status == 401 else Trouble.DENIED
        case RemoteError() if not isinstance(error, Unforeseen):
            return Trouble.ANSWERED
        case _:
            return Trouble.SILENT


@dataclass(frozen=True, slots=True)
class Outage:
    """A tool that answers none of them. Nobody asks it before `until`; then `prober` does, until `probe_ends` at most.

    `state` is the connections' meanwhile, and `reason` the words of whoever met it; `kind` tells troubles apart whose
    words differ. `untried` have met no trouble yet: one of them looks before `until`. `probed` have looked by now, and
    `waiting` would: those that have not looked go first.
    """

    state: str
    kind: str
    reason: str
    until: float
    prober: str = ""
    probe_ends: float = 0.0
    untried: tuple[str, ...] = ()
    probed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known. `troubled` have met trouble since anybody was answered; `apart` are those that had trouble while
    others were answered, and have not been answered since."""

    troubled: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    outage: Outage | None = None

    def holds(self, who: str) -> bool:
        """Whether this one waits with the others, whatever wait of its own it has."""
        return self.outage is not None and who not in self.apart

    def is_news(self, who: str) -> bool:
        """Whether it would change anything that this one was answered."""
        return self.outage is not None or bool(self.troubled) or who in self.apart


CLOSED: Final = Circuit()
"""Nobody has met anything."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a connection may not ask the tool, and when it may look whether that has changed."""

    outage: Outage
    until: float


def answered(circuit: Circuit, who: str) -> Circuit:
    """After an answer. While all wait, only that of the one that looks counts: another may have been on its way before
    the trouble began."""
    if circuit.outage is not None and circuit.outage.prober != who:
        return circuit
    apart = {*circuit.apart, *circuit.troubled} - {who}
    return Circuit(apart=tuple(sorted(apart)))


def met(circuit: Circuit, who: str, trouble: Trouble, outage: Outage, everybody: Collection[str]) -> Circuit:
    """After trouble that stopped a connection's work. `outage` is what comes of it if it is everybody's."""
    if trouble is Trouble.ANSWERED:
        return answered(circuit, who)
    if trouble is Trouble.SILENT:
        return _gave_up(circuit, who)
    alone = who in circuit.apart and trouble is not Trouble.PACED
    if alone and circuit.outage is not None:
        return _gave_up(circuit, who)
    begins = trouble is Trouble.PACED or (trouble is Trouble.REFUSED and not alone)
    begins = begins or any(name != who for name in circuit.troubled)
    if not alone:
        apart = tuple(name for name in circuit.apart if name != who)
        circuit = replace(circuit, troubled=tuple(sorted({*circuit.troubled, who})), apart=apart)
    if circuit.outage is not None:
        others = {*everybody} - {*circuit.apart, who}
        return replace(circuit, outage=_prolonged(circuit.outage, who, trouble, outage, others))
    if not begins:
        return circuit
    untried = {*everybody} - {*circuit.troubled, *circuit.apart, who} if trouble is not Trouble.PACED else ()
    return replace(circuit, outage=replace(outage, untried=tuple(sorted(untried)), probed=(who,)))


def _prolonged(now: Outage, who: str, trouble: Trouble, then: Outage, others: Collection[str]) -> Outage:
    """The same trouble is told in the words that it began with: another connection's differ in nothing but a path."""
    if who != now.prober:
        # On its way before the trouble began. Only a pause that the tool asked for says something new.
        return replace(now, until=max(now.until, then.until)) if trouble is Trouble.PACED else now
    same = (now.state, now.kind) == (then.state, then.kind)
    # Where a pause turns into a refusal, that may be one's own: another one looks before all of them wait for a person.
    doubted = trouble in (Trouble.DENIED, Trouble.REFUSED) and now.state != then.state
    return replace(
        now if same else then,
        until=then.until,
        prober="",
        probe_ends=0.0,
        untried=tuple(sorted(others)) if doubted else (),
        probed=now.probed,
        waiting=now.waiting,
    )


def _gave_up(circuit: Circuit, who: str) -> Circuit:
    """Whoever was to look has found something else: the next one looks."""
    outage = circuit.outage
    if outage is None or outage.prober != who:
        return circuit
    return replace(circuit, outage=replace(outage, prober=""))


def waits(circuit: Circuit, who: str, now: float) -> Wait | None:
    """Why this connection may not ask the tool for anything; None where it may."""
    outage = circuit.outage
    if outage is None or (outage.prober == who and now < outage.probe_ends):
        return None
    return Wait(outage, outage.until if _rests(outage, now) else now + AGAIN)


def asks(circuit: Circuit, who: str, everybody: Collection[str], now: float) -> tuple[Circuit, Wait | None]:
    """What a connection is told that would begin its next work: to wait, or, as the one that looks, to go on."""
    wait, outage = waits(circuit, who, now), circuit.outage
    if wait is None or outage is None:
        return circuit, wait
    waiting = _with(outage.waiting, who)
    is_early = _rests(outage, now) and who not in outage.untried
    is_taken = bool(outage.prober) and now < outage.probe_ends
    if is_early or is_taken or _yields(outage, who, everybody, now):
        return replace(circuit, outage=replace(outage, waiting=waiting)), wait
    probed = (who,) if who in outage.probed else (*outage.probed, who)
    waiting = tuple(name for name in waiting if name != who)
    looks = replace(outage, prober=who, probe_ends=now + PROBE, untried=(), probed=probed, waiting=waiting)
    return replace(circuit, outage=looks), None


def _rests(outage: Outage, now: float) -> bool:
    """Whether nobody looks yet. A moment further away than any wait comes from a clock that stepped back."""
    return now < outage.until <= now + FARTHEST.total_seconds()


def _yields(outage: Outage, who: str, everybody: Collection[str], now: float) -> bool:
    """Whether others go first: whoever has looked lets those look that have not, and asked to; for a minute, since they
    may be gone."""
    before = {*outage.waiting} & {*everybody} - {*outage.probed, who}
    return who in outage.probed and bool(before) and now < max(outage.until, outage.probe_ends) + PROBE


def _with(names: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(names) if name in names else (*names, name)
