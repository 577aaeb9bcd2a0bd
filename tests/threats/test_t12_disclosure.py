"""T12: what is labelled above a connection's ceiling never reaches it, on whatever road: edits, comments, conflicts,
refusals, lost answers, retries, releases; and once a label is raised, nothing more goes out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sync.deciding import decide
from tests.sync.world import World
from tests.threats.conftest import Tally, cases

from tieline.adapters.memory.faults import Fault
from tieline.core.model import Audience, IncidentId, Tlp
from tieline.sync.comments import comments

CEILINGS = list(Tlp)
GUARDED = ("description", "close_notes", "category", "team")
"""Fields with a label of their own in these worlds, above what `vendor` may have."""

TOP = "plugins:\n  disclosure:\n    labels: {" + ", ".join(f"{name}: red" for name in GUARDED) + "}"


def soc_and_vendor(folder: Path, ceiling: Tlp, seed: int) -> World:
    """A security team's tool that may hold everything, and a vendor's that may not."""
    options = {"soc": "ceiling: red\ncomments: both", "vendor": f"ceiling: {ceiling.value}\ncomments: both"}
    return World(folder, ("soc", "vendor"), top=TOP, options=options, seed=seed)


def everything_at(world: World, tool: str) -> str:
    """All that a tool holds, or ever held: rows with their bodies, comments, keys, history."""
    return repr(world.tools[tool].rows()) + repr(vars(world.tools[tool]._shelf))


ACTS = ("edit", "guarded", "comment", "internal", "clash", "refuse", "lose", "down", "retry", "restart", "ours")


def play(folder: Path, seed: int, ceiling: Tlp, label: Tlp, acts: list[str]) -> list[str]:
    """One story of an incident that is labelled `label`; answers the canaries that were found at the vendor's."""
    dice = random.Random(seed)
    world = soc_and_vendor(folder, ceiling, seed)
    try:
        return _play(world, dice, ceiling, label, acts)
    finally:
        world.engine.store.close()
        world.engine.registry.close()


def _play(world: World, dice: random.Random, ceiling: Tlp, label: Tlp, acts: list[str]) -> list[str]:
    soc = world.tools["soc"]
    canaries: list[str] = []

    def canary() -> str:
        canaries.append(f"canary{len(canaries)}x{dice.getrandbits(40):x}")
        return canaries[-1]

    above = label.rank > ceiling.rank
    secret: list[str] = []
    first = canary()
    guarded = {name: canary() for name in GUARDED}
    row = soc.make({"title": first, "status": "new", "tlp": label.value, **guarded})
    secret += guarded.values() if ceiling is not Tlp.RED else []
    secret += [first] if above else []
    world.settle(2)
    for act in acts:
        word = canary()
        if above:
            secret.append(word)
        match act:
            case "edit":
                soc.edit(row.ref, title=word)
            case "guarded":
                soc.edit(row.ref, **{dice.choice(GUARDED): word})
                secret += [word] if ceiling is not Tlp.RED else []
            case "comment" | "internal":
                visible = Audience.CUSTOMERS if act == "comment" else Audience.STAFF
                soc.comment(row.ref, word, visible)
            case "ours":
                with world.engine.store.write() as tx:
                    comments.write(tx, world.engine, IncidentId(1), word, word, Audience.CUSTOMERS)
            case "clash":
                for other in world.tools["vendor"].rows():
                    world.tools["vendor"].edit(other.ref, title=f"theirs {dice.random()}")
                soc.edit(row.ref, title=word)
            case "refuse":
                world.tools["vendor"].faults.queue.append(Fault(status=400, times=2, only_writes=True))
            case "lose":
                world.tools["vendor"].faults.queue.append(Fault(only_writes=True, after_effect=dice.random() < 0.5))
            case "down":
                world.tools["vendor"].faults.queue.append(Fault(status=503, times=3))
            case "retry":
                for one in world.parked():
                    decide(world.engine, "parked retry", what=one.what, number=one.id)
            case "restart":
                world.restart()
        world.settle(1)
    world.tools["vendor"].faults.heal()
    world.settle(3)
    held = everything_at(world, "vendor")
    return [word for word in secret if word in held]


