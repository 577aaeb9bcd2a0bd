"""What stands at the root of the API: what there is, where it is asked for, and what of it whoever asks may do."""

from __future__ import annotations

from importlib.metadata import version

from pydantic import BaseModel, Field

from tieline.core import grants
from tieline.core.access import WHAT_THEY_SEE, Facts, may
from tieline.core.acts import Act
from tieline.core.declared import Declared
from tieline.core.identity import Someone
from tieline.core.offer import Offers
from tieline.core.store.store import Store
from tieline.sync.api import calls
from tieline.sync.api.calls import ROOT, Calls
from tieline.sync.office.asking import Asker


class Links(BaseModel):
    """Where the rest is told."""

    openapi: str
    whoami: str
    events: str
    rights: str


class Entry(BaseModel):
    """An act or a view. `allowed` is whether whoever asks has one of its rights, to something at least: of an item it
    is asked when that is named."""

    name: str
    href: str
    summary: str
    rights: list[str]
    allowed: bool


class KindOfItem(BaseModel):
    """A kind of item: what stands in front of its numbers, and where they are listed."""

    name: str
    prefix: str
    summary: str
    href: str


class Index(BaseModel):
    """What there is. An act is asked for by POST and a view by GET."""

    product: str
    version: str
    links: Links
    acts: list[Entry] = Field(description="What can be done.")
    views: list[Entry] = Field(description="What can be looked at.")
    kinds: list[KindOfItem] = Field(description="The kinds of items.")


def told(store: Store, asker: Asker, found: Calls, offers: Offers, links: Links) -> Index:
    """What there is for whoever asks. Raises NotProved, StoreUnavailable."""
    with store.read() as connection:
        facts = grants.toward(connection, asker.facts(connection), WHAT_THEY_SEE)
    each = {id(one): one for methods in found.values() for one in methods.values()}.values()
    kinds = [
        KindOfItem(name=kind.name, prefix=kind.prefix, summary=kind.summary, href=f"{ROOT}items?kind={kind.name}")
        for kind in offers.kinds.values()
    ]
    acts = [_entry(one, asker.someone, facts) for one in each if isinstance(one, Act)]
    views = [_entry(one, asker.someone, facts) for one in each if not isinstance(one, Act)]
    return Index(product="Tieline", version=version("tieline"), links=links, acts=acts, views=views, kinds=kinds)


def _entry(one: Declared, someone: Someone, facts: Facts) -> Entry:
    allowed = not one.rights or any(may(someone, right, WHAT_THEY_SEE, facts).allowed for right in one.rights)
    href, rights = calls.path_of(one), list(one.rights)
    return Entry(name=one.name, href=href, summary=one.summary, rights=rights, allowed=allowed)
