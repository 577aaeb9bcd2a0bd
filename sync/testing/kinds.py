"""Items of a plugin's own kinds: each is opened by an act that says so, and nothing takes one for another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tieline.core.acts import Act, NotDone
from tieline.core.arguments import item_fields
from tieline.core.declared import Declared, WrongWords
from tieline.sync.testing.acting import acts_of, succeeding
from tieline.sync.testing.ground import Ground
from tieline.sync.testing.readying import asked_of, ready


class KindContract:
    """Kinds."""

    def test_an_act_opens_items_of_the_kind_that_it_declares(self, ground: Ground) -> None:
        for act in acts_of(ground):
            asked = ready(ground, act, ground.open())
            before = _every(ground)
            succeeding(ground, act, asked)
            new = {kind for kind, number in _every(ground) - before}
            wanted = {act.opens} if act.opens else set[str]()
            if new != wanted:
                pytest.fail(
                    f"the act {act.name!r} opened {_listed(new)}, and declares that it opens {_listed(wanted)}: "
                    "`opens` says so"
                )
        opens = {act.opens for act in acts_of(ground)}
        for kind in ground.kinds:
            assert kind in opens, f"the kind {kind!r} is offered, and no act says that it `opens` one"

    def test_an_item_of_another_kind_is_refused_in_a_sentence_or_taken(self, ground: Ground) -> None:
        number = ground.open()
        for act in acts_of(ground):
            if act.opens:
                succeeding(ground, act, ready(ground, act, number))
                ground.work()
        items = [number, *(ground.numbers(kind)[0] for kind in ground.kinds if ground.numbers(kind))]
        for declared in (*acts_of(ground), *ground.engine.registry.offers.views.values()):
            for item in items if item_fields(declared.ask) else ():
                why = _wrong(ground, declared, item)
                if why:
                    pytest.fail(f"{declared.name!r} about {item} ends in {why}, and not in a sentence")


def _every(ground: Ground) -> set[tuple[str, str]]:
    return {(kind, number) for kind in ground.kinds for number in ground.numbers(kind)}


def _listed(kinds: set[str]) -> str:
    return ", ".join(sorted(kinds)) or "nothing"


def _wrong(ground: Ground, declared: Declared, item: str) -> str:
    """With what it ends, where that is nobody's sentence; "" otherwise."""
    asked: dict[str, Any] = {**asked_of(declared, item), **dict.fromkeys(item_fields(declared.ask), item)}
    try:
        if isinstance(declared, Act):
            ground.perform(declared.name, asked)
        else:
            ground.see(declared.name, asked)
    except (NotDone, WrongWords, LookupError) as error:
        return "" if len(str(error).split()) > 2 else type(error).__name__
    except Exception as error:  # noqa: BLE001 - whatever it raises, that is the finding
        return f"{type(error.__cause__ or error).__name__}: {error}"
    return ""


def numbers_of(ground: Ground) -> Iterator[str]:
    """The items of the plugin's own kinds, and of those that it opens."""
    for kind in ground.kinds:
        yield from ground.numbers(kind)
