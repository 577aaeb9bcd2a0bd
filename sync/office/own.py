"""The engine's own acts: what a person does to an incident, and to what waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any, Final, Self

from pydantic import Field, model_validator

from tieline.core.access import STORE, Subject
from tieline.core.acts import Act, Acts, NotDone
from tieline.core.arguments import Answer, Ask, ItemName, Line, Words
from tieline.core.declared import OneOf
from tieline.core.model import Audience, ConnectionName, IncidentId
from tieline.core.store.store import Connection, Transaction
from tieline.sync import explain
from tieline.sync.alerts import absence
from tieline.sync.loading import plain
from tieline.sync.office import (
    access_acts,
    account_acts,
    deciding,
    hold_acts,
    job_acts,
    people_acts,
    plugin_acts,
    policy_acts,
    proposal_acts,
    restrict_acts,
    token_acts,
)
from tieline.sync.office.desk import EngineDesk
from tieline.sync.office.writing import news, shown, values
from tieline.sync.sight import Sight, of_connection, subject_of


class Edit(Ask):
    """New values for fields of an item."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    changes: dict[str, Words] = Field(min_length=1, description="The new values; an empty one empties a field.")


class Edited(Answer):
    """What was changed, and what was so already."""

    incident: str
    changed: dict[str, Any]
    unchanged: dict[str, Any]

    def sentence(self) -> str:
        said = [f"{self.incident}: {name} is {shown(value)} already" for name, value in self.unchanged.items()]
        became = f"{self.incident} changed; its copies follow" if self.changed else "nothing was changed"
        return "\n".join([*said, became])


def edit(desk: EngineDesk, ask: Edit) -> Edited:
    """Change fields of an incident; every copy follows."""
    item = desk.item(ask.incident)
    kind = desk.engine.registry.offers.kind_of(item.kind)
    wanted = values(ask.changes, kind.catalogue)
    if kept := sorted(kind.kept & wanted.keys()):
        raise NotDone(f"{', '.join(kept)} of {desk.called(item)} is changed by what is done to it, and not by hand")
    changed = news(item.fields, wanted)
    if changed:
        desk.edit(item, changed)
    same = {name: value for name, value in wanted.items() if name not in changed}
    return Edited(incident=desk.called(item), changed=plain(changed), unchanged=plain(same))


class Comment(Ask):
    """Words for every copy of an item."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    body: Words = Field(description="The comment, in Markdown.")
    audience: Audience | None = Field(
        default=None,
        description="Whom it is for; staff without this. A tool that does not tell them apart shows it to the widest "
        "it has that shows nobody new, or not at all.",
    )
    public: bool = Field(default=False, description="Customers may read it: the audience is customers.")

    @model_validator(mode="after")
    def _for_one(self) -> Self:
        if self.public and self.audience not in (None, Audience.CUSTOMERS):
            raise ValueError(f"`public` is the audience customers, and not {self.audience}; write one of the two")
        return self

    @property
    def readers(self) -> Audience:
        """Whom it is for, said or not."""
        return self.audience or (Audience.CUSTOMERS if self.public else Audience.STAFF)


class CommentWritten(Answer):
    """A comment that was written."""

    incident: str
    comment: int
    audience: Audience

    def sentence(self) -> str:
        return f"{self.incident}#{self.comment} goes into every copy (for {self.audience})"


def comment(desk: EngineDesk, ask: Comment) -> Callable[[], CommentWritten]:
    """Write a comment into every copy of an incident."""
    if not ask.body.strip():
        raise ValueError("an empty comment says nothing; write some words")
    item = desk.item(ask.incident)
    noted = desk.comment(item, ask.body, ask.readers)
    return lambda: CommentWritten(incident=desk.called(item), comment=noted.number, audience=ask.readers)


TO_COMMENT: Final = OneOf(
    ("incident.comment", "comment.publish"),
    lambda ask: "comment.publish" if ask.readers.is_outside else "incident.comment",
)


class Side(StrEnum):
    """Whose value stands."""

    OURS = "ours"
    THEIRS = "theirs"


class Settle(Ask):
    """A decision about a held field."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    field: Line = Field(description="The field that is held.")
    connection: Line = Field(description="The connection it is held against.")
    take: Side = Field(description="Keep the incident's value, or the tool's.")


class Settled(Answer):
    """A field that was settled."""

    incident: str
    field: str
    value: Any
    by: str = Field(exclude=True)

    def sentence(self) -> str:
        return (
            f"{self.incident}: {self.field} is {shown(self.value)}, settled by {self.by}. Every tool is told; one "
            "that does not take it stands in `tieline conflicts` again."
        )


