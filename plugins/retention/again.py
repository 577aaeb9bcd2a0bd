"""A store that was put back from a backup: what was forgotten since is forgotten again, by the same road as at first.

People are found by what is kept beside the keys, items by keys that are no more. What is held waits until it is not.
"""

from __future__ import annotations

from typing import Final

from tieline.core.acts import NotDone
from tieline.core.arguments import Ask
from tieline.core.desk import Desk
from tieline.core.jobs import Done, State, Step
from tieline.plugins.retention.acts import Retention, items_of
from tieline.plugins.retention.people import Clear
from tieline.plugins.retention.tables import PersonToErase

AT_ONCE: Final = 10
"""Items that a step forgets."""


class Repeat(Ask):
    """What was forgotten before the store was put back."""


class Repeated(State):
    """How far it has looked for items, which of them are left, and how many people and items are done."""

    after: int | None = 0
    items: tuple[str, ...] = ()
    done: int = 0


class Again:
    """What the plugin does again."""

    def __init__(self, does: Retention) -> None:
        self._does = does

    def repeat(self, desk: Desk, _ask: Repeat, so_far: Repeated) -> Step | Done:
        """Forget again what a backup that was put back has brought back: people and items."""
        held: list[str] = []
        for one in desk.people_to_forget_again():
            if one.held:
                held.append(one.held)
            else:
                begin(desk, one.reference, str(one.told["law"]), texts=bool(one.told["texts"]))
                return Step(so_far.model_copy(update={"done": so_far.done + 1}), so_far.done + 1)
        if so_far.after is not None:
            found, after = desk.items_to_forget_again(so_far.after)
            now = {"after": after, "items": (*so_far.items, *found)}
            return Step(so_far.model_copy(update=now), so_far.done)
        items = items_of(desk, so_far.items)
        free = [one for one in items if not desk.on_hold(one)][:AT_ONCE]
        for item in free:
            self._does.forget_again(desk, item)
        left = tuple(one.uid for one in items if one not in free)
        done = so_far.done + len(free)
        if free:
            return Step(so_far.model_copy(update={"items": left, "done": done}), done)
        held += map(desk.on_hold, items)
        if held:
            raise NotDone(f"{len(held)} of what was forgotten before the store was put back wait: {held[0]}")
        desk.nothing_to_forget_again()
        return Done()


def begin(desk: Desk, reference: str, law: str, *, texts: bool) -> None:
    """Begin with one person again."""
    desk.forget_person_again(reference)
    desk.record(PersonToErase(reference=reference, law=law, texts=texts))
    desk.start("clear", Clear(reference=reference))
