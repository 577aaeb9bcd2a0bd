"""The command of a view follows from its declaration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
import pytest
from click.testing import CliRunner
from pydantic import Field
from tests.cli.acting import Machine, machine, prepared

from tieline.cli.views import command, group
from tieline.core.arguments import Ask, Line
from tieline.core.declared import WrongWords
from tieline.core.desk import Look
from tieline.core.shown import Fact, Note, Part, Table
from tieline.core.views import Keyset, Listing, Paged, Row, View
from tieline.sync.office.enquiries import Seen
from tieline.sync.sight import OUTSIDER

__all__ = ["machine", "prepared"]

DISHES = Keyset("dishes", str)


class Dishes(Paged):
    course: Line = Field(description="The course.")


class Dish(Row):
    name: str
    sold: int = Field(serialization_alias="from")


class Served(Listing[Dish]):
    """Dishes."""

    def shown(self) -> Sequence[Part]:
        rows = [(one.name, one.sold) for one in self.items]
        return (
            Fact("course", None),
            Table("Dishes", ["dish", "sold"], rows, "nothing is served"),
            Note("soup", "It is hot."),
            *self.more(),
        )


def dishes(_look: Look, ask: Dishes) -> Served:
    """What is served.

    As long as it lasts.
    """
    if ask.after is not None and DISHES.after(ask.after) == ("soup",):
        return Served(items=())
    return Served(items=(Dish(name="soup", sold=3),), next=DISHES.cursor("soup"))


VIEW = View("kitchen dishes", dishes, "kitchen.read", ("course",))


def see(workspace: str, view: View, ask: Ask) -> Seen:
    assert workspace == "here"
    try:
        answer = view.run(None, ask)
    except ValueError as error:
        raise WrongWords(view.name, [("", str(error))]) from None
    return Seen(answer, answer.facts(), OUTSIDER)


def run(*arguments: str, made: click.Command | None = None) -> Any:
    return CliRunner().invoke(made or command(VIEW, see), list(arguments), obj="here")


def test_it_shows_tables_and_sentences_and_what_programs_read_is_the_answer() -> None:
    following = DISHES.cursor("soup")
    lines = ["course = ·", "Dishes", "dish   sold", "───────────", "soup   3", "", "soup: It is hot."]
    assert run("lunch").output.splitlines() == [*lines, f"There are more: --after {following}"]
    assert json.loads(run("lunch", "--json").output) == {"items": [{"name": "soup", "from": 3}], "next": following}
    assert run("lunch", "--after", following).output.splitlines()[1:2] == ["nothing is served"]


def test_its_help_says_what_it_shows_and_what_stands_for_each_word() -> None:
    shown = run("--help").output
    assert shown.startswith("Usage: dishes [OPTIONS] COURSE\n")
    for words in ("What is served.", "As long as it lasts.", "COURSE  The course.", "[default: 50]", "--after TEXT"):
        assert words in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument 'COURSE'"),
        ([" "], "course: String should have at least 1 character"),
        (["lunch", "--limit", "0"], "limit: Input should be greater than or equal to 1"),
        (["lunch", "--limit", "many"], "'many' is not a valid integer"),
        (["lunch", "--after", ""], "after: String should have at least 1 character"),
        (["lunch", "--after", "x" * 3_000], "after: String should have at most 2000 characters"),
        (["lunch", "--after", "soup"], "that is no place in this list; take `next` of a page of `dishes`, as it is"),
        (["lunch", "--after", Keyset("wines", str).cursor("x")], "that is no place in this list"),
        (["lunch", "--page", "2"], "No such option '--page'"),
    ],
)
def test_what_it_does_not_take_is_wrong_usage_with_a_sentence(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in done.output


def test_where_acts_stand_below_it_it_shows_by_itself_and_only_then() -> None:
    menu = group(View("menu", dishes, "kitchen.read"), see)
    menu.add_command(click.Command("print", callback=lambda: click.echo("printed")))
    assert run("--course", "lunch", "--limit", "3", made=menu).output.splitlines()[1] == "Dishes"
    assert run("--course", "lunch", "print", made=menu).output == "printed\n"


WRONG = (("incidents",), ("history", "INC-1"), ("conflicts",), ("parked",), ("doubts",))


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_place_in_another_list_is_wrong_usage(words: tuple[str, ...], machine: Machine) -> None:
    code, told = machine.run(*words, "--after", DISHES.cursor("soup"))
    assert (code, f"take `next` of a page of `{words[0]}`, as it is" in told) == (2, True)
    assert machine.read(*words, "--after", "=")["exit_code"] == 2


def test_a_list_is_paged_through_on_the_command_line(machine: Machine) -> None:
    first = machine.read("incidents", "--limit", "2")
    second = machine.read("incidents", "--limit", "2", "--after", first["next"])
    assert [one["incident"] for page in (first, second) for one in page["items"]] == ["INC-3", "INC-2", "INC-1"]
    assert second["next"] is None
    assert machine.run("incidents", "--limit", "2")[1].endswith(f"\nThere are more: --after {first['next']}\n")
