"""A ticket as mappings see it, and a patch as REST2 takes it."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.adapters.rt.ticket import (
    Doing,
    at_once,
    body_of,
    by_itself,
    moment,
    people_in,
    refused,
    said_in,
    text_of,
    undone,
    words,
)

UNSET = "1970-01-01T00:00:00Z"


def answer(**changed: Any) -> dict[str, Any]:
    usual = {
        "id": 17,
        "Subject": "Disk full",
        "Status": "new",
        "Priority": "50",
        "Owner": {"id": "Nobody", "EmailAddress": ""},
        "Creator": {"id": "ann", "EmailAddress": "Ann.Doe@Example.org"},
        "Due": UNSET,
        "Resolved": UNSET,
        "CustomFields": [{"name": "Category", "values": ["storage"]}, {"name": "Tags", "values": [None]}],
        "_hyperlinks": [{"ref": "self"}],
    }
    return usual | changed


def did(number: int, kind: str = "Set", who: str = "ann", member: str = "", old: str = "", new: str = "") -> Doing:
    return Doing(number, kind, who, member, old, new)


def test_a_ticket_says_null_for_what_is_not_set() -> None:
    body = body_of(answer(), "df says 100 %")

    assert (body["Due"], body["Resolved"], body["Owner"]) == (None, None, None)
    assert (body["id"], body["Content"]) == ("17", "df says 100 %")
    assert body["CustomFields"] == {"Category": ["storage"], "Tags": []}
    assert "_hyperlinks" not in body


@pytest.mark.parametrize(
    "odd", [{"Subject": None}, {"Status": 7}, {"Owner": None}, {"Owner": {}}, {"CustomFields": [{"values": []}]}]
)
def test_an_odd_ticket_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        body_of(answer(**odd), "")


@pytest.mark.parametrize("text", [UNSET, "", "yesterday", "2026-12-01T08:00:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|Invalid"):
        moment(text)


def test_people_are_known_by_their_addresses_in_lower_case() -> None:
    assert people_in(answer()) == {"ann": "ann.doe@example.org"}


def test_a_null_is_written_as_what_clears_the_member() -> None:
    told = words(
        {"Owner": {"id": None}, "Due": None, "Subject": None, "CustomFields": {"Category": [None], "Tags": []}}
    )

    assert told == {"Owner": "Nobody", "Due": UNSET, "Subject": "", "CustomFields": {"Category": None, "Tags": []}}
    assert words({"Owner": {"id": "ann"}}) == {"Owner": "ann"}


def test_what_was_left_out_is_named_with_what_the_server_said() -> None:
    body = body_of(answer(), "")
    patch = {"Status": "bogus", "Priority": "50", "Owner": {"id": "ann"}, "CustomFields": {"Category": ["nonsense"]}}

    found = refused(patch, body, frozenset(), "isn't a valid status")

    assert found == dict.fromkeys(("Status", "Owner", "CustomFields.Category"), "isn't a valid status")
    assert refused({"Subject": "x" * 300}, body_of(answer(Subject="x" * 200), ""), frozenset({"Subject"}), "") == {}


def test_a_date_in_another_form_is_the_same_date() -> None:
    body = body_of(answer(Due="2026-12-24T12:00:00Z"), "")

    assert refused({"Due": "2026-12-24T13:00:00+01:00"}, body, frozenset(), "") == {}
    assert set(refused({"Due": None}, body, frozenset(), "")) == {"Due"}


def test_what_others_did_is_taken_out_again() -> None:
    body = body_of(answer(Subject="theirs", Status="open", Owner={"id": "ann"}, Due="2026-12-24T12:00:00Z"), "")
    theirs = [
        did(41, member="Subject", old="ours", new="between"),
        did(42, member="Subject", old="between", new="theirs"),
        did(43, "Status", member="Status", old="new", new="open"),
        did(44, member="Owner", old="6", new="29"),
        did(45, member="Due", old="1970-01-01 00:00:00", new="2026-12-24T12:00:00Z"),
        did(46, "CustomField", member="3", old="network", new="storage"),
        did(47, "Comment"),
    ]

    left = undone(body, theirs, {"3": "Category"})

    assert (left["Subject"], left["Status"], left["Due"]) == ("ours", "new", None)
    assert left["CustomFields"]["Category"] == ["network"]
    assert "Owner" not in left
    assert body["CustomFields"]["Category"] == ["storage"]


def test_what_a_scrip_set_last_is_its_own_doing() -> None:
    escalated = did(41, who="RT_System", member="Priority", old="50", new="90")

    assert by_itself([escalated], "tieline") == {"Priority"}
    assert by_itself([escalated, did(42, member="Priority", old="90", new="10")], "tieline") == frozenset()


@pytest.mark.parametrize(("speaker", "found"), [("ann", frozenset()), ("tieline", frozenset({"Status"}))])
def test_a_ticket_that_opens_at_an_answer_is_opened_by_whoever_answered(speaker: str, found: frozenset[str]) -> None:
    opened = did(42, "Status", "RT_System", "Status", "new", "open")

    assert by_itself([did(41, "Correspond", speaker), opened], "tieline") == found


def test_a_message_says_its_plain_text_or_its_html_without_the_markup() -> None:
    page = "<style>p {}</style><p>df says <b>100&nbsp;%</b></p><script>x()</script><p>now</p>"
    html, plain = {"ContentType": "text/html"}, {"ContentType": "text/plain"}

    assert said_in([html, plain]) == plain
    assert said_in([html]) == html
    assert said_in([plain | {"Filename": "df.txt"}]) is None
    assert text_of(plain, "df says <100 %>") == "df says <100 %>"
    assert text_of(html, page) == "df says 100\xa0%\nnow"


def test_no_more_is_asked_for_at_once_than_an_answer_may_hold() -> None:
    lengths = ("400", "500", "200", "900", None, "none", "3000000", "100")
    parts = [{"id": str(number), "ContentLength": length} for number, length in enumerate(lengths)]

    assert list(at_once(parts, 1000)) == [["0", "1"], ["2"], ["3", "4", "5", "7"]]
    assert [len(one) for one in at_once([{"id": "1"}] * 120, 1000)] == [50, 50, 20]


def test_a_message_that_is_too_long_says_so() -> None:
    assert "3 MB" in text_of({"ContentType": "text/plain", "ContentLength": "3000000"}, None)
