"""A rich description survives a visit to a tool of plain text: Jira's nodes stay, whatever ServiceNow appends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sync.office import Office

from tieline.core.store import tables as t
from tieline.sync.records import Held


def text(words: str, *marks: str) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"marks": [{"type": mark} for mark in marks]} if marks else {})}


def paragraph(*inline: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(inline)}


def table(*rows: tuple[str, ...]) -> dict[str, Any]:
    cells = [[{"type": "tableCell", "attrs": {}, "content": [paragraph(text(cell))]} for cell in row] for row in rows]
    return {
        "type": "table",
        "attrs": {"layout": "default"},
        "content": [{"type": "tableRow", "content": row} for row in cells],
    }


PICTURE = {
    "type": "mediaSingle",
    "attrs": {"layout": "center"},
    "content": [{"type": "media", "attrs": {"id": "6e7c", "type": "file", "collection": "", "alt": "graph.png"}}],
}
MENTION = {"type": "mention", "attrs": {"id": "5b10", "text": "@Mia"}}
DOCUMENT: dict[str, Any] = {
    "type": "doc",
    "version": 1,
    "content": [
        {"type": "heading", "attrs": {"level": 2}, "content": [text("Impact")]},
        paragraph(text("Customers "), text("cannot", "strong"), text(" pay, ask "), MENTION),
        PICTURE,
        table(("shop", "lost"), ("eu", "7")),
        {"type": "panel", "attrs": {"panelType": "warning"}, "content": [paragraph(text("Do not restart"))]},
    ],
}


class Desk:
    """One incident that began in Jira with that document, and its copy in ServiceNow."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder, "jira", "servicenow", opens="jira")
        self.jira, self.snow = self.office.tools["jira"], self.office.tools["servicenow"]
        self.office.settle(1)
        self.issue = self.jira.control("create", {"fields": {"summary": "Checkout is down", "description": DOCUMENT}})
        self.office.settle()

    @property
    def document(self) -> Any:
        """What Jira holds."""
        ref = self.office.copy("jira").ref
        return self.jira.control("get", {"ref": ref})["fields"]["description"]

    @property
    def description(self) -> str:
        """What ServiceNow holds."""
        return str(self.snow.control("get", {"record": self.office.copy("servicenow").ref})["description"])

    def write(self, description: str) -> None:
        """A person saves the form in ServiceNow."""
        ref = self.office.copy("servicenow").ref
        self.snow.control("edit", {"record": ref, "fields": {"description": description}})
        self.office.settle()

    def redraw(self, *content: dict[str, Any]) -> None:
        """A person saves another document in Jira."""
        drawn = {**DOCUMENT, "content": list(content)}
        answer = self.jira.control("edit", {"ref": self.office.copy("jira").ref, "fields": {"description": drawn}})
        assert "refused" not in answer

    def held(self, tool: str) -> Any:
        return self.office.copy(tool).holds.get("description")


