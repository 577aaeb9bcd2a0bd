"""What people do about plugins as a whole."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from tieline.core.acts import Act
from tieline.core.arguments import Answer, Ask, Line
from tieline.core.settings import no_such
from tieline.sync.office import projecting
from tieline.sync.office.desk import EngineDesk


class Rebuild(Ask):
    """A plugin whose tables are made anew."""

    plugin: Line = Field(description="The plugin's group, as in its commands.")


class Rebuilt(Answer):
    """Tables that are made anew."""

    plugin: str
    tables: tuple[str, ...]

    def sentence(self) -> str:
        return f"{self.plugin}: {', '.join(self.tables)} are made anew from the journal, by the version that is at work"


def rebuild(desk: EngineDesk, ask: Rebuild) -> Rebuilt:
    """Have a plugin's tables made anew from the journal, by whichever version of it is at work: after going back to an
    older one on purpose, once no newer one runs any more."""
    offers = desk.engine.registry.offers.by_group
    made = {name: one for name, one in offers.items() if one.projections}
    if ask.plugin not in made:
        raise no_such("plugin with tables", ask.plugin, made)
    names = [f"{ask.plugin}.{one.name}" for one in made[ask.plugin].projections]
    desk.within(lambda tx: projecting.begin_anew(tx, names), hold=lambda tx: projecting.lock(tx, names))
    return Rebuilt(plugin=ask.plugin, tables=tuple(names))


ACTS: Final = (Act("plugin rebuild", rebuild, "plugins.rebuild", ("plugin",)),)
