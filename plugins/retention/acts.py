"""What is forgotten: by the sweep, what is kept for too long; by hand, what somebody else agrees to.

A sweep looks at all that is over first, then forgets in small steps what it found, each looked at again. Nothing is
forgotten that is open, or held by a court or an authority; nothing before its minimum, but for what a law demands.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import Field
from sqlalchemy import select

from tieline.core.acts import NotDone
from tieline.core.arguments import Answer, Ask, ItemName, Line
from tieline.core.desk import Desk, Item, Look
from tieline.core.jobs import Done, State, Step
from tieline.core.offer import Due
from tieline.core.policy import Policy, as_yaml, digest
from tieline.core.store.forgetting import FORGOTTEN_TITLE
from tieline.plugins.retention.policy import Settings, Verdict, judged
from tieline.plugins.retention.tables import ENDED, LAST, Allowed, Forgotten, Planned

APPROVE: Final = "retention.approve"
AT_ONCE: Final = 100
"""Items that a step looks at; a tenth of them it forgets."""

MOST: Final = 1_000
"""Items that one sweep forgets. What is left is for the next."""


class Erase(Ask):
    """An item that is to be forgotten."""

    incident: ItemName = Field(description="An item, by its number or a ticket's key.")
    why: Line = Field(description="Why, for whoever agrees and for the certificate. Name nobody.")
    law: Line | None = Field(
        default=None, description="The law that demands it before its minimum, like GDPR Art. 17(1)."
    )


class Erased(Answer):
    """An item that is forgotten, and where tools keep their copies of it."""

    incident: str
    copies: tuple[str, ...]

    def sentence(self) -> str:
        kept = f" Their own copies keep {', '.join(self.copies)}: have them deleted there." if self.copies else ""
        return f"{self.incident} is forgotten; `tieline retention show {self.incident}` has the certificate.{kept}"


class Allow(Ask):
    """How many items a sweep may forget."""

    items: int = Field(ge=1, le=MOST, description="So many at most, within two days.")


class AllowedNow(Answer):
    """A sweep that may forget more than usual."""

    items: int

    def sentence(self) -> str:
        return f"for two days a sweep may forget {self.items:,} items; `tieline retention sweep` begins one"


class Sweep(Ask):
    """What is kept for too long."""

    dry_run: bool = Field(default=False, description="Only tell what would be forgotten.")


class Swept(State):
    """How far a sweep has come: what it has looked at, what it found, and what of that is forgotten."""

    is_planned: bool = False
    as_of: str = ""
    after: str = ""
    due: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    place: int = 0
    forgotten: tuple[str, ...] = ()


def verdict_of(look: Look, policy: Policy[Settings], item: Item, whole: Item | None = None) -> Verdict:
    """Of which class an item is now, and what follows from that. A part of what is over counts as over with it."""
    facts = {"kind": item.kind.value, "restricted": item.restricted}
    ended = _ended(look, item) or (None if whole is None else _ended(look, whole))
    return judged(look.policy(policy), item.fields, facts, ended)


def _ended(look: Look, item: Item) -> datetime | None:
    row = look.rows.first(select(ENDED).where(ENDED.c.subject == item.uid))
    return None if row is None else row.ended_at


class Retention:
    """What the plugin does, by its policy."""

    def __init__(self, policy: Policy[Settings]) -> None:
        self._policy = policy

    def erase(self, desk: Desk, ask: Erase) -> Erased:
        """Have all that is kept of an item be forgotten, for good. Somebody else has to agree."""
        item = desk.item(ask.incident)
        if item.fields.get("title") == FORGOTTEN_TITLE:
            raise NotDone(f"{desk.called(item)} is forgotten already")
        verdict = verdict_of(desk, self._policy, item)
        for one in (item, *desk.parts(item)):
            its = verdict_of(desk, self._policy, one, item)
            if ask.law is None and not its.may_go(desk.now):
                raise NotDone(_too_soon(desk.called(one), its))
        copies = self._forget(desk, item, verdict, ask.why, ask.law)
        desk.ask_first(APPROVE, "what is forgotten does not come back")
        return Erased(incident=desk.called(item), copies=copies)

    def allow(self, desk: Desk, ask: Allow) -> AllowedNow:
        """Have a sweep forget more items than it does by itself. Somebody else has to agree."""
        desk.record(Allowed(items=ask.items))
        desk.ask_first(APPROVE, "what is forgotten does not come back", at_any_revision=True)
        return AllowedNow(items=ask.items)

    def daily(self, desk: Desk, _due: Due) -> None:
        """Begin a sweep."""
        desk.start("sweep", Sweep())

    def sweep(self, desk: Desk, ask: Sweep, so_far: Swept) -> Step | Done:
        """Forget what is kept for longer than its maximum."""
        if not so_far.is_planned and not so_far.as_of and not ask.dry_run:
            for name, kept in desk.policy(self._policy).results.items():
                desk.forget_results(name, desk.now - kept)
        if not so_far.is_planned:
            return self._plan(desk, ask, so_far)
        chosen = so_far.due[so_far.place : so_far.place + AT_ONCE // 10]
        gone = [item.uid for item in items_of(desk, chosen) if self._forget_if_due(desk, item)]
        place = so_far.place + len(chosen)
        now = so_far.model_copy(update={"place": place, "forgotten": (*so_far.forgotten, *gone)})
        return (
            Step(now, place, len(so_far.due)) if place < len(so_far.due) else Done(_told(desk, now, is_waiting=False))
        )

    def _plan(self, desk: Desk, ask: Sweep, so_far: Swept) -> Step | Done:
        settings = desk.policy(self._policy)
        as_of = so_far.as_of or desk.now.isoformat()
        rows = self._ended(desk, settings, datetime.fromisoformat(as_of), so_far.after)
        due, held = [*so_far.due], [*so_far.held]
        for item in items_of(desk, rows):
            if self._is_due(desk, item):
                (held if desk.on_hold(item) else due).append(item.uid)
        found = {"as_of": as_of, "after": rows[-1] if rows else "", "due": tuple(due[:MOST]), "held": tuple(held)}
        now = so_far.model_copy(update=found)
        if len(rows) == AT_ONCE and len(due) < MOST:
            return Step(now)
        is_waiting = len(now.due) > max(settings.ask_above, _allowed(desk))
        if not ask.dry_run:
            desk.record(Planned(due=len(now.due), held=len(held), waits=is_waiting))
        if ask.dry_run or is_waiting or not due:
            return Done(_told(desk, now, is_waiting=is_waiting))
        return Step(now.model_copy(update={"is_planned": True}), 0, len(now.due))

    def _ended(self, desk: Desk, settings: Settings, as_of: datetime, after: str) -> list[str]:
        """The ids of some that were over long enough ago, behind one of them."""
        if settings.shortest is None:
            return []
        query = select(ENDED.c.subject).where(ENDED.c.ended_at <= as_of - settings.shortest, ENDED.c.subject > after)
        return [row.subject for row in desk.rows.all(query.order_by(ENDED.c.subject).limit(AT_ONCE))]

    def _forget_if_due(self, desk: Desk, item: Item) -> bool:
        if desk.on_hold(item) or not self._is_due(desk, item):
            return False
        verdict = verdict_of(desk, self._policy, item)
        self._forget(desk, item, verdict, "it was kept for as long as it may be", None)
        return True

    def _is_due(self, desk: Desk, item: Item) -> bool:
        """Whether it is kept for too long, and each of its parts for long enough."""
        if item.is_open or not verdict_of(desk, self._policy, item).is_due(desk.now):
            return False
        return all(verdict_of(desk, self._policy, part, item).may_go(desk.now) for part in desk.parts(item))

    def forget_again(self, desk: Desk, item: Item) -> None:
        """Forget an item that was before the store was put back from a backup."""
        why = "it was forgotten before the store was put back from a backup"
        self._forget(desk, item, verdict_of(desk, self._policy, item), why, None)

    def _forget(self, desk: Desk, item: Item, verdict: Verdict, why: str, law: str | None) -> tuple[str, ...]:
        copies = desk.copies(item)
        desk.forget(item, why)
        desk.record(
            Forgotten(
                item=item.number,
                kept=verdict.name,
                policy=digest(as_yaml(desk.policy(self._policy))),
                why=why,
                law=law,
                copies=copies,
            ),
            item,
        )
        return copies


def items_of(desk: Desk, uids: Sequence[str]) -> list[Item]:
    """Those of these ids that there are."""
    called = desk.called_by_id(uids)
    return [desk.item(called[uid]) for uid in uids if uid in called]


def _allowed(desk: Desk) -> int:
    row = desk.rows.first(select(LAST))
    is_allowed = row is not None and row.allowed_until is not None and row.allowed_until > desk.now
    return int(row.allowed) if row is not None and is_allowed else 0


def _too_soon(called: str, verdict: Verdict) -> str:
    when = "once it is over" if verdict.earliest is None else f"from {verdict.earliest:%Y-%m-%d} on"
    return (
        f"{called} is of the class {verdict.name}, and may be forgotten {when}: where a law demands it before, say "
        "which, with `--law`"
    )


def _told(desk: Desk, swept: Swept, *, is_waiting: bool) -> bytes:
    called = desk.called_by_id({*swept.due, *swept.held})
    found = {"due": swept.due, "held": swept.held, "forgotten": swept.forgotten}
    facts = {"as_of": swept.as_of, **{name: [called.get(one, one) for one in uids] for name, uids in found.items()}}
    return json.dumps({**facts, "waits_to_be_allowed": is_waiting}, indent=1).encode()
