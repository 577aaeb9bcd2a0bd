"""Who commands an item, who works on it, and who is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from tieline.core import standings
from tieline.core.arguments import ItemName
from tieline.core.shown import Part, Table
from tieline.core.standings import Standing
from tieline.core.views import Keyset, Listing, Long, Row
from tieline.sync.office.look import EngineLook


class People(Long):
    """Of which item."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")


class PersonShown(Row):
    """How somebody stands to it. `source` is the plugin that says so, "" for a person."""

    relation: str
    person: str
    name: str
    identities: tuple[str, ...]
    source: str


class PeopleShown(Listing[PersonShown]):
    """Who stands how to an item: commanders first, then members, then receivers."""

    def shown(self) -> Sequence[Part]:
        rows = [(one.name, one.identities, one.relation, one.source or "a person") for one in self.items]
        columns = ["who", "known as", "is its", "as is said by"]
        return (Table("People", columns, rows, empty="nobody is said to command it or to work on it"), *self.more())


_IN_ORDER: Final = Keyset("people", str, str, str)


def _key(one: Standing) -> tuple[str, str, str]:
    return one.relation.value, one.person, one.source


def people(look: EngineLook, ask: People) -> PeopleShown:
    """Who commands an incident, who works on it, and who is told of it."""
    item = look.item(ask.incident)
    after = _IN_ORDER.after(ask.after) if ask.after is not None else ("", "", "")
    found = sorted((one for one in standings.of_item(look.seen_in, item.id) if _key(one) > after), key=_key)
    page, following = _IN_ORDER.page(found[: ask.limit + 1], ask, _key)
    return PeopleShown(
        items=tuple(
            PersonShown(
                relation=one.relation.value,
                person=one.person,
                name=one.name,
                identities=one.identities,
                source=one.source,
            )
            for one in page
        ),
        next=following,
    )
