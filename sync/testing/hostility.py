"""Text is data, whatever it says: in what an act is told, and in the fields of an item."""

from __future__ import annotations

from typing import Annotated, Any, Final, get_args, get_origin

import orjson
import pytest

from tieline.core.acts import Act, NotDone
from tieline.core.arguments import item_fields, person_fields
from tieline.core.declared import WrongWords
from tieline.core.errors import PluginFault
from tieline.sync.testing.acting import acts_of, fail_for
from tieline.sync.testing.ground import Ground
from tieline.sync.testing.readying import as_it_is, ready

HOSTILE: Final = (
    "{0} {x} {__class__}",
    "%s %(x)s %d %",
    "'; DROP TABLE incident; --",
    "<script>alert(1)</script>",
    "\u202e evil \u2066 \ufeff",
    "\x1b[2J\x07",
    "\ud800",
    "nul \0 nul",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "😀" * 200,
    "x" * 200_000,
)
TITLES: Final = tuple(text for text in HOSTILE if text.isprintable() and len(text) < 300)


def text_arguments(act: Act) -> list[str]:
    """The arguments of an act that are text of any kind."""
    named = {*item_fields(act.ask), *person_fields(act.ask)}
    fields = act.ask.model_fields.items()
    return [name for name, field in fields if name not in named and _is_text(field.annotation)]


def _is_text(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_text(get_args(annotation)[0])
    return annotation is str or any(_is_text(one) for one in get_args(annotation) if one is not type(None))


class HostileContract:
    """Hostile text."""

    def test_hostile_words_are_refused_in_a_sentence_or_kept_as_they_are(self, ground: Ground) -> None:
        number = ground.open()
        for act in acts_of(ground):
            for name in text_arguments(act):
                asked = ready(ground, act, number)
                for text in HOSTILE:
                    _told(ground, act, {**asked, name: text}, name, text)
            ground.work()
        _is_at_rest(ground, number)

    def test_an_item_may_say_anything(self, ground: Ground) -> None:
        number = ground.open()
        for text in TITLES:
            number = ground.open(title=text)
            for act in acts_of(ground):
                _told(ground, act, as_it_is(ground, act, number), "title", text)
        ground.pass_time(2 * 86_400)
        _is_at_rest(ground, number)


def _told(ground: Ground, act: Act, asked: dict[str, Any], name: str, text: str) -> None:
    shown = ascii(text[:40])
    try:
        done = ground.perform(act.name, asked)
    except (NotDone, WrongWords, LookupError) as error:
        if len(str(error).split()) < 3:
            pytest.fail(f"{act.name!r} with {name} = {shown} ends in {type(error).__name__}, and not in a sentence")
    except PluginFault as fault:
        raised = type(fault.__cause__).__name__
        pytest.fail(f"{act.name!r} with {name} = {shown} ends in {raised}, and not in a sentence: {fault}")
    except Exception as error:  # noqa: BLE001 - whatever it raises, that is the finding
        pytest.fail(
            f"{act.name!r} with {name} = {shown} ends in {type(error).__name__}, and not in a sentence: {error}"
        )
    else:
        orjson.dumps(done.facts)
        done.sentence.encode()
        if done.seq is not None:
            _is_kept(ground, act, asked, done.seq, shown)


def _is_kept(ground: Ground, act: Act, asked: dict[str, Any], seq: int, shown: str) -> None:
    kept = next(one for one in ground.entries() if one.seq == seq).facts.get("ask")
    assert kept is None or kept == act.told(asked).plain(), (
        f"{act.name!r} was told {shown}, and the journal says otherwise"
    )


def _is_at_rest(ground: Ground, number: str) -> None:
    fail_for(ground.failures())
    for view in ground.engine.registry.offers.views.values():
        orjson.dumps(ground.see(view.name, as_it_is(ground, view, number)).facts)
