"""What has to be there before something of a plugin's can be asked for: an item of a kind that the plugin opens, and
what is done to it before. The offer says so: `Act.opens` and `Act.after`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tieline.core.acts import Act, NotDone
from tieline.core.arguments import item_fields
from tieline.core.declared import Declared
from tieline.core.model import RecordKind
from tieline.sync.testing.ground import Ground


def asked_of(declared: Declared, number: str, **given: Any) -> dict[str, Any]:
    """Its example, about this item."""
    names = {name: number for name in item_fields(declared.ask) if name in (declared.example or {})}
    return {**(declared.example or {}), **names, **given}


def ready(ground: Ground, declared: Declared, number: str, **given: Any) -> dict[str, Any]:
    """Its example about this item; or about one that the plugin opens for it, where it is about those of another kind.
    What comes before is done. Fails where the offer does not say how that is brought about."""
    about = opened(ground, declared, number) if is_of_own_kind(declared) else number
    for name in declared.after if isinstance(declared, Act) else ():
        before = ground.engine.registry.offers.acts[f"{ground.offer.group} {name}"]
        asked = asked_of(before, about if before.kind == declared.kind else number)
        with suppress(NotDone):  # as it is already, or it is about what is done to something else
            ground.perform(before.name, asked)
        ground.work()
    return asked_of(declared, about, **given)


def is_of_own_kind(declared: Declared) -> bool:
    """Whether it is about items of a kind that a plugin offers, or of any but incidents."""
    return declared.kind not in ("", RecordKind.INCIDENT)


def as_it_is(ground: Ground, declared: Declared, number: str, **given: Any) -> dict[str, Any]:
    """Its example about this item; or about the one of its own kind that was opened last, whatever was done to it."""
    if not is_of_own_kind(declared):
        return asked_of(declared, number, **given)
    there = ground.numbers(declared.kind)
    return asked_of(declared, there[-1] if there else opened(ground, declared, number), **given)


def _open(ground: Ground, opener: Act, number: str) -> None:
    asked = ready(ground, opener, number)
    try:
        ground.perform(opener.name, asked)
    except NotDone:
        # What comes after something and is about no item takes back what was said of everything, such as a halt.
        acts = ground.engine.registry.offers.acts.values()
        for back in (act for act in acts if act.after and not item_fields(act.ask)):
            with suppress(NotDone):
                ground.perform(back.name, asked_of(back, number))
        ground.perform(opener.name, asked)


def opened(ground: Ground, declared: Declared, number: str) -> str:
    """An item of its kind, opened for this one; the last one there is, where nothing is opened as things are. Fails
    where no act says that it opens one, or none comes of that. Raises NotDone where there is none at all."""
    acts = ground.engine.registry.offers.acts.values()
    opener = next((act for act in acts if act.opens == declared.kind), None)
    if opener is None:
        pytest.fail(f"{declared.name!r} is about a {declared.kind}, and no act says that it `opens` one")
    before = ground.numbers(declared.kind)
    try:
        _open(ground, opener, number)
    except NotDone:
        if not before:
            raise
        return before[-1]
    ground.work()
    new = [one for one in ground.numbers(declared.kind) if one not in before]
    if not new:
        pytest.fail(f"the act {opener.name!r} says that it opens a {declared.kind}, and opens none")
    return new[0]
