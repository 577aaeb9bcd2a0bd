"""What every act owes: a right, words, an example; and that it is done as it is declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import pytest

from tieline.core.acts import Act, NotDone
from tieline.core.declared import WrongWords
from tieline.core.errors import NotAllowed
from tieline.core.store.forgetting import FORGOTTEN_ANSWER
from tieline.sync.office.office import Performed
from tieline.sync.testing import story
from tieline.sync.testing.ground import NOBODY, Ground
from tieline.sync.testing.readying import ready


def acts_of(ground: Ground) -> list[Act]:
    """The plugin's acts, by their full names."""
    return list(ground.engine.registry.offers.acts.values())


def fail_for(wrong: Iterable[str]) -> None:
    """Fail with these sentences, where there are any."""
    told = "; ".join(wrong)
    if told:
        pytest.fail(told)


def succeeding(ground: Ground, act: Act, asked: Mapping[str, Any], key: str = "") -> Performed:
    """Do an act with its example. Fails where that does not succeed."""
    try:
        return ground.perform(act.name, asked, key=key)
    except (NotDone, WrongWords, LookupError, NotAllowed) as error:
        pytest.fail(f"the example of {act.name!r} does not succeed: {error}")
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything
        pytest.fail(f"the example of {act.name!r} ends in {type(error).__name__}: {error}")


class ActContract:
    """Acts, each by its example."""

    def test_every_act_has_an_example_that_succeeds(self, ground: Ground) -> None:
        for act in acts_of(ground):
            if act.example is None:
                pytest.fail(f"the act {act.name!r} has no example; say what it may be told so that it succeeds")
            done = succeeding(ground, act, ready(ground, act, ground.open()))
            assert done.sentence.strip(), f"{act.name!r} answers without a word"

    def test_without_the_right_it_is_refused_and_journalled_so(self, ground: Ground) -> None:
        number = ground.open()
        for act in acts_of(ground):
            asked = ready(ground, act, number)
            before = ground.rows()
            with pytest.raises(NotAllowed):
                ground.perform(act.name, asked, NOBODY)
            last = ground.entries()[-1]
            assert (last.kind, last.facts.get("act")) == ("act_refused", act.name), (
                f"{act.name!r} was refused, and the journal does not say so"
            )
            assert ground.rows() == before, f"{act.name!r} was refused, and left rows"

    def test_it_records_what_it_declares(self, ground: Ground) -> None:
        declared = {act.name: {event.KIND for event in act.records} for act in acts_of(ground)}
        seen = story.tell(ground)
        wrong = [words for words in story.missing(ground, seen) if "record" in words or "happened" in words]
        for name, kinds in declared.items():
            wrong += [
                f"the act {name!r} recorded {kind!r}, and does not declare it"
                for act, kind in seen.recorded
                if act == name and kind not in kinds
            ]
        fail_for([*wrong, *ground.failures()])

    def test_the_same_key_answers_the_same_and_is_done_once(self, ground: Ground) -> None:
        for act in acts_of(ground):
            asked = ready(ground, act, ground.open())
            first = succeeding(ground, act, asked, key="one")
            ground.work()
            before = len(ground.entries())
            second = succeeding(ground, act, asked, key="one")
            is_forgotten = second.sentence == FORGOTTEN_ANSWER
            assert is_forgotten or _told(second) == _told(first), (
                f"{act.name!r} answers otherwise when it is asked again"
            )
            assert len(ground.entries()) == before, f"{act.name!r} is done again under the same key"


def _told(done: Performed) -> tuple[bytes, str, int | None]:
    return orjson.dumps(done.facts, option=orjson.OPT_SORT_KEYS), done.sentence, done.seq