_NUMBERS = iter(range(10**9))


@settings(
    max_examples=cases(12, 10_000),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**32),
    ceiling=st.sampled_from(CEILINGS),
    label=st.sampled_from(CEILINGS),
    acts=st.lists(st.sampled_from(ACTS), max_size=8),
)
def _stories(folder: Path, played: list[int], seed: int, ceiling: Tlp, label: Tlp, acts: list[str]) -> None:
    mine = folder / str(next(_NUMBERS))
    mine.mkdir()
    assert play(mine, seed, ceiling, label, acts) == []
    played.append(seed)
    for file in mine.iterdir():
        file.unlink()


@pytest.mark.timeout(0)
def test_nothing_above_the_ceiling_ever_arrives(tmp_path: Path, tally: Tally) -> None:
    played: list[int] = []
    _stories(tmp_path, played)
    tally(len(played))


def test_the_search_would_find_what_arrives(tmp_path: Path) -> None:
    """The same story below the ceiling: its words are at the vendor's, so that looking for them means something."""
    world = soc_and_vendor(tmp_path, Tlp.AMBER, 1)
    row = world.tools["soc"].make({"title": "canary-title", "status": "new", "tlp": "green"})
    world.tools["soc"].comment(row.ref, "canary-comment", Audience.CUSTOMERS)
    world.settle()
    held = everything_at(world, "vendor")
    world.engine.store.close()
    world.engine.registry.close()
    assert "canary-title" in held
    assert "canary-comment" in held


def test_once_the_label_is_raised_nothing_more_goes_out(tmp_path: Path, tally: Tally) -> None:
    world = soc_and_vendor(tmp_path, Tlp.AMBER, 1)
    soc, vendor = world.tools["soc"], world.tools["vendor"]
    row = soc.make({"title": "before", "status": "new", "tlp": "green"})
    world.settle()
    assert "before" in everything_at(world, "vendor")
    soc.edit(row.ref, tlp="red", title="canary-after", status="in_progress")
    soc.comment(row.ref, "canary-comment", Audience.CUSTOMERS)
    world.settle()
    versions = [one.version for one in vendor.rows()]
    soc.edit(row.ref, title="canary-later", status="resolved", close_notes="canary-notes")
    world.settle()
    held = everything_at(world, "vendor")
    parked = world.parked()
    world.engine.store.close()
    world.engine.registry.close()
    assert [one.version for one in vendor.rows()] == versions
    assert any("TLP:RED" in one.sentence for one in parked), "a person is told why"
    assert "canary" not in "".join(one.sentence for one in parked)
    tally(1, [word for word in ("canary-after", "canary-comment", "canary-later", "canary-notes") if word in held])


def test_what_is_for_staff_never_reaches_partners(tmp_path: Path, tally: Tally) -> None:
    world = World(
        tmp_path,
        ("soc", "vendor"),
        top="plugins:\n  disclosure:\n    connections: {vendor: {audience: partners}}",
        options={"soc": "comments: both", "vendor": "comments: both"},
        seed=1,
    )
    soc = world.tools["soc"]
    row = soc.make({"title": "for-partners", "status": "new", "description": "canary-words", "team": "canary-team"})
    soc.comment(row.ref, "canary-note", Audience.STAFF)
    soc.comment(row.ref, "for-customers", Audience.CUSTOMERS)
    world.settle()
    with world.engine.store.write() as tx:
        for audience in Audience:
            word = "canary" if Audience.PARTNERS.width > audience.width else "said"
            comments.write(tx, world.engine, IncidentId(1), "ann", f"{word}-{audience}", audience)
    world.settle(2)
    soc.edit(row.ref, description="canary-later", assignee=None)
    world.settle(2)
    held = everything_at(world, "vendor")
    world.engine.store.close()
    world.engine.registry.close()
    assert all(word in held for word in ("for-partners", "for-customers", "said-customers", "said-public"))
    tally(1, [held[at : at + 20] for at in range(len(held)) if held.startswith("canary-", at)])