def conflicts(desk: Desk) -> list[Any]:
    return [entry for entry in desk.office.history() if entry["facts"].get("conflicts")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.office.close()


def test_a_line_that_servicenow_appends_is_all_that_changes_in_jira(desk: Desk) -> None:
    desk.write(desk.description + "\n\nRestarted db1.")

    assert desk.document["content"] == [*DOCUMENT["content"], paragraph(text("Restarted db1."))]
    assert desk.held("jira") is None


def test_a_line_below_the_last_one_is_all_that_changes_too(desk: Desk) -> None:
    desk.write(desk.description + "\nRestarted db1.")

    assert desk.document["content"] == [*DOCUMENT["content"], paragraph(text("Restarted db1."))]


def test_after_an_edit_everything_is_at_rest(desk: Desk) -> None:
    desk.write(desk.description + "\n\nRestarted db1.")
    written = len(desk.office.writes("jira")), len(desk.office.writes("servicenow"))
    desk.office.settle(8)

    assert (len(desk.office.writes("jira")), len(desk.office.writes("servicenow"))) == written
    assert desk.description.endswith("Restarted db1.")


def test_a_word_changes_beside_a_mention_and_bold_words(desk: Desk) -> None:
    desk.write(desk.description.replace("pay, ask", "buy, ask"))

    assert desk.document["content"] == [
        DOCUMENT["content"][0],
        paragraph(text("Customers "), text("cannot", "strong"), text(" "), text("buy"), text(", ask "), MENTION),
        *DOCUMENT["content"][2:],
    ]


def test_a_changed_row_changes_one_cell(desk: Desk) -> None:
    desk.write(desk.description.replace("eu | 7", "eu | 9"))

    rows = desk.document["content"][3]["content"]
    assert rows[0] == DOCUMENT["content"][3]["content"][0]
    assert "'9'" in str(rows[1])
    assert desk.document["content"][2] == PICTURE


def test_a_change_that_no_table_can_hold_is_held_with_a_sentence_and_destroys_nothing(desk: Desk) -> None:
    desk.write(desk.description.replace("eu | 7", "eu lost 7") + "\n\nRestarted db1.")

    hold = desk.held("servicenow")
    assert hold.kind is Held.UNWRITABLE
    assert "a change inside a table" in hold.words
    assert desk.document["content"] == [*DOCUMENT["content"], paragraph(text("Restarted db1."))]
    assert "eu lost 7" in desk.description


def test_putting_the_words_back_ends_the_hold(desk: Desk) -> None:
    whole = desk.description
    desk.write(whole.replace("eu | 7", "eu lost 7"))
    desk.write(whole + "\n\nRestarted db1.")

    assert desk.held("servicenow") is None
    assert desk.document["content"] == [*DOCUMENT["content"], paragraph(text("Restarted db1."))]


def test_words_that_stand_for_a_picture_cannot_be_edited_away(desk: Desk) -> None:
    desk.write(desk.description.replace("[graph.png]", "[no picture]") + "\n\nRestarted db1.")

    hold = desk.held("jira")
    assert hold.kind is Held.UNWRITABLE
    assert "graph.png" in hold.words
    assert desk.document["content"] == [*DOCUMENT["content"], paragraph(text("Restarted db1."))]
    desk.office.settle(8)
    assert desk.held("jira") is not None, "a hold stays until either side says something else"


def test_a_hold_in_one_tool_stops_no_later_edit(desk: Desk) -> None:
    desk.write(desk.description.replace("[graph.png]", "[no picture]"))
    desk.write(desk.description + "\n\nRestarted db1.")

    assert desk.document["content"] == [*DOCUMENT["content"], paragraph(text("Restarted db1."))]


def test_two_people_in_different_blocks_both_stand(desk: Desk) -> None:
    heading = {"type": "heading", "attrs": {"level": 2}, "content": [text("Great impact")]}
    desk.redraw(heading, *DOCUMENT["content"][1:])
    desk.write(desk.description + "\n\nRestarted db1.")

    assert desk.document["content"] == [heading, *DOCUMENT["content"][1:], paragraph(text("Restarted db1."))]
    assert desk.description.startswith("Great impact")
    assert not conflicts(desk)


def test_two_people_in_one_block_are_a_conflict(desk: Desk) -> None:
    heading = {"type": "heading", "attrs": {"level": 2}, "content": [text("Great impact")]}
    desk.redraw(heading, *DOCUMENT["content"][1:])
    desk.office.clock.advance(1)
    desk.write(desk.description.replace("Impact", "No impact"))

    assert conflicts(desk)
    assert desk.document["content"][1:] == DOCUMENT["content"][1:]


def test_a_copy_of_an_older_store_is_read_before_its_text_is_written(desk: Desk) -> None:
    with desk.office.engine.store.write() as tx:
        tx.execute(t.replica.update().values(originals=None))
    desk.write(desk.description + "\n\nRestarted db1.")

    assert desk.document["content"] == [*DOCUMENT["content"], paragraph(text("Restarted db1."))]
