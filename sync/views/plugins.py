"""The plugins that are installed, and how those are that the workspace allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tieline.core.registry import PluginState
from tieline.core.shown import Note, Part, Table
from tieline.core.views import Keyset, Listing, Long, Row
from tieline.sync.office.look import EngineLook


class PluginShown(Row):
    """A plugin: `state` is working, set aside (with the reason) or not allowed; `hooks` and `tools` are what it
    brings."""

    name: str
    state: str
    reason: str
    distribution: str
    version: str
    origin: str
    hooks: tuple[str, ...]
    tools: tuple[str, ...]


class Plugins(Listing[PluginShown]):
    """Plugins by name."""

    def shown(self) -> Sequence[Part]:
        rows = [
            (one.name, one.state, [*one.tools, *one.hooks], f"{one.distribution} {one.version}") for one in self.items
        ]
        aside = [Note(one.name, one.reason) for one in self.items if one.reason]
        table = Table("Plugins", ["plugin", "state", "brings", "from"], rows, empty="no plugins are installed")
        return (table, *aside, *self.more())


_BY_NAME: Final = Keyset("plugins", str, str)


def _key(one: PluginState) -> tuple[str, str]:
    return one.name, one.distribution


def plugins(look: EngineLook, ask: Long) -> Plugins:
    """The plugins that are installed, and which of them this workspace allows."""
    after = _BY_NAME.after(ask.after) if ask.after is not None else ("", "")
    found = [one for one in look.outside.plugins() if _key(one) > after]
    page, following = _BY_NAME.page(found[: ask.limit + 1], ask, _key)
    return Plugins(
        items=tuple(
            PluginShown(
                name=one.name,
                state=one.state,
                reason=one.reason,
                distribution=one.distribution,
                version=one.version,
                origin=one.origin,
                hooks=one.hooks,
                tools=one.tools,
            )
            for one in page
        ),
        next=following,
    )
