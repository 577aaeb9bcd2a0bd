"""Which page an address means, and what its views show to whoever looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from tieline.core.arguments import Answer, Ask, is_many
from tieline.core.offer import Offer, Offers
from tieline.core.pages import Page
from tieline.core.views import View
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries, Seen
from tieline.sync.office.own_views import OWN_VIEWS

MOST_PARAMETERS = 100


@dataclass(frozen=True, slots=True)
class Meant:
    """A page as an address means it: each view, with what it is asked."""

    offer: Offer
    page: Page
    told: Mapping[str, str]
    asked: Mapping[str, tuple[View, Ask]]

    @property
    def key(self) -> tuple[object, ...]:
        """The same for two that ask the same."""
        return (self.page.path, *(name + ask.digest() for name, (_view, ask) in sorted(self.asked.items())))

    def template(self, name: str) -> str:
        """A template of it, as it is found."""
        return f"{self.offer.group}/{name}"


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A page that stands in the menu."""

    path: str
    title: str
    icon: str
    key: str


class Pages:
    """The pages that plugins offer."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers
        self.menu = [
            MenuEntry(page.path, page.title, page.icon, page.key)
            for _offer, page in offers.pages.values()
            if page.icon and "{" not in page.path
        ]

    def path_of(self, path: str) -> str:
        """The address of the page that stands there, as it is declared; "" for none."""
        return next((page.path for _offer, page in self._offers.pages.values() if page.told(path) is not None), "")

    def meant(self, path: str, query: str) -> Meant | None:
        """The page that an address means; None for none. Raises WrongWords for what one of its views does not take,
        Problem for a query that cannot be read."""
        for offer, page in self._offers.pages.values():
            told = page.told(path)
            if told is None:
                continue
            told = {name: unquote(words) for name, words in told.items()}
            given = {**_query(query), **{name: (words,) for name, words in told.items()}}
            asked = {name: self._asked(full, given) for name, full in page.views.items()}
            return Meant(offer, page, told, asked)
        return None

    def _asked(self, full: str, given: Mapping[str, tuple[str, ...]]) -> tuple[View, Ask]:
        view = OWN_VIEWS.by_name.get(full) or self._offers.views.get(full)
        if view is None:
            raise Problem(
                Kind.NOT_THERE, f"the view {full!r}, which this page shows, is not there: see `tieline plugins`"
            )
        fields = view.ask.model_fields
        said: dict[str, Any] = {
            name: values if is_many(fields[name].annotation) else values[-1]
            for name, values in given.items()
            if name in fields and any(values)
        }
        return view, view.told(said)


def _query(query: str) -> dict[str, tuple[str, ...]]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Problem(Kind.MALFORMED, "the address holds what is no UTF-8, or too much of it") from None
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), value)
    return found


def see(meant: Meant, enquiries: Enquiries, asker: Asker) -> dict[str, Seen]:
    """What the views of a page show. Raises what `Enquiries.look` does."""
    return {name: enquiries.look(view, ask, asker) for name, (view, ask) in meant.asked.items()}


def answers(seen: Mapping[str, Seen]) -> dict[str, Answer]:
    """What a template is given of it."""
    return {name: one.answer for name, one in seen.items()}
