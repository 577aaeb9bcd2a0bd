"""Forgetting an item takes what every table holds of it, out of the file as well; and nothing of another item."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from structlog.testing import capture_logs

from tieline.core import journal
from tieline.core.port import Hint, Reading, Received, Ref, Version
from tieline.core.store import forgetting
from tieline.core.store import tables as t
from tieline.sync.intake.intake import Intake
from tieline.sync.office.stepping import step
from tieline.sync.testing.ground import DESK, OWNER, Ground
from tieline.sync.testing.toy import toy

CANARY = "canary 51c0de"


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with capture_logs():
        made = Ground(tmp_path, toy)
        made.work()
        yield made
        made.close()


def forget(ground: Ground, number: str) -> None:
    wanted = [ground.incident(number).id]
    at = ground.clock.now()
    journal.forget_incidents(ground.engine.store, wanted, at=at, actor="dpo", why="request 12")


def test_every_table_says_what_it_lets_go_of() -> None:
    assert {*forgetting.FORGETS} == {*t.metadata.tables}


def full(ground: Ground) -> tuple[str, str]:
    """Two items of which everything is kept that a plugin can have kept."""
    numbers = ground.open(), ground.open()
    for number, words in zip(numbers, (CANARY, "harmless"), strict=True):
        ground.perform("toy care", {"incident": number, "words": words}, key=f"k {number}")
    ground.perform("toy tell", {})
    ground.work()
    with ground.engine.store.write() as tx:
        for number in numbers:
            item = ground.incident(number)
            told = {"incident": item.id, "facts": {"words": CANARY if number == numbers[0] else "harmless"}}
            due = ground.clock.now() + timedelta(days=9)
            tx.execute(insert(t.timer), {"key": number, "kind": "toy.look", "due_at": due, "payload": told})
    return numbers


def test_what_is_kept_of_it_is_gone_and_of_another_one_is_there(ground: Ground) -> None:
    number, other = full(ground)
    forget(ground, number)
    assert [row[2] for row in ground.rows()["toy__care"]] == ["harmless"]
    with ground.engine.store.read() as connection:
        assert connection.execute(select(t.blob)).all() == []
        assert connection.execute(select(t.job.c.state, t.job.c.ask)).tuples().all() == [(None, {})]
        kept = connection.execute(select(t.timer.c.key).where(t.timer.c.key.like("INC-%"))).scalars().all()
        assert kept == [other]
        answers = [row["sentence"] for row in connection.execute(select(t.act_key.c.answer)).scalars()]
    assert sorted(CANARY in one for one in answers) == [False, False]
    assert forgetting.FORGOTTEN_ANSWER in answers
    assert journal.verify(ground.engine.store).count > 0
    ground.restart()
    ground.work()
    assert [row[2] for row in ground.rows()["toy__care"]] == ["harmless"]


def test_of_what_waits_for_an_approval_the_words_go_and_the_time_is_over(ground: Ground) -> None:
    numbers = ground.open(), ground.open()
    now = ground.clock.now()
    until = now + timedelta(hours=1)
    with ground.engine.store.write() as tx:
        asker = tx.person(OWNER)
        tx.flush()
        for number in numbers:
            item = int(ground.incident(number).id)
            row = {"id": number, "label": number, "act": "edit", "ask": {"words": CANARY}, "asker": asker, "token": ""}
            about = {"incident_id": item, "items": {str(item): 1}, "rights": [], "approvals": [], "sha": ""}
            times = {"state": "open", "asked_at": now, "until": until, "entry": 1}
            tx.execute(insert(t.proposal), {**row, **about, **times})
    forget(ground, numbers[0])
    with ground.engine.store.read() as connection:
        query = select(t.proposal.c.ask, t.proposal.c.until).order_by(t.proposal.c.id)
        found = connection.execute(query).tuples().all()
    assert found == [({}, now), ({"words": CANARY}, until)]


def test_its_words_stand_in_no_file_and_in_no_dump(ground: Ground, tmp_path: Path) -> None:
    number, _other = full(ground)
    forget(ground, number)
    for file in [one for one in tmp_path.iterdir() if one.name.startswith("contract.db")]:
        assert CANARY.encode() not in file.read_bytes(), file.name
    with sqlite3.connect(tmp_path / "contract.db") as dumped:
        assert not any(CANARY in line for line in dumped.iterdump())


def test_a_running_job_that_tells_of_it_does_not_go_on(ground: Ground) -> None:
    number = ground.open()
    ground.perform("toy care", {"incident": number, "words": CANARY})
    ground.perform("toy tell", {})
    step(ground.engine, "contract")
    forget(ground, number)
    ground.work()
    assert [one[1] for one in ground.jobs()] == ["cancelled"]


def test_a_webhook_that_brings_its_record_is_not_kept_to_be_looked_at(ground: Ground, tmp_path: Path) -> None:
    number, other = ground.open(), ground.open()
    refs = {}
    with ground.engine.store.read() as connection:
        for one in (number, other):
            query = select(t.replica.c.ref).where(t.replica.c.incident_id == ground.incident(one).id)
            refs[one] = Ref(connection.execute(query).scalar_one())
    forget(ground, number)
    told = [
        Hint(refs[one], Reading(refs[one], Version("9"), {"title": words}))
        for one, words in ((number, CANARY), (other, "harmless"))
    ]
    assert Intake(ground.engine).store([(DESK, Received("d1", tuple(told)))]) == [True]
    with ground.engine.store.read() as connection:
        assert connection.execute(select(t.inbox.c.ref)).scalars().all() == [refs[other]]
    assert not any(CANARY.encode() in one.read_bytes() for one in tmp_path.glob("contract.db*"))