def settle(desk: EngineDesk, ask: Settle) -> Callable[[], Settled]:
    """Settle a held field of an incident against a connection."""
    item, kept = desk.item(ask.incident), []

    def decide(tx: Transaction) -> None:
        name, theirs = ConnectionName(ask.connection), ask.take is Side.THEIRS
        demand = partial(desk.demand, tx, item)
        kept.append(
            deciding.settle(tx, desk.engine, item.id, ask.field, name, theirs=theirs, actor=desk.actor, demand=demand)
        )

    desk.within(decide)
    return lambda: Settled(
        incident=desk.called(item), field=ask.field, value=plain({"value": kept[0]})["value"], by=str(desk.actor)
    )


class What(StrEnum):
    """What is parked."""

    COPY = "copy"
    INBOX = "inbox"
    COMMENT = "comment"
    SIGNAL = "signal"
    TIMER = "timer"
    REACTION = "reaction"


class Retry(Ask):
    """One thing that is parked."""

    what: What = Field(description="What it is, as the list of what is parked says.")
    number: int = Field(ge=0, description="Its number there.")


class Released(Answer):
    """A thing that tries again."""

    released: str
    id: int

    def sentence(self) -> str:
        return f"{self.released} {self.id} tries again"


def _of_parked(seen_in: Connection | Transaction, ask: Retry, sight: Sight) -> tuple[Subject, IncidentId | None]:
    found = deciding.incident_of_parked(seen_in, ask.what.value, ask.number, sight)
    return (STORE if found is None else subject_of(seen_in, found)), found


def retry(desk: EngineDesk, ask: Retry) -> Released:
    """Let one parked thing try again."""
    what, number = ask.what.value, ask.number
    desk.within(
        lambda tx: deciding.release(tx, desk.engine, what, number, actor=desk.actor),
        hold=lambda tx: deciding.hold_parked(tx, what, number, desk.sight),
    )
    return Released(released=ask.what.value, id=ask.number)


class Confirm(Ask):
    """A source that no longer lists many of its alerts."""

    connection: Line = Field(description="The connection whose ends are doubted.")


class Confirmed(Answer):
    """Alerts that count as ended."""

    connection: str
    episodes: list[str]
    actor: str

    def sentence(self) -> str:
        return (
            f"{len(self.episodes)} alerts of {self.connection} count as ended, confirmed by {self.actor}: the next "
            "poll takes in those that are still missing"
        )


def _of_connection(_seen_in: Connection | Transaction, ask: Confirm, _sight: Sight) -> tuple[Subject, None]:
    return Subject(ask.connection, scopes=frozenset({of_connection(ask.connection)})), None


def confirm(desk: EngineDesk, ask: Confirm) -> Callable[[], Confirmed]:
    """Confirm that the alerts that a connection no longer lists have ended: these, and no others later."""
    name, found = ConnectionName(ask.connection), list[absence.Doubt]()

    def decide(tx: Transaction) -> None:
        seen = explain.doubts(tx, desk.sight).get(name)
        if seen is None and name in absence.doubts(tx):
            raise absence.not_doubted(name)
        theirs = None if seen is None else seen.episodes
        absence.confirm(tx, desk.engine, name, actor=desk.actor, theirs=theirs)
        found.append(explain.doubts(tx, desk.sight)[name])

    desk.within(decide, hold=lambda tx: absence.load(tx, name))
    return lambda: Confirmed(connection=name, episodes=sorted(found[0].episodes), actor=str(desk.actor))


_EDIT: Final = {"incident": "INC-1", "changes": {"title": "Disk full on db1", "severity": "high"}}
_COMMENT: Final = {"incident": "INC-1", "body": "The disk is being replaced."}
OWN: Final = Acts(
    [
        Act("edit", edit, "incident.edit", ("incident", "changes"), example=_EDIT),
        Act("comment", comment, TO_COMMENT, ("incident", "body"), example=_COMMENT),
        Act("conflicts settle", settle, "conflicts.settle", ("incident", "field", "connection")),
        Act("parked retry", retry, "parked.release", ("what", "number"), about=_of_parked),
        Act("doubts confirm", confirm, "doubts.confirm", ("connection",), about=_of_connection),
        *hold_acts.ACTS,
        *restrict_acts.ACTS,
        *people_acts.ACTS,
        *job_acts.ACTS,
        *policy_acts.ACTS,
        *access_acts.ACTS,
        *token_acts.ACTS,
        *account_acts.ACTS,
        *plugin_acts.ACTS,
        *proposal_acts.ACTS,
    ]
)
"""What can be done without a plugin."""
