"""The block that shows which alerts fire: people's text around it keeps every letter, and it is nobody's edit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline import mappings
from tieline.mappings.board import ALERTS, BEGIN, END, joined, split

SAYS = "2 alerts fire now:\n\n- **critical** Down\n- medium Slow"
LINES = st.lists(st.sampled_from(["a word", "", "  indented", "- an item", "1. one", "---", "> said"]), max_size=6)
TEXTS = LINES.map(lambda lines: "\n".join(lines).strip("\n"))


@given(TEXTS, st.sampled_from([SAYS, "No alert fires now."]))
def test_what_is_put_in_is_taken_out_and_the_text_stays(text: str, says: str) -> None:
    assert split(joined(text, says)) == (text, says)
    assert split(joined(joined(text, SAYS), says)) == (text, says)
    assert joined(joined(text, says), says) == joined(text, says)
    assert split(text) == (text, None)


@given(TEXTS, TEXTS, TEXTS)
def test_people_may_write_before_it_and_behind_it(before: str, behind: str, more: str) -> None:
    written = f"{before}\n{joined('', SAYS)}\n{behind}"
    text, said = split(written)
    assert said == SAYS
    assert text == "\n\n".join(one for one in (before, behind) if one)
    again = joined(written, "No alert fires now.")
    assert again == f"{before}\n{joined('', 'No alert fires now.')}\n{behind}", "in its place, and nothing else moves"
    assert split(f"{more}\n\n{again}")[1] == "No alert fires now."


@pytest.mark.parametrize(
    ("written", "text", "said"),
    [
        (joined("text", SAYS).replace("\n", "\r\n"), "text", SAYS),
        (
            f"text\n\n  {BEGIN}  \nOne alert fires now:\n\n- Down\n\nwords of a person",
            "text\n\nwords of a person",
            None,
        ),
        (f"text\n{END}\nmore", "text\nmore", None),
        (f"{joined('one', SAYS)}\n\n{joined('two', 'copied')}", "one\n\ntwo", SAYS),
        (f"{BEGIN}\n{END}", "", ""),
        (joined("TEXT", SAYS).upper(), "TEXT", None),
        (joined("text", SAYS).replace("---", "—"), "text", SAYS),
        (f"he said: {BEGIN} and went", f"he said: {BEGIN} and went", None),
    ],
    ids=[
        "windows",
        "without its end",
        "an end alone",
        "copied twice",
        "emptied",
        "in capitals",
        "with long dashes",
        "within a sentence",
    ],
)
def test_a_block_that_somebody_hurt_is_still_not_their_text(written: str, text: str, said: str | None) -> None:
    found, says = split(written)
    assert found == text
    if said is not None:
        assert says == said


@pytest.mark.parametrize("name", ["servicenow-incident", "memory-incident"])
def test_a_record_is_made_with_its_block_and_reads_as_it_was_meant(name: str) -> None:
    mapping = mappings.load(name)
    fields = {"title": "Down", "description": "What *happened*:\n\n1. this", "alerts": SAYS, "status": "new"}
    made = mapping.denormalize(fields, fields, creating=True)
    read = mapping.normalize(made.body).fields
    assert {one: read[one] for one in made.written} == made.written
    assert mapping.project(fields)[ALERTS] == made.written[ALERTS] == read[ALERTS]
    assert mapping.project(fields)["description"] == read["description"]
    assert "critical" in made.body["description"]
    alone = mapping.denormalize({"title": "Down", "alerts": SAYS}, {"alerts": SAYS}, creating=True)
    assert mapping.normalize(alone.body).fields["description"] is None


def test_the_block_alone_is_written_into_the_text_as_it_stands() -> None:
    mapping = mappings.load("servicenow-incident")
    there = {"description": f"  Ann's   own\n\n\n\tlayout\n{joined('', 'old')}\nand a line of Bob's  "}
    incident = {"description": "what the incident says meanwhile", "alerts": SAYS}
    wanted = {"alerts": SAYS}
    assert mapping.splices(wanted) and not mapping.splices({"description": "words"})
    patch = mapping.denormalize(wanted, incident, present=there)
    assert patch.body == {"description": there["description"].replace(joined("", "old"), _plain(joined("", SAYS)))}
    assert patch.written.keys() == {"alerts", "description"}, "the text is watched: an edit in between is found"
    assert patch.written["description"] == mapping.normalize(there).fields["description"]


def _plain(text: str) -> str:
    return text.replace("**", "")


def test_a_description_that_is_written_brings_its_block_along() -> None:
    mapping = mappings.load("servicenow-incident")
    incident = {"description": "new words", "alerts": SAYS}
    patch = mapping.denormalize({"description": "new words"}, incident)
    assert split(patch.body["description"]) == ("new words", _plain(SAYS))
    cleared = mapping.denormalize({"description": None}, {"description": None, "alerts": SAYS})
    assert split(cleared.body["description"]) == ("", _plain(SAYS))


@pytest.mark.parametrize(("length", "lines"), [(100, 4), (3_915, 1), (3_995, 0)])
def test_a_long_text_leaves_less_room_and_never_gives_way(length: int, lines: int) -> None:
    mapping = mappings.load("servicenow-incident")
    fields = {"description": "x" * length, "alerts": SAYS}
    made = mapping.denormalize(fields, fields)
    shown = mapping.project(fields)[ALERTS]
    assert made.written[ALERTS] == shown
    assert len(made.body["description"]) <= 4000
    assert mapping.normalize(made.body).fields["description"] == "x" * length
    assert (0 if shown is None else str(shown).count("\n") + 1) == lines


def test_where_a_text_over_there_leaves_no_room_it_is_said_and_not_cut() -> None:
    mapping = mappings.load("servicenow-incident")
    incident = {"description": "short", "alerts": SAYS}
    patch = mapping.denormalize({"alerts": SAYS}, incident, present={"description": "y" * 3_990})
    assert patch.body == {}
    assert [one.field for one in patch.left_out] == ["alerts"]
    assert ALERTS not in patch.written


def test_a_text_copied_with_a_block_from_another_record_goes_without_it() -> None:
    mapping = mappings.load("memory-incident")
    copied = {"description": joined("copied", "9 alerts fire now:\n\n- Other"), "alerts": SAYS}
    assert mapping.project(copied)["description"] == "copied"
    made = mapping.denormalize(copied, copied, creating=True)
    assert mapping.normalize(made.body).fields == {"description": "copied", "alerts": SAYS}


@pytest.mark.parametrize("name", ["jira-issue", "jira-issue-wiki", "jira-jsm-incident", "pagerduty-incident"])
def test_a_tool_that_shows_them_in_a_comment_has_no_block(name: str) -> None:
    mapping = mappings.load(name)
    assert mapping.board is None and mapping.pins and not mapping.without_pins().pins
    fields = {"title": "Down", "alerts": SAYS}
    assert mapping.project(fields)[ALERTS] == SAYS
    assert ALERTS not in mapping.without_pins().project(fields)
    assert "Down" in str(mapping.denormalize(fields, fields).body) and "alerts fire" not in str(
        mapping.denormalize(fields, fields).body
    )
