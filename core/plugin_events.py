"""Events of plugins: declared as the engine's are, and checked when they are written.

    class Reminded(PluginEvent, kind="escalation.reminded"):
        # its docstring says what happened, as in "somebody was reminded of an incident that waits"
        percent: int
        whom: Line | None = None

A kind is read for ever. When its facts become others, `upcasts` gets one function more, from the facts of the version
before to those of the next; whoever reads knows only the present one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict

from tieline.core.arguments import misfits
from tieline.core.events import OF_PLUGINS, VERSION, Event, Facts, Upcast

KIND: Final = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
"""A plugin's group, and what happened."""

LONGEST: Final = 40
"""Characters of a kind, which stands in every entry."""


class PluginEvent(BaseModel, Event):
    """One thing that happened, as a plugin tells of it. Its facts are text, whole numbers, booleans, moments, lengths
    of time, choices, and tuples and maps of these."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def __init_subclass__(cls, *, kind: str = "", upcasts: Sequence[Upcast] = (), **options: Any) -> None:
        """Raises TypeError for a kind that cannot be kept."""
        super().__init_subclass__(**options)
        cls.KIND, cls.UPCASTS = kind, tuple(upcasts)

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        wrong = _wrong(cls)
        if wrong:
            raise TypeError(f"the event {cls.KIND or cls.__name__!r} cannot be journalled: {'; '.join(wrong)}")
        OF_PLUGINS[cls.KIND] = cls

    def facts(self) -> dict[str, Any]:
        """The payload of its entry."""
        found = self.model_dump(mode="json")
        if self.UPCASTS:
            found[VERSION] = len(self.UPCASTS) + 1
        return found

    @classmethod
    def from_facts(cls, facts: Facts) -> Self:
        """The event that these facts tell of, of today's version. What a later version added is passed over."""
        return cls.model_validate({name: value for name, value in facts.items() if name in cls.model_fields})


def _wrong(declared: type[PluginEvent]) -> list[str]:
    wrong = misfits(declared)
    if not KIND.fullmatch(declared.KIND) or len(declared.KIND) > LONGEST:
        wrong.append(f'write kind="group.what_happened", in at most {LONGEST} small letters, digits and underscores')
    if not (declared.__doc__ or "").strip() or declared.__doc__ == PluginEvent.__doc__:
        wrong.append("its class has no docstring, which is what people read of it")
    known = OF_PLUGINS.get(declared.KIND)
    if known is not None and (known.__module__, known.__qualname__) != (declared.__module__, declared.__qualname__):
        wrong.append(f"{known.__module__}.{known.__qualname__} is of that kind already")
    return wrong
