"""Forgetting a person: somebody asks by a law and a case, somebody else agrees, what the person holds goes at once, and
a job lets go of what tells of them, place by place. The certificate names the case, and nobody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints
from sqlalchemy import select

from tieline.core.acts import NotDone
from tieline.core.arguments import STORABLE, Answer, Ask, Line
from tieline.core.desk import Desk, Look
from tieline.core.erasing import addresses_in
from tieline.core.errors import NotThere
from tieline.core.jobs import Done, State, Step, label
from tieline.core.model import instant
from tieline.core.shown import Fact, Note, Part, Table
from tieline.core.traces import FIRST, Place
from tieline.core.views import Moment, Row
from tieline.plugins.retention.tables import PERSONS, PersonErased, PersonToErase

APPROVE: Final = "retention.approve"
MOST_COPIES: Final = 1_000
"""Copies in tools that a certificate names. Of more it says how many there are at most."""

NOT_REACHED: Final = (
    "backups of the database that were made before it was done, until each of them is deleted: of one that is put back "
    "it is done again by itself, as long as the keys' file and what lies beside it under its name with .erased are not "
    "older"
)

Reference = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^@\r\n]+$"), STORABLE
]


class ErasePerson(Ask):
    """A person who is to be forgotten."""

    person: Line = Field(description="Who: an id, an identity like os:ann@db1, a name, or an e-mail address.")
    reference: Reference = Field(description="The case, like DSR-12, for the certificate. Name nobody.")
    law: Line = Field(description="The law that demands it, like GDPR Art. 17(1).")
    addresses: Line | None = Field(
        default=None, description="Their e-mail addresses in fields of items, with a comma between."
    )
    texts: bool = Field(
        default=False, description="Let go of the texts of their comments too. They may be about others."
    )


class Begun(Answer):
    """A person who is being forgotten: what they held is gone, and a job goes through the rest."""

    reference: str
    job: str

    def sentence(self) -> str:
        return (
            f"{self.reference}: what they held is gone, and {self.job} goes through the rest; `tieline retention "
            f"people {self.reference}` has the certificate once it is done"
        )


class Clear(Ask):
    """Somebody who is to be forgotten."""

    reference: Reference = Field(description="The case, like DSR-12, in which somebody agreed to that.")


class Cleared(State):
    """How far it has come, and what it let go of."""

    place: tuple[int, ...] = FIRST
    entries: int = 0
    values: int = 0
    copies: tuple[str, ...] = ()
    more: int = 0


def erase_person(desk: Desk, ask: ErasePerson) -> Callable[[], Begun]:
    """Have a person be forgotten, for good: their name, addresses, accounts, roles and relations. Somebody else has to
    agree."""
    person = desk.person_meant(ask.person)
    if person and person == desk.person:
        raise NotDone("that is you: whoever is to be forgotten does not ask for it here; have two others do it")
    if desk.rows.first(select(PERSONS.c.subject).where(PERSONS.c.subject == ask.reference)) is not None:
        raise NotDone(f"{ask.reference} is the case of somebody already; `tieline retention people {ask.reference}`")
    if ask.reference.casefold() == ask.person.casefold():
        raise NotDone("the reference of the case stays for ever; take one that names nobody")
    given = addresses_in(ask.addresses or "")
    desk.forget_person(ask.person, given, ask.reference)
    desk.record(PersonToErase(reference=ask.reference, law=ask.law, texts=ask.texts))
    job = desk.start("clear", Clear(reference=ask.reference))
    authors = (person,) if person else ()
    desk.ask_first(APPROVE, "what is forgotten does not come back", authors=authors, at_any_revision=True)
    return lambda: Begun(reference=ask.reference, job=label(job.number))


def clear(desk: Desk, ask: Clear, so_far: Cleared) -> Step | Done:
    """Go on with letting go of somebody who is to be forgotten, which one asked for and another agreed to."""
    row = desk.rows.first(select(PERSONS).where(PERSONS.c.subject == ask.reference))
    if row is None:
        none = f"{ask.reference} is no case by which somebody is forgotten: nothing was done"
        return Done(f"{none}; see `tieline retention people`".encode())
    if row.done_entry is not None:
        return Done(_done(ask.reference))
    facts = json.loads(row.facts)
    told = {"act": "erase-person", "law": facts["law"], "texts": facts["texts"], "by": row.who, "at": instant(row.at)}
    found = desk.forget_traces(row.subject, Place(*so_far.place), row.subject, texts=facts["texts"], told=told)
    entries, values = so_far.entries + found.entries, so_far.values + found.values
    new = sorted({*found.copies} - {*so_far.copies})
    room = MOST_COPIES - len(so_far.copies)
    copies, more = (*so_far.copies, *new[:room]), so_far.more + len(new[room:])
    if found.place is None:
        copies = tuple(sorted(copies))
        desk.record(PersonErased(reference=row.subject, entries=entries, values=values, copies=copies, more=more))
        return Done(_done(ask.reference))
    now = {"place": tuple(found.place), "entries": entries, "values": values, "copies": copies, "more": more}
    return Step(so_far.model_copy(update=now), done=entries + values)


def _done(reference: str) -> bytes:
    return f"{reference} is done: `tieline retention people {reference}` has the certificate".encode()


class People(Ask):
    """Those who were forgotten."""

    reference: Reference | None = Field(default=None, description="A case: its certificate.")


class Case(Row):
    """A case: by what law, when it was agreed to, and when all was gone."""

    reference: str
    law: str
    begun_at: Moment
    done_at: Moment | None


class PeopleShown(Answer):
    """The cases by which people were forgotten; and the certificate of one: its bytes as text, and their hash."""

    cases: tuple[Case, ...]
    certificate: str | None
    sha256: str | None

    def shown(self) -> Sequence[Part]:
        if self.certificate is not None:
            return (self.certificate, Fact("sha256", self.sha256))
        rows = [
            (one.reference, one.law, one.begun_at.isoformat(), one.done_at.isoformat() if one.done_at else "not yet")
            for one in self.cases
        ]
        parts: list[Part] = [Table("Cases", ["case", "law", "agreed to", "done"], rows)]
        if any(one.done_at is None for one in self.cases):
            parts.append(Note("it goes on", "`tieline jobs` shows how far it is, and what it waits for"))
        return parts if self.cases else ("nobody was forgotten yet",)


MOST_CASES: Final = 500


def people(look: Look, ask: People) -> PeopleShown:
    """By which cases people were forgotten, the last first; or the certificate of one."""
    query = select(PERSONS).order_by(PERSONS.c.entry.desc()).limit(MOST_CASES)
    if ask.reference is not None:
        query = query.where(PERSONS.c.subject == ask.reference)
    rows = look.rows.all(query)
    if ask.reference is not None and not rows:
        raise NotThere(f"{ask.reference} is no case by which somebody was forgotten; see `tieline retention people`")
    text = certificate(rows[0]) if ask.reference is not None and rows[0].done_at is not None else None
    return PeopleShown(
        cases=tuple(
            Case(reference=row.subject, law=json.loads(row.facts)["law"], begun_at=row.at, done_at=row.done_at)
            for row in rows
        ),
        certificate=text,
        sha256=None if text is None else hashlib.sha256(text.encode()).hexdigest(),
    )


def certificate(row: Any) -> str:
    """What says that somebody was forgotten, always in the same bytes. It names nobody but who asked."""
    done = json.loads(row.done)
    told = {
        "asked_by": row.who,
        "agreed_at": row.at.isoformat(),
        "told_in_entry": row.entry,
        "done_at": row.done_at.isoformat(),
        "done_in_entry": row.done_entry,
    }
    return json.dumps({**json.loads(row.facts), **done, **told, "not_reached": NOT_REACHED}, indent=1, sort_keys=True)
