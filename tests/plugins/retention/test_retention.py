"""What is kept for too long is forgotten, and nothing else; what is forgotten stands nowhere; the chain is whole."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs
from tests.docs.pages import DOCS, blocks

from tieline.core import journal
from tieline.core.acts import NotDone
from tieline.core.config import load_text
from tieline.core.declared import WrongWords
from tieline.core.errors import Misfit, NotAllowed
from tieline.core.holds import OnHold
from tieline.core.model import Audience, RecordKind
from tieline.core.policy import Policy
from tieline.core.store import tables as t
from tieline.core.store.move import copy
from tieline.core.store.store import Store
from tieline.plugins.retention.plugin import Plugin
from tieline.plugins.retention.policy import Settings, judged
from tieline.sync import loading
from tieline.sync.comments import comments
from tieline.sync.office import jobs
from tieline.sync.office.own import OWN
from tieline.sync.office.performing import perform
from tieline.sync.office.stepping import step
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason
from tieline.sync.testing.ground import NOBODY, OWNER, Ground
from tieline.sync.views.overview import copy_now

DAY = 86_400.0
CANARY = "canary 9e77ab"
SETTINGS = Settings.model_validate(
    {
        "classes": {
            "announced": {"when": 'kind == "announcement"', "minimum": "30d", "maximum": "60d"},
            "severe": {"when": 'severity == "critical"', "minimum": "20d", "maximum": "40d"},
            "others": {"minimum": "5d", "maximum": "10d"},
        },
        "ask_above": 3,
    }
)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with capture_logs():
        made = Ground(tmp_path / "ground", Plugin(SETTINGS).tieline_offer)
        made.work()
        yield made
        made.close()


def own(ground: Ground, name: str, **given: Any) -> Any:
    declared = OWN[name]
    done = perform(ground.engine, declared, declared.told(given), ground.person(OWNER).asker, key="")
    ground.approve(done.proposal)
    return done.facts


def hold(ground: Ground, **over: Any) -> str:
    label: str = own(ground, "holds place", reference="2026-CV-1834", why="A lawsuit.", **over)["hold"]
    return label


def ended(ground: Ground, **fields: Any) -> str:
    """An item that is over."""
    number = ground.open(**{"severity": "low", **fields})
    ground.edit(number, status="resolved")
    return number


def sweep(ground: Ground, **asked: Any) -> dict[str, Any]:
    """What a sweep came to."""
    label: str = ground.perform("retention sweep", asked).facts["job"]
    while step(ground.engine, "sweep", group="retention"):
        pass  # and no timer fires
    found: dict[str, Any] = json.loads(ground.result(label))
    return found


def is_forgotten(ground: Ground, *numbers: str) -> list[bool]:
    return [ground.incident(one).fields["title"] == "(forgotten)" for one in numbers]


def test_a_sweep_forgets_what_is_over_its_maximum_and_nothing_else(ground: Ground) -> None:
    old, held, severe = ended(ground), ended(ground), ended(ground, severity="critical")
    still_open = ground.open(severity="low")
    again = ended(ground)
    ground.edit(again, status="new")
    label = hold(ground, incident=held)
    ground.pass_time(9 * DAY)
    assert not any(is_forgotten(ground, old, held, severe, still_open, again))
    young = ended(ground)
    ground.pass_time(DAY)
    ground.pass_time(DAY)
    assert is_forgotten(ground, old, held, severe, still_open, again, young) == [True, *[False] * 5]
    own(ground, "holds lift", hold=label, why="It is settled.")
    ground.pass_time(DAY)
    assert is_forgotten(ground, old, held, severe) == [True, True, False]
    ground.pass_time(31 * DAY)
    ground.pass_time(DAY)
    assert is_forgotten(ground, severe, still_open, again, young) == [True, False, False, True]
    assert journal.verify(ground.engine.store).count > 0


def test_what_has_parts_is_kept_for_as_long_as_each_of_them(ground: Ground) -> None:
    whole, held = ended(ground), ended(ground)
    parts = [part(ground, whole), part(ground, held)]
    hold(ground, incident=parts[1])
    ground.pass_time(11 * DAY)
    ground.pass_time(DAY)
    with pytest.raises(NotDone, match=f"{parts[0]} is of the class announced"):
        ground.perform("retention erase", {"incident": whole, "why": "Request 12."})
    assert not any(is_forgotten(ground, whole, held))
    ground.pass_time(20 * DAY)
    ground.pass_time(DAY)
    assert is_forgotten(ground, whole, parts[0], held, parts[1]) == [True, True, False, False]


def part(ground: Ground, whole: str) -> str:
    """An announcement that is a part of an item."""
    engine, fields = ground.engine, {"title": "Payments fail"}
    with engine.store.write() as tx:
        number = ground.incident(whole).id
        made = commit.open_item(
            tx, engine, RecordKind.ANNOUNCEMENT, fields, actor=OWNER, reason=Reason.OPENED, part_of=number
        )
    ground.work()
    return made.number


def test_a_sweep_that_only_looks_tells_what_it_would_forget(ground: Ground) -> None:
    old = ended(ground)
    held = ended(ground)
    hold(ground, incident=held)
    ground.clock.advance(11 * DAY)
    found = sweep(ground, dry_run=True)
    assert (found["due"], found["held"], found["forgotten"]) == ([old], [held], [])
    assert "HOLD-1 is over it" in ground.see("retention show", {"incident": held}).facts["hold"]
    assert is_forgotten(ground, old, held) == [False, False]


def test_what_jobs_came_to_is_kept_for_as_long_as_its_class_says_and_under_a_hold(ground: Ground) -> None:
    def kept() -> list[int]:
        with ground.engine.store.read() as connection:
            return list(connection.execute(select(t.blob.c.job).order_by(t.blob.c.job)).scalars())

    for _ in range(3):
        ground.start("sweep", ground.open())
        ground.work()
    held = hold(ground, incident="INC-1")
    with ground.engine.store.write() as tx:
        tx.execute(update(t.blob).where(t.blob.c.job < 3).values(retention="results"))
        tx.execute(insert(t.job_item), {"job": 1, "incident_id": 1})
        found = jobs.expired(tx, "results", ground.clock.now() + timedelta(days=1), most=1)
        assert found == [2], "what is held stands in nobody's way, however old it is"
    ground.clock.advance(364 * DAY)
    ground.work()
    assert kept()[:3] == [1, 2, 3]
    ground.clock.advance(2 * DAY)
    ground.work()
    assert kept()[:2] == [1, 3], "the sweep of the night let go of what tells of nothing that is held"
    own(ground, "holds lift", hold=held, why="It is settled.")
    ground.perform("retention sweep", {"dry_run": False})
    ground.work()
    assert kept()[0] == 3
    assert journal.verify(ground.engine.store).count > 0


def test_a_large_sweep_waits_until_two_people_allow_so_many(ground: Ground) -> None:
    numbers = [ended(ground) for _ in range(4)]
    ground.pass_time(11 * DAY)
    assert not any(is_forgotten(ground, *numbers))
    due = ground.see("retention due", {})
    assert (due.facts["due"], due.facts["waits"]) == (4, True)
    ground.perform("retention allow", {"items": 3})
    assert sweep(ground)["waits_to_be_allowed"] is True
    ground.perform("retention allow", {"items": 4})
    sweep(ground)
    assert all(is_forgotten(ground, *numbers))


def test_a_sweep_that_is_killed_goes_on_and_sees_what_is_held_meanwhile(ground: Ground, tmp_path: Path) -> None:
    numbers = [ended(ground) for _ in range(25)]
    ground.perform("retention allow", {"items": 25})
    ground.clock.advance(11 * DAY)
    ground.perform("retention allow", {"items": 25})
    label = ground.start("sweep", "INC-1")
    while sum(is_forgotten(ground, *numbers)) == 0:
        assert step(ground.engine, "first", group="retention")
    gone = is_forgotten(ground, *numbers)
    assert 0 < sum(gone) < 25
    left = numbers[gone.index(False)]
    ground.restart()
    hold(ground, incident=left)
    ground.clock.advance(3_600)
    ground.work()
    assert is_forgotten(ground, *numbers) == [one != left for one in numbers]
    assert json.loads(ground.result(label))["forgotten"] == [one for one in numbers if one != left]


def test_what_a_person_asks_to_be_forgotten_takes_somebody_else_and_its_minimum_or_a_law(ground: Ground) -> None:
    number, young = ground.open(severity="low"), ended(ground)
    asked = {"why": "Request 12."}
    with pytest.raises(NotDone, match="once it is over"):
        ground.perform("retention erase", {"incident": number, **asked})
    with pytest.raises(NotDone, match="of the class others, and may be forgotten from"):
        ground.perform("retention erase", {"incident": young, **asked})
    proposed = ground.ask("retention erase", {"incident": number, **asked, "law": "GDPR Art. 17(1)"}).proposal
    with pytest.raises(NotAllowed):
        ground.approve(proposed, OWNER)
    hold(ground, incident=number)
    with pytest.raises(NotDone):
        ground.approve(proposed)
    with pytest.raises(OnHold):
        ground.ask("retention erase", {"incident": number, **asked, "law": "GDPR Art. 17(1)"})
    ground.pass_time(6 * DAY)
    done = ground.ask("retention erase", {"incident": young, **asked})
    ground.approve(done.proposal)
    assert is_forgotten(ground, number, young) == [False, True]
    with pytest.raises(NotDone, match="forgotten already"):
        ground.ask("retention erase", {"incident": young, **asked})


def test_it_is_shown_of_which_class_what_is_and_why_and_that_it_was_forgotten(ground: Ground) -> None:
    severe, other = ended(ground, severity="critical"), ground.open(severity="low")
    shown = ground.see("retention show", {"incident": severe}).facts
    assert (shown["of_class"], shown["because"]) == ("severe", 'severity == "critical"')
    shown = ground.see("retention show", {"incident": other}).facts
    assert (shown["of_class"], shown["because"], shown["latest"]) == ("others", "it is of none before", None)
    ground.perform("retention erase", {"incident": severe, "why": "Request 12.", "law": "GDPR Art. 17(1)"})
    first = ground.see("retention show", {"incident": severe}).facts
    told = json.loads(first["certificate"])
    assert (told["item"], told["copies"], told["kept"], told["law"]) == (
        severe,
        ["desk MEM-1"],
        "severe",
        "GDPR Art. 17(1)",
    )
    assert told["journal"]["entries"] > 3
    ground.edit(severe, title="Disk fuller")
    ground.restart()
    ground.work()
    assert ground.see("retention show", {"incident": severe}).facts == first, "the certificate is the same for ever"


def test_what_tools_tell_of_it_later_is_passed_over(ground: Ground) -> None:
    number = ended(ground)
    ground.perform("retention erase", {"incident": number, "why": "Request 12.", "law": "GDPR Art. 17(1)"})
    ground.edit(number, title=CANARY, status="new")
    ground.edit(number, title=f"{CANARY} again")
    assert is_forgotten(ground, number) == [True]
    with ground.engine.store.read() as connection:
        [kept] = loading.load_replicas(connection, ground.incident(number).id)
    assert (kept.key, copy_now(kept).sentence) == ("MEM-1", "the item is forgotten here; the tool keeps its own")
    with ground.engine.store.read() as connection:
        raw: Any = connection.connection.driver_connection
        assert not any(CANARY in line for line in raw.iterdump())


def planted(ground: Ground) -> str:
    """An item that says it everywhere."""
    number = ground.open(title=CANARY, description=CANARY, team=CANARY, service=CANARY, severity="low")
    item = ground.incident(number)
    with ground.engine.store.write() as tx:
        comments.write(tx, ground.engine, item.id, OWNER, f"**{CANARY}**", Audience.STAFF)
    own(ground, "edit", incident=number, changes={"title": f"{CANARY} more"})
    ground.ask("retention erase", {"incident": number, "why": CANARY, "law": CANARY})
    declared = OWN["edit"]
    told = declared.told({"incident": number, "changes": {"description": f"{CANARY} more"}})
    perform(ground.engine, declared, told, ground.person(OWNER).asker, key="one")
    ground.settle()
    return number


def test_its_words_stand_nowhere_and_the_chain_is_whole(ground: Ground, tmp_path: Path) -> None:
    number = planted(ground)
    files = [one for one in ground.folder.iterdir() if one.name.startswith("contract.db")]
    assert any(CANARY.encode() in one.read_bytes() for one in files), "the canary was not planted"
    ground.close()
    shutil.copytree(ground.folder, tmp_path / "backup")
    ground.begin()
    with capture_logs() as logs:
        ground.perform("retention erase", {"incident": number, "why": "Request 12.", "law": "GDPR Art. 17(1)"})
        ground.settle()
        shown = [ground.see("retention show", {"incident": number}).facts, ground.see("retention due", {}).facts]
    assert CANARY not in f"{logs}{shown}{[one.facts for one in ground.entries()]}"
    for file in [one for one in ground.folder.iterdir() if one.name.startswith("contract.")]:
        assert CANARY.encode() not in file.read_bytes(), file.name
    with Store.open(f"sqlite:///{tmp_path / 'moved.db'}") as target:
        target.migrate()
        copy(ground.engine.store, target, at=ground.clock.now(), actor="ann")
        assert journal.verify(target).count > 0
    for file in [one for one in tmp_path.iterdir() if one.name.startswith("moved.db")]:
        assert CANARY.encode() not in file.read_bytes(), file.name
    with sqlite3.connect(tmp_path / "moved.db") as dumped:
        assert not any(CANARY in line for line in dumped.iterdump())
    assert journal.verify(ground.engine.store).count > 0


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("classes: {a: {minimum: 9d, maximum: 3d}}", "its minimum is over its maximum"),
        ("classes: {a: {when: restricted}}", "the last of `classes` has no condition"),
        ("classes: {a: {}, b: {}}", "classes.a has no condition, so that nothing is of those after it"),
        ("classes: {}", "the last of `classes` has no condition"),
        ("classes: {a: {when: severity == 3}, b: {}}", "severity"),
        ("classes: {a: {minimum: soon}}", "no duration"),
        ("class: {}", "class"),
        ("ask_above: -1", "ask_above"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_in_a_sentence(document: str, words: str) -> None:
    with pytest.raises(Misfit, match=words):
        Policy("classes", "how long", SETTINGS).read(document)


def test_an_act_that_makes_no_sense_is_refused_in_a_sentence(ground: Ground) -> None:
    for given in ({"items": 0}, {"items": 1_001}, {}):
        with pytest.raises(WrongWords):
            ground.perform("retention allow", given)
    with pytest.raises(LookupError):
        ground.perform("retention erase", {"incident": "INC-99", "why": "Request 12."})
    with pytest.raises(NotAllowed):
        ground.perform("retention allow", {"items": 5}, NOBODY)


def test_what_a_condition_cannot_be_asked_of_is_not_forgotten() -> None:
    settings = Settings.model_validate(
        {"classes": {"odd": {"when": '"x".matches(title)'}, "others": {"maximum": "1s"}}}
    )
    facts = {"kind": "incident", "restricted": False}
    at = datetime(2026, 11, 23, tzinfo=UTC)
    assert judged(settings, {"title": "a("}, facts, at).latest is None
    assert judged(settings, {"title": "a"}, facts, at).is_due(at + timedelta(days=1))


def test_the_workspace_of_the_page_is_accepted(tmp_path: Path) -> None:
    [found] = [one for one in blocks(DOCS / "how-to" / "keep-and-forget.md") if one.file == "tieline.yaml"]
    _config, registry = load_text(found.text, tmp_path / "tieline.yaml")
    registry.close()
    assert "retention erase" in registry.offers.acts
