"""A person is forgotten: nothing names them any more, what they did stays, and the chain is whole."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from tieline.core import erasing, grants, journal, standings
from tieline.core.access import Relation
from tieline.core.acts import NotDone
from tieline.core.declared import WrongWords
from tieline.core.errors import NotAllowed, NotThere
from tieline.core.holds import OnHold
from tieline.core.identity import Someone
from tieline.core.jobs import number_of
from tieline.core.model import Audience
from tieline.core.port import Reading, Ref, Version
from tieline.core.store import tables as t
from tieline.core.store.move import copy
from tieline.core.store.store import Store
from tieline.plugins.retention.plugin import Plugin
from tieline.plugins.retention.policy import Settings
from tieline.plugins.retention.tables import ENDED
from tieline.sync import explain
from tieline.sync.comments import comments
from tieline.sync.intake import inbox
from tieline.sync.office import jobs
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform
from tieline.sync.office.projecting import make_all
from tieline.sync.office.stepping import step
from tieline.sync.road.read import sight
from tieline.sync.testing.ground import DESK, OWNER, Ground

EVA = Someone("Eva Canary", "os:evacanary@db1")
ADDRESS = "ann@example.com"
CASE = {"reference": "DSR-12", "law": "GDPR Art. 17(1)", "addresses": ADDRESS}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Path]]:
    folder = tmp_path_factory.mktemp("people")
    with capture_logs():
        ground = Ground(folder / "ground", Plugin(Settings()).tieline_offer)
        ground.admit()
        ground.work()
        plant(ground)
        yield ground, folder
        ground.close()


@pytest.fixture
def ground(made: tuple[Ground, Path], tmp_path: Path) -> Iterator[Ground]:
    copied = made[0].copied(tmp_path / "ground")
    yield copied
    copied.close()


def own(ground: Ground, name: str, **given: Any) -> Any:
    declared = OWN[name]
    done = perform(ground.engine, declared, declared.told(given), ground.person(OWNER).asker, key="")
    ground.approve(done.proposal)
    return done.facts


def plant(ground: Ground) -> None:
    """Whatever tells of a person."""
    number = ground.open(title="Disk full", severity="low", assignee="person-1")
    ground.edit(number, assignee=None)
    ground.edit(number, assignee="person-1")
    item, at = ground.incident(number), ground.clock.now()
    with ground.engine.store.write() as tx:
        comments.write(tx, ground.engine, item.id, EVA, "What she wrote.", Audience.STAFF)
        comments.write(tx, ground.engine, item.id, OWNER, "What he wrote.", Audience.STAFF)
        person = tx.person(EVA)
        standings.add(tx, person, Relation.COMMANDER, item.id, source="", at=at, actor=OWNER)
    own(ground, "access grant", person=EVA.identity, role="responder")
    own(ground, "edit", incident=number, changes={"assignee": ADDRESS, "severity": "high"})
    ground.settle()


def everything(folder: Path) -> bytes:
    return b"\n".join(
        one.name.encode() + one.read_bytes() for one in sorted(folder.iterdir()) if one.name.startswith("contract.")
    )


def leaks(found: bytes | str) -> list[str]:
    text = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
    return [one for one in (EVA.name, "evacanary", ADDRESS) if one.casefold() in text.casefold()]


def erase(ground: Ground, **given: Any) -> None:
    ground.perform("retention erase-person", {"person": EVA.identity, **CASE, **given})


def test_nothing_names_them_afterwards_and_the_chain_is_whole(ground: Ground, tmp_path: Path) -> None:
    assert len(leaks(everything(ground.folder))) == 3, "they were not planted"
    with capture_logs() as logs:
        erase(ground)
        ground.work()
        assert not leaks(everything(ground.folder)), "the file, its log and the keys"
        ground.settle()
        seen = ground.see("retention people", {"reference": "DSR-12"}).facts
    assert not leaks(f"{logs}{seen}{[one.facts for one in ground.entries()]}")
    with ground.engine.store.read() as connection:
        raw: Any = connection.connection.driver_connection
        assert not [line for line in raw.iterdump() if leaks(line)]
    ground.restart()
    assert not leaks(everything(ground.folder)), "what the tool told again, and is not taken in"
    assert journal.verify(ground.engine.store).count > 0
    with Store.open(f"sqlite:///{tmp_path / 'moved.db'}") as target:
        target.migrate()
        copy(ground.engine.store, target, at=ground.clock.now(), actor="ann")
        assert journal.verify(target).count > 0
    for file in [one for one in tmp_path.iterdir() if one.name.startswith("moved.db")]:
        assert not leaks(file.read_bytes()), file.name
    with sqlite3.connect(tmp_path / "moved.db") as dumped:
        assert not leaks("\n".join(dumped.iterdump()))


def test_what_they_did_stays_and_what_they_held_is_gone(ground: Ground) -> None:
    erase(ground, texts=True)
    ground.work()
    ground.settle()
    with ground.engine.store.read() as connection:
        written = connection.execute(t.comment.select().order_by(t.comment.c.id)).all()
        assert [(one.author, one.body) for one in written] == [
            ("somebody who was forgotten", "(forgotten)"),
            ("owner", "What he wrote."),
        ]
        for table in (t.standing, t.session, t.local_account):
            assert not connection.execute(table.select()).all(), table.name
        named = connection.execute(t.person.select().where(t.person.c.name == EVA.name)).all()
        assert not named
    assert ground.incident("INC-1").fields.get("assignee") is None
    assert ground.incident("INC-1").fields["title"] == "Disk full"
    seen = ground.see("retention people", {"reference": "DSR-12"}).facts
    told = json.loads(seen["certificate"])
    assert (told["law"], told["copies"], told["texts"]) == ("GDPR Art. 17(1)", ["desk MEM-1"], True)
    assert told["entries"] > 3
    assert "backups" in told["not_reached"]
    ground.restart()
    ground.edit("INC-1", title="Disk fuller")
    assert ground.see("retention people", {"reference": "DSR-12"}).facts == seen, "the same for ever"
    assert ground.incident("INC-1").fields.get("assignee") is None, "the tool's own does not come in again"


def test_what_others_wrote_stays_and_so_does_its_place_in_retention(ground: Ground) -> None:
    def told(kind: str) -> list[Any]:
        return [one.facts for one in ground.entries() if one.kind == kind and one.facts]

    def ends() -> Any:
        with ground.engine.store.read() as connection:
            return connection.execute(select(ENDED).order_by(ENDED.c.subject)).all()

    ground.edit("INC-1", status="closed")
    ground.settle()
    before, [was], changed = ends(), told("opened"), len(told("changed"))
    erase(ground)
    ground.work()
    with ground.engine.store.read() as connection:
        left = explain.why(connection, ground.incident("INC-1"), "assignee").replaced
        history = explain.history(connection, ground.incident("INC-1").id)
    replaced = {one["seq"] for one in history if "replaced" in one["facts"]}
    assert {one.seq for one in journal.verify(ground.engine.store).replaced} >= replaced >= {*left} > set()
    [opened] = told("opened")
    assert opened == {**was, "fields": {**was["fields"], "assignee": "(forgotten)"}}
    assert len(told("changed")) == changed
    assert "high" in repr(told("changed"))
    own(ground, "plugin rebuild", plugin="retention")
    assert make_all(ground.engine.store, ground.offer, "again")
    assert before
    assert ends() == before


def test_what_waits_for_an_approval_and_names_them_ends_and_no_hash_tells_whom_it_named(ground: Ground) -> None:
    waits = ground.ask("retention erase-person", {"person": ADDRESS, "reference": "DSR-2", "law": "A law."})
    erase(ground)
    with ground.engine.store.read() as connection:
        hashes = connection.execute(select(t.proposal.c.sha).where(t.proposal.c.act == "retention erase-person")).all()
    ground.work()
    with pytest.raises(NotDone):
        ground.approve(waits.proposal)
    found = everything(ground.folder)
    assert len(hashes) == 2
    assert not [one.sha for one in hashes if one.sha.encode() in found]


def test_what_a_tool_tells_of_them_later_is_not_kept_to_be_looked_at(ground: Ground) -> None:
    erase(ground)
    ground.work()
    body = {"title": "Ask her", "assignee": ADDRESS.upper(), "watchers": [ADDRESS, "bob@example.com"]}
    reading = Reading(Ref("9"), Version("1"), body, people={"7": ADDRESS})
    with ground.engine.store.write() as tx:
        inbox.put(tx, DESK, [(Ref("9"), reading)], asked=0, now=ground.clock.now())
    assert not leaks(everything(ground.folder))
    with ground.engine.store.read() as connection:
        [kept] = inbox.brought(connection, DESK, ground.clock.now(), 9)
    assert kept.reading is not None
    assert kept.reading.body == {
        "title": "Ask her",
        "assignee": "(forgotten)",
        "watchers": ["(forgotten)", "bob@example.com"],
    }
    assert sight(ground.engine, ground.engine.connections[DESK], kept.reading, asked=0).fields.get("assignee") is None


def test_it_goes_on_after_a_kill_and_begins_again_after_it_was_cancelled(ground: Ground) -> None:
    erase(ground)
    assert step(ground.engine, "first", group="retention")
    assert ground.see("retention people", {"reference": "DSR-12"}).facts["certificate"] is None
    ground.restart()
    ground.cancel("JOB-1")
    ground.clock.advance(3_600)
    ground.perform("retention clear", {"reference": "DSR-12"})
    ground.work()
    assert not leaks(everything(ground.folder))
    assert ground.see("retention people", {"reference": "DSR-12"}).facts["certificate"]


def test_it_is_refused_in_a_sentence(ground: Ground) -> None:
    def refused(words: str, error: type[Exception] = NotDone, **given: Any) -> None:
        with pytest.raises(error, match=words):
            ground.ask("retention erase-person", {"person": EVA.identity, **CASE, **given})

    with ground.engine.store.write() as tx:
        tx.person(Someone(EVA.name, "told:desk:eva"))
    refused("the journal knows nobody called 'os:nobody@db1'", person="os:nobody@db1")
    refused("several are called 'Eva Canary'", person=EVA.name)
    refused("that is you", person=OWNER.identity)
    refused("is no e-mail address", addresses="ann")
    with ground.engine.store.read() as connection:
        person = grants.person_of(connection, EVA)
    refused("take one that names nobody", reference=person, person=person)
    with pytest.raises(WrongWords):
        ground.ask("retention erase-person", {"person": EVA.identity, **CASE, "reference": ADDRESS})
    proposed = ground.ask("retention erase-person", {"person": EVA.identity, **CASE}).proposal
    with pytest.raises(NotAllowed):
        ground.approve(proposed, OWNER)
    hold = own(ground, "holds place", reference="2026-CV-1834", why="A lawsuit.", incident="INC-1")["hold"]
    with pytest.raises(NotDone):
        ground.approve(proposed)
    refused("HOLD-1 is over it", OnHold)
    refused("HOLD-1 is over it", OnHold, person=ADDRESS, addresses=None)
    assert len(leaks(everything(ground.folder))) == 3
    own(ground, "holds lift", hold=hold, why="It is settled.")
    erase(ground)
    refused("is the case of somebody already", person=ADDRESS, addresses=None)
    again = ground.ask("retention erase-person", {"person": EVA.identity, **CASE, "reference": "DSR-14"}).proposal
    with pytest.raises(NotDone, match="they are being forgotten already, by DSR-12"):
        ground.approve(again)
    with pytest.raises(NotThere):
        ground.see("retention people", {"reference": "DSR-13"})


def test_a_hold_that_is_placed_meanwhile_has_the_rest_wait(ground: Ground) -> None:
    erase(ground)
    hold = own(ground, "holds place", reference="2026-CV-1834", why="A lawsuit.", incident="INC-1")["hold"]
    for _ in range(30):
        ground.clock.advance(3_600)
        ground.work()
    assert ADDRESS in leaks(everything(ground.folder))
    assert ground.incident("INC-1").fields["assignee"] == ADDRESS
    own(ground, "holds lift", hold=hold, why="It is settled.")
    own(ground, "jobs resume", job="JOB-1")
    ground.work()
    assert not leaks(everything(ground.folder))


def test_whoever_never_acted_here_is_forgotten_by_their_address(ground: Ground) -> None:
    ground.perform("retention erase-person", {"person": ADDRESS, "reference": "DSR-1", "law": "GDPR Art. 17(1)"})
    ground.work()
    assert leaks(everything(ground.folder)) == [EVA.name, "evacanary"], "somebody else as far as anything here says"


def put_back(ground: Ground, backup: Path, *, with_keys: bool = False) -> None:
    """Put a backup of the database in its place; what lies beside it stays as it is."""
    ground.close()
    for file in [one for one in ground.folder.iterdir() if one.name in ("contract.db", *_BESIDE)]:
        file.unlink()
    for file in [one for one in backup.iterdir() if one.name in ("contract.db", *_BESIDE)]:
        shutil.copy(file, ground.folder / file.name)
    if with_keys:
        shutil.copy(backup / "contract.db.keys", ground.folder / "contract.db.keys")
    ground.begin()


_BESIDE = ("contract.db-wal", "contract.db-shm")


def backed_up(ground: Ground, folder: Path) -> Path:
    ground.close()
    shutil.copytree(ground.folder, folder)
    ground.begin()
    return folder


def parked(ground: Ground, job: str) -> str:
    """With what sentence a job waits."""
    with ground.engine.store.read() as connection:
        return str(jobs.named(connection, number_of(job)).parked)


def stalled(ground: Ground) -> list[str]:
    """What `tieline status` says does not go on."""
    enquiries = Enquiries(ground.engine.store, ground.engine.config, OWN_VIEWS, offers=ground.engine.registry.offers)
    return list(enquiries.see("status", {}, ground.person(OWNER)).facts["stalled"])


def outstanding(ground: Ground) -> list[str]:
    with ground.engine.store.read() as connection:
        return [one.case for one in erasing.outstanding(connection)]


def test_a_backup_that_is_put_back_brings_nobody_back(ground: Ground, tmp_path: Path) -> None:
    backup = backed_up(ground, tmp_path / "backup")
    erase(ground, texts=True)
    ground.work()
    ground.settle()
    kept = (ground.folder / "contract.db.keys.erased").read_bytes()
    assert not leaks(kept)
    assert json.loads(kept)["law"] == "GDPR Art. 17(1)"
    assert outstanding(ground) == []

    put_back(ground, backup)
    assert len(leaks(everything(ground.folder))) == 3, "the backup has them"
    assert outstanding(ground) == ["DSR-12"]
    [sentence] = stalled(ground)
    assert "a person who was forgotten is in it again; `tieline retention repeat`" in sentence
    ground.perform("retention repeat", {})
    assert step(ground.engine, "first", group="retention")
    assert outstanding(ground) == stalled(ground) == []
    ground.restart()
    ground.clock.advance(3_600)
    ground.work()
    ground.settle()
    assert not leaks(everything(ground.folder)), "the file, its log and what lies beside it"
    assert journal.verify(ground.engine.store).count > 0
    assert ground.see("retention people", {"reference": "DSR-12"}).facts["certificate"]
    with ground.engine.store.read() as connection:
        assert erasing.forgotten(connection, {ADDRESS, "ANN@example.com", "bob@example.com"}) == {
            ADDRESS,
            "ANN@example.com",
        }
        wrote = connection.execute(select(t.comment.c.author, t.comment.c.body).order_by(t.comment.c.id)).all()
    assert wrote[0] == ("somebody who was forgotten", "(forgotten)")
    assert wrote[1].body == "What he wrote."

    before = len(ground.entries())
    ground.perform("retention repeat", {})
    ground.work()
    told = [one.kind for one in ground.entries()[before:]]
    assert "retention.person_begun" not in told, "once is enough"


def test_a_backup_that_is_put_back_brings_no_item_back(ground: Ground, tmp_path: Path) -> None:
    ground.edit("INC-1", status="closed")
    ground.settle()
    backup = backed_up(ground, tmp_path / "backup")
    ground.perform("retention erase", {"incident": "INC-1", "why": "Request 12.", "law": "GDPR Art. 17(1)"})
    ground.work()
    assert "Disk full" not in everything(ground.folder).decode("utf-8", "replace")

    put_back(ground, backup)
    assert "Disk full" in everything(ground.folder).decode("utf-8", "replace")
    with ground.engine.store.read() as connection:
        assert erasing.has_lost_keys(connection)
    hold = own(ground, "holds place", reference="2026-CV-1834", why="A lawsuit.", incident="INC-1")["hold"]
    job = ground.perform("retention repeat", {}).facts["job"]
    for _ in range(30):
        ground.clock.advance(3_600)
        ground.work()
    assert "HOLD-1 is over it" in parked(ground, job)
    own(ground, "holds lift", hold=hold, why="It is settled.")
    own(ground, "jobs resume", job=job)
    ground.work()
    assert "Disk full" not in everything(ground.folder).decode("utf-8", "replace")
    assert ground.see("retention show", {"incident": "INC-1"}).facts["certificate"]
    with ground.engine.store.read() as connection:
        assert erasing.items_outstanding(connection, 0) == ([], None)
        assert not erasing.has_lost_keys(connection)


def test_what_was_opened_since_a_backup_was_put_back_is_not_forgotten(ground: Ground, tmp_path: Path) -> None:
    backup = backed_up(ground, tmp_path / "backup")
    number = ground.open(title="Made since", severity="low")
    ground.edit(number, status="closed")
    ground.perform("retention erase", {"incident": number, "why": "Request 12.", "law": "GDPR Art. 17(1)"})
    ground.work()
    put_back(ground, backup)
    assert ground.open(title="Another one", severity="low") == number, "nobody knew which numbers were given"
    with ground.engine.store.read() as connection:
        assert erasing.has_lost_keys(connection)
    ground.perform("retention repeat", {})
    ground.work()
    with ground.engine.store.read() as connection:
        assert not erasing.has_lost_keys(connection), "it is said once"
    assert ground.incident(number).fields["title"] == "Another one"


def test_a_key_that_is_put_back_is_forgotten_once_more(ground: Ground, tmp_path: Path) -> None:
    backup = backed_up(ground, tmp_path / "backup")
    erase(ground)
    ground.work()
    put_back(ground, backup, with_keys=True)
    ground.perform("retention repeat", {})
    ground.work()
    ground.settle()
    assert not leaks(everything(ground.folder))


def test_clearing_by_a_case_that_is_none_says_so(ground: Ground) -> None:
    job = ground.perform("retention clear", {"reference": "DSR-99"}).facts["job"]
    ground.work()
    with ground.engine.store.read() as connection:
        said = connection.execute(select(t.blob.c.body).where(t.blob.c.job == number_of(job))).scalar_one()
    assert b"DSR-99 is no case by which somebody is forgotten: nothing was done" in said
