"""The way through a workflow."""

from __future__ import annotations

import pytest

from tieline.adapters.jira.workflow import (
    Move,
    ScreenField,
    Station,
    Wanted,
    Workflow,
    cautious_step,
    missing,
    moves_of,
    route,
    unknown,
)

TODO = Station("1", "To Do", "new")
DOING = Station("2", "In Progress", "indeterminate")
REVIEW = Station("3", "In Review", "indeterminate")
DONE = Station("4", "Done", "done")
CLOSED = Station("5", "Closed", "done")


def nothing_lacks(_move: Move) -> int:
    return 0


def names(path: tuple[Move, ...] | None) -> list[str]:
    return [move.name for move in path or ()]


@pytest.mark.parametrize("to", [None, "Done", []], ids=["null", "a text", "a list"])
def test_a_transition_without_a_target_is_no_way_and_hides_no_other(to: object) -> None:
    sound = {"id": "3", "name": "finish", "to": {"id": "4", "name": "Done", "statusCategory": {"key": "done"}}}
    broken = [
        {"id": "2", "name": "broken", "to": to},
        {"id": "5", "name": "none"},
        {"name": "no id", "to": sound["to"]},
    ]
    assert moves_of({"transitions": [*broken, sound]}) == (Move("3", "finish", DONE),)


def test_the_shortest_way_is_taken() -> None:
    workflow = Workflow(
        {
            "1": (Move("1", "start", DOING),),
            "2": (Move("2", "review", REVIEW), Move("3", "finish", DONE)),
            "3": (Move("4", "approve", DONE),),
        }
    )
    assert names(route(workflow, "1", Wanted(None, "done"), nothing_lacks)) == ["start", "finish"]


def test_a_way_through_finished_states_is_the_last_resort() -> None:
    workflow = Workflow(
        {
            "4": (Move("1", "close", CLOSED), Move("2", "reopen", TODO)),
            "5": (Move("3", "jump", REVIEW),),
            "1": (Move("4", "start", DOING),),
            "2": (Move("5", "review", REVIEW),),
        }
    )
    assert names(route(workflow, "4", Wanted(None, "In Review"), nothing_lacks)) == ["reopen", "start", "review"]
    del workflow.moves["2"]
    assert names(route(workflow, "4", Wanted(None, "In Review"), nothing_lacks)) == ["close", "jump"]


def test_of_two_transitions_to_one_state_the_one_that_lacks_nothing_is_taken() -> None:
    asking = Move("9", "finish with a form", DONE, (ScreenField("resolution", "Resolution", required=True),))
    plain = Move("11", "finish", DONE)
    workflow = Workflow({"1": (asking, plain)})
    path = route(workflow, "1", Wanted(None, "Done"), lambda move: len(missing(move, (), {})))
    assert names(path) == ["finish"]
    path = route(workflow, "1", Wanted(None, "Done"), lambda move: len(missing(move, {"resolution"}, {})))
    assert names(path) == ["finish with a form"], "then the lower id"


def test_a_state_is_matched_by_id_before_name_and_a_transitions_name_means_nothing() -> None:
    moves = (Move("1", "Done", DOING), Move("2", "In Progress", DONE))
    assert names(route(Workflow({"1": moves}), "1", Wanted(None, "DONE"), nothing_lacks)) == ["In Progress"]
    assert names(route(Workflow({"1": moves}), "1", Wanted("2", "Done"), nothing_lacks)) == ["Done"]


def test_no_way_is_none_and_a_circle_ends() -> None:
    workflow = Workflow({"1": (Move("1", "a", DOING),), "2": (Move("2", "b", TODO),)})
    assert route(workflow, "1", Wanted(None, "Done"), nothing_lacks) is None


def test_the_nearest_unknown_state_comes_first_and_finished_ones_last() -> None:
    workflow = Workflow({"1": (Move("1", "drop", CLOSED), Move("2", "start", DOING))})
    assert unknown(workflow, "1") == (DOING, CLOSED)
    workflow.learn("2", (Move("3", "review", REVIEW), Move("4", "back", TODO)))
    assert unknown(workflow, "1") == (REVIEW, CLOSED)


def test_a_required_field_is_missing_unless_brought_or_already_there() -> None:
    screen = (
        ScreenField("resolution", "Resolution", required=True),
        ScreenField("customfield_1", "Root cause", required=True),
        ScreenField("labels", "Labels", required=False),
    )
    move = Move("1", "finish", DONE, screen)
    assert missing(move, (), {}) == ("Resolution (resolution)", "Root cause (customfield_1)")
    assert missing(move, {"resolution"}, {"customfield_1": "disk"}) == ()
    assert missing(move, {"resolution"}, {"customfield_1": []}) == ("Root cause (customfield_1)",)


def test_a_field_with_a_default_is_not_required() -> None:
    shown = {"required": True, "hasDefaultValue": True, "name": "Resolution"}
    transition = {"id": "1", "name": "x", "to": {"id": "4", "name": "Done"}, "fields": {"resolution": shown}}
    assert missing(moves_of({"transitions": [transition]})[0], (), {}) == ()


def test_a_transition_that_is_shown_but_not_available_is_none() -> None:
    transition = {"id": "1", "name": "x", "to": {"id": "4", "name": "Done"}, "isAvailable": False}
    assert moves_of({"transitions": [transition]}) == ()


def test_a_step_into_the_unknown_never_finishes_the_work_nor_returns() -> None:
    moves = (Move("1", "drop", CLOSED), Move("2", "back", TODO), Move("3", "go", DOING), Move("4", "new", REVIEW))
    step = cautious_step(moves, {"2"}, nothing_lacks)
    assert step is not None and step.to is REVIEW
    assert cautious_step(moves[:1], set(), nothing_lacks) is None


@pytest.mark.parametrize("status", [None, {}, {"name": ""}, "", 7, []])
def test_a_patch_that_names_no_state_asks_for_none(status: object) -> None:
    assert Wanted.of(status) is None
