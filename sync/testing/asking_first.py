"""What asks first is done by somebody else's leave, and as it was shown: an act says so in `asks_first`."""

from __future__ import annotations

from typing import Final

import pytest
from sqlalchemy import select

from tieline.core.acts import Act, NotDone
from tieline.core.errors import NotAllowed
from tieline.core.store import tables as t
from tieline.sync.testing.acting import acts_of
from tieline.sync.testing.ground import OWNER, Ground
from tieline.sync.testing.readying import ready

CHANGED: Final = "Changed after it was shown"


def asking(ground: Ground) -> list[Act]:
    """The plugin's acts that ask first."""
    return [act for act in acts_of(ground) if act.asks_first]


class AskingFirstContract:
    """Proposals."""

    def test_what_asks_first_is_done_by_somebody_elses_leave_alone(self, ground: Ground) -> None:
        for act in asking(ground):
            number = ground.open()
            asked = ready(ground, act, number)
            before = ground.rows(), ground.told()
            for proposed in (ground.ask(act.name, asked) for _ in range(2)):
                if not proposed.proposal:
                    pytest.fail(f"{act.name!r} says that it asks first, and whoever asked had its example done at once")
                ground.work()
                if (ground.rows(), ground.told()) != before:
                    pytest.fail(f"{act.name!r} asks first, and wrote before anybody had approved it")
                with pytest.raises(NotAllowed):
                    ground.approve(proposed.proposal, OWNER)
            third = ground.ask(act.name, asked)
            ground.pass_time(60)
            try:
                ground.approve(third.proposal)
            except NotDone as error:
                pytest.fail(f"{act.name!r} is not done although nothing changed since it was shown: {error}")

    def test_nothing_is_written_that_whoever_approved_it_had_not_seen(self, ground: Ground) -> None:
        for act in asking(ground):
            number = ground.open()
            proposed = ground.ask(act.name, ready(ground, act, number))
            ground.edit(number, title=CHANGED)
            before = _written(ground)
            try:
                ground.approve(proposed.proposal)
            except NotDone:
                continue
            ground.work()
            if _written(ground) > before:
                pytest.fail(f"{act.name!r} asks first, and writes what was changed after it was shown")

    def test_nothing_is_read_outside_but_what_somebody_else_approved_byte_for_byte(self, ground: Ground) -> None:
        number = ground.open()
        for act in acts_of(ground) if ground.outside else ():
            asked = ready(ground, act, number)
            ground.settle()
            try:
                done = ground.ask(act.name, asked)
            except NotDone:  # that its example succeeds is another line's
                continue
            ground.settle()
            _is_shown_as_approved(ground, act)
            ground.approve(done.proposal)
            ground.settle()
            _is_shown_as_approved(ground, act)


def _is_shown_as_approved(ground: Ground, act: Act) -> None:
    for one in ground.shown():
        if one.now and one.now not in one.approved:
            pytest.fail(f"after {act.name!r} something of {one.number} is read outside that nobody else has approved")
        if one.approved and one.now != one.approved[-1]:
            pytest.fail(
                f"after {act.name!r} what was approved of {one.number} is not what is read outside: "
                f"{'; '.join(ground.held()) or 'it says something else'}"
            )


def _written(ground: Ground) -> int:
    """How often what was changed stands in what the plugin has written."""
    with ground.engine.store.read() as connection:
        comments = connection.execute(select(t.comment.c.body)).scalars().all()
    told = [entry.facts for entry in ground.told()]
    return f"{told} {ground.rows()} {comments}".count(CHANGED)
