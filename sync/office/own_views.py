"""The views that there are without a plugin. One that is asked for is loaded then, and no other: whoever runs a command
waits for what it imports."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tieline.core.access import READ, READ_POLICY
from tieline.core.settings import no_such
from tieline.core.views import View, Views


class _Told(NamedTuple):
    """A view: its name, the module of `sync/views` and the function in it, its right and its words."""

    name: str
    module: str
    function: str
    needs: str = READ
    words: tuple[str, ...] = ()


class OwnViews(Views):
    """Views that are there as soon as somebody asks for them. Threads may share it."""

    def __init__(self, told: Sequence[_Told]) -> None:
        super().__init__(())
        self._told: Final = {one.name: one for one in told}

    @property
    def by_name(self) -> Mapping[str, View]:
        return {name: self[name] for name in self._told}

    def __getitem__(self, name: str) -> View:
        if name not in self._told:
            raise no_such(self.WHAT, name, self._told)
        if name not in self._by_name:
            self._by_name.update(Views([_loaded(self._told[name])]).by_name)
        return self._by_name[name]


def _loaded(told: _Told) -> View:
    module = importlib.import_module(f"tieline.sync.views.{told.module}")
    return View(told.name, getattr(module, told.function), told.needs, told.words)


OWN_VIEWS: Final = OwnViews(
    [
        _Told("overview", "overview", "overview"),
        _Told("incident", "incident", "incident", words=("incident",)),
        _Told("connections", "connections", "connections"),
        _Told("incidents", "incidents", "incidents", words=("incident",)),
        _Told("items", "incidents", "items", words=("kind",)),
        _Told("why", "history", "why", words=("incident", "field")),
        _Told("history", "history", "history", words=("incident",)),
        _Told("output", "outputs", "output", words=("execution",)),
        _Told("conflicts", "waiting", "conflicts"),
        _Told("parked", "waiting", "parked"),
        _Told("doubts", "waiting", "doubts"),
        _Told("proposals", "proposals", "proposals"),
        _Told("reviews", "proposals", "reviews"),
        _Told("followers", "work", "followers"),
        _Told("timers", "work", "timers"),
        _Told("holds", "holds", "holds", "holds.read"),
        _Told("jobs", "jobs", "jobs"),
        _Told("jobs show", "jobs", "show", words=("job",)),
        _Told("jobs result", "jobs", "result", words=("job",)),
        _Told("status", "status", "status"),
        _Told("policy", "policies", "listed", READ_POLICY),
        _Told("policy show", "policies", "show", READ_POLICY, ("policy",)),
        _Told("policy history", "policies", "history", READ_POLICY, ("policy",)),
        _Told("policy plan", "policies", "plan", READ_POLICY, ("policy", "document")),
        _Told("policy test", "policies", "trial", READ_POLICY, ("policy", "cases")),
        _Told("people show", "people", "people", words=("incident",)),
        _Told("access list", "roles", "roles", "access.read"),
        _Told("access why", "access", "why", "", ("person", "act", "subject")),
        _Told("access rights", "access", "rights", ""),
        _Told("token list", "tokens", "listed", ""),
        _Told("plugins", "plugins", "plugins"),
    ]
)
