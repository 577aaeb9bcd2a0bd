"""What Request Tracker answers, and what becomes of it."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from tieline.adapters.rt.simulated.driver import HOOK_SECRET, RequestTrackerDriver
from tieline.adapters.rt.simulator import ACCOUNTS
from tieline.adapters.testing.simulation import Request
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion
from tieline.core.model import Audience
from tieline.core.port import Cursor, Delivery, Ref, Token
from tieline.core.secrets import Secret


@pytest.fixture
def tool() -> RequestTrackerDriver:
    return RequestTrackerDriver()


def test_a_refusal_with_status_200_names_what_was_refused_and_the_rest_is_done(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")

    written = rt.update(ref, {"Status": "bogus", "Priority": "100"}, rt.read(ref).version)

    assert written.body["Priority"] == "100"
    assert set(written.refused) == {"Status"}
    assert "isn't a valid status" in written.refused["Status"]


def test_a_refusal_of_everything_is_rejected(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    before = rt.read(ref)

    with pytest.raises(Rejected, match="valid status") as caught:
        rt.update(ref, {"Status": "bogus"}, before.version)

    assert set(caught.value.refused) == {"Status"}
    assert rt.read(ref).version == before.version


def test_a_status_that_no_ticket_begins_with_is_named(tool: RequestTrackerDriver) -> None:
    with pytest.raises(Rejected, match="stalled") as caught:
        tool.connect().create({"Subject": "Disk full", "Status": "stalled"}, Token("t-1"))

    assert set(caught.value.refused) == {"Status"}


def test_a_person_whom_it_does_not_know_is_left_out_of_a_new_ticket_and_named(tool: RequestTrackerDriver) -> None:
    made = tool.connect().create({"Subject": "Disk full", "Owner": {"id": "stranger"}}, Token("t-1"))

    assert made.body["Owner"] is None
    assert set(made.refused) == {"Owner"}


def test_a_ticket_that_did_not_keep_our_key_is_put_aside_and_not_made_again(tool: RequestTrackerDriver) -> None:
    tool.simulator.kept_from_us = {"Tieline Key"}

    with pytest.raises(Rejected, match=r"ticket 1 was made.*SetInitialCustomField"):
        tool.connect().create({"Subject": "Disk full"}, Token("t-1"))


def test_a_comment_moves_the_version(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    before = rt.read(ref)
    tool.comment(ref, "I look at it", Audience.STAFF)

    with pytest.raises(StaleVersion):
        rt.update(ref, {"Subject": "ours"}, before.version)


def test_a_write_to_a_merged_ticket_does_not_reach_the_one_that_took_its_place(tool: RequestTrackerDriver) -> None:
    rt, ref, into = tool.connect(), tool.make("Disk full"), tool.make("Disk full on db1")
    before = rt.read(ref)
    tool.merge(ref, into)

    with pytest.raises(Gone) as caught:
        rt.update(ref, {"Subject": "ours"}, before.version)

    assert caught.value.merged_into == into
    assert rt.read(into).body["Subject"] == "Disk full on db1"


def test_a_lone_zero_is_said(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    rt.add_comment(ref, "0", Audience.STAFF, Token("t-1"))

    assert [one.body.strip() for one in rt.comments(ref)] == ["0"]


def test_our_words_to_the_requestors_open_a_ticket_and_no_person_did(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    rt.add_comment(ref, "We look at it", Audience.CUSTOMERS, Token("t-1"))

    found = rt.read(ref)

    assert found.body["Status"] == "open"
    assert found.automatic == {"Status"}


def test_a_write_shows_its_json_for_what_it_is(tool: RequestTrackerDriver) -> None:
    headers = {"authorization": f"token {ACCOUNTS['ann']}"}
    answered = tool.simulator.answer(Request("POST", "/REST/2.0/ticket", (), headers, b"{}"))

    assert answered.status == 415


def test_no_pages_are_an_empty_listing(tool: RequestTrackerDriver) -> None:
    (page,) = tool.connect().changes(None)

    assert (page.readings, page.more) == ([], False)


@pytest.mark.parametrize(
    ("answered", "named"),
    [
        ({"items": []}, None),
        ({"items": None}, "no `items`"),
        ({"items": [{"id": "1"}]}, "LastUpdated"),
        ({"items": [{"id": "1", "LastUpdated": "1970-01-01T00:00:00Z"}]}, "LastUpdated"),
        ({"items": [{"id": "1", "LastUpdated": "2020-01-01T00:00:00Z"}]}, "not asked for"),
        ({"items": [], "pages": None}, None),
        ({"items": [], "pages": True}, None),
        ([], "no `items`"),
    ],
)
def test_an_answer_that_was_not_asked_for_is_never_a_page(
    tool: RequestTrackerDriver, answered: object, named: str | None
) -> None:
    rt = tool.connect()
    cursor = next(iter(rt.changes(None))).cursor
    tool.fail(200, content=json.dumps(answered).encode())

    if named is None:
        assert [page.readings for page in rt.changes(cursor)] == [[]]
        return
    with pytest.raises(NeedsOperator, match=named):
        list(rt.changes(cursor))


@pytest.mark.parametrize("in_sql", [True, False])
def test_tickets_that_may_not_be_seen_hide_no_others(tool: RequestTrackerDriver, in_sql: bool) -> None:
    refs = [tool.make(f"Disk {number} full") for number in range(10)]
    tool.simulator.checks_in_sql = in_sql
    tool.simulator.unseen = {int(one) for one in (refs[0], refs[4])}

    found = [reading.ref for page in tool.connect().changes(None) for reading in page.readings]

    assert found == [one for one in refs if int(one) not in tool.simulator.unseen]


def test_pages_that_show_nothing_are_passed_over_where_it_tells_of_more(tool: RequestTrackerDriver) -> None:
    refs = [tool.make(f"Disk {number} full") for number in range(4)]
    tool.simulator.fail(200, body={"items": [], "total": 4, "pages": 2})

    found = [reading.ref for page in tool.connect().changes(Cursor("0|0")) for reading in page.readings]

    assert found == refs[3:]


def test_the_same_page_again_is_no_next_page(tool: RequestTrackerDriver) -> None:
    rt = tool.connect()
    for number in range(3):
        tool.make(f"Disk {number} full")
    listed = rt.changes(None)
    next(iter(listed))
    shown = [{"id": "3", "LastUpdated": f"{tool.tool_now():%Y-%m-%dT%H:%M:%SZ}"}]
    tool.simulator.fail(200, body={"items": shown, "total": None})

    with pytest.raises(NeedsOperator, match="not asked for"):
        list(listed)


def test_comments_that_may_not_be_seen_hide_no_others(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    numbers = [tool.comment(ref, f"look {number}", Audience.STAFF) for number in range(120)]
    tool.simulator.unseen = {int(numbers[7])}

    assert [one.id for one in rt.comments(ref)] == [one for one in numbers if one != numbers[7]]


def test_the_same_comments_again_are_no_next_page(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    row = {"id": "39", "Type": "Comment", "Creator": {"id": "ann"}, "Created": "2026-12-01T08:00:00Z"}
    tool.simulator.fail(200, body={"items": [row]}, times=2)

    with pytest.raises(NeedsOperator, match="told before"):
        rt.comments(ref)


def test_files_of_a_message_are_not_fetched(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    number = tool.comment(ref, "I look at it", Audience.STAFF)
    tool.simulator.transactions[-1].files = {"core.txt": "a dump"}

    assert [one.body for one in rt.comments(ref)] == ["I look at it"]
    assert tool.simulator.brought == [f"{number}0000"]


def test_a_message_without_end_is_not_brought(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    tool.comment(ref, "x" * 3_000_000, Audience.STAFF)

    (comment,) = rt.comments(ref)

    assert "3 MB" in comment.body


def test_a_link_that_is_refused_with_status_200_is_rejected(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    tool.simulator.takes_links = False

    with pytest.raises(Rejected, match="Couldn't resolve"):
        rt.link(ref, "https://tieline.example/incidents/INC-1", "INC-1", Token("t-1"))


def test_a_ticket_that_left_the_queue_is_gone(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    before = rt.read(ref)
    tool.edit(ref, {"Queue": "Elsewhere"})

    with pytest.raises(Gone, match="for the queue Elsewhere"):
        rt.read(ref)
    with pytest.raises(Gone, match="Elsewhere"):
        rt.update(ref, {"Subject": "ours"}, before.version)
    assert tool.person("GET", f"/ticket/{ref}")["Subject"] == "Disk full"


@pytest.mark.parametrize("queue", ["incidents", "3"])
def test_a_queue_is_known_in_any_case_and_by_its_number(tool: RequestTrackerDriver, queue: str) -> None:
    assert tool.connect(queue=queue).read(tool.make("Disk full")).key == "#1"


def test_a_ticket_that_may_not_be_seen_where_it_went_is_gone(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    before = rt.read(ref)
    tool.make("Disk full, too")
    tool.simulator.unseen = {int(ref)}

    with pytest.raises(Gone, match="may not be seen any more"):
        rt.read(ref)
    with pytest.raises(Gone):
        rt.update(ref, {"Subject": "ours"}, before.version)


def test_a_right_that_was_taken_away_takes_no_ticket_away(tool: RequestTrackerDriver) -> None:
    rt, refs = tool.connect(), [tool.make("Disk full"), tool.make("Disk full, too")]
    tool.simulator.unseen = {int(one) for one in refs}

    with pytest.raises(NeedsOperator, match="permission"):
        rt.read(refs[0])


def test_a_ticket_that_is_moved_at_its_birth_is_made_once(tool: RequestTrackerDriver) -> None:
    rt = tool.connect()
    tool.after_next_write(lambda: tool.edit(Ref("1"), {"Queue": "Elsewhere"}))
    made = rt.create({"Subject": "Disk full"}, Token("t-1"))

    found = rt.find(Token("t-1"))

    assert found is not None
    assert found.ref == made.ref


def test_a_ticket_is_opened_with_a_lone_zero(tool: RequestTrackerDriver) -> None:
    made = tool.connect().create({"Subject": "Disk full", "Content": "0"}, Token("t-1"))

    assert made.body["Content"] == "0"


def test_a_ticket_without_an_etag_is_not_believed(tool: RequestTrackerDriver) -> None:
    rt, ref = tool.connect(), tool.make("Disk full")
    tool.fail(200, content=b'{"id": 1, "Status": "new"}')

    with pytest.raises(NeedsOperator, match="ETag"):
        rt.read(ref)


def test_a_cursor_of_somebody_else_is_refused(tool: RequestTrackerDriver) -> None:
    with pytest.raises(NeedsOperator, match="reset it"):
        list(tool.connect().changes(Cursor("2026-12-01 00:00:00|abc")))


@pytest.mark.parametrize("ref", ["", "1/../2", "one", "٣", "9" * 30])
def test_what_is_no_number_is_no_ticket(tool: RequestTrackerDriver, ref: str) -> None:
    with pytest.raises(Gone):
        tool.connect().read(Ref(ref))
    assert all("/ticket/" not in path for _, path in tool.simulator.requests)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"username": "ann"}, "credential"),
        ({"username": "nobody-here"}, "no user"),
        ({"queue": "Elsewhere"}, "no queue"),
        ({"key_field": "Our Key"}, "custom field"),
    ],
)
def test_check_says_what_is_to_be_mended(tool: RequestTrackerDriver, changed: dict[str, str], named: str) -> None:
    with pytest.raises(NeedsOperator, match=named):
        tool.connect(**changed).check()


def test_an_address_without_rest_is_told(tool: RequestTrackerDriver) -> None:
    with pytest.raises(NeedsOperator, match="no REST2"):
        tool.connect(url="https://rt.example/elsewhere").check()


@pytest.mark.parametrize(
    "given",
    [{"token": None}, {"password": "x"}, {"queue": "a' OR id > 0 OR 'b"}, {"username": "a/b"}, {"page_size": 500}],
)
def test_settings_that_cannot_be_meant_are_refused(tool: RequestTrackerDriver, given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        tool.connect(**given)


def test_a_webhook_of_another_queue_is_refused(tool: RequestTrackerDriver) -> None:
    body = json.dumps({"queue": "Elsewhere", "ticket": 1, "transaction": 39}).encode()

    with pytest.raises(ValueError, match="Elsewhere"):
        tool.connect().parse(Delivery({}, body))


@pytest.mark.parametrize("ticket", [0, -1, True, "1", 1.5, None, 1 << 60])
def test_a_webhook_about_no_ticket_is_refused(tool: RequestTrackerDriver, ticket: object) -> None:
    body = json.dumps({"queue": "Incidents", "ticket": ticket}).encode()

    with pytest.raises(ValueError, match="ticket"):
        tool.connect().parse(Delivery({}, body))


def test_a_retired_secret_still_proves(tool: RequestTrackerDriver) -> None:
    told = tool.delivery(tool.make("Disk full"))
    former = Secret.literal(HOOK_SECRET)

    tool.connect(webhook_secret=Secret.literal("a new one"), retired_webhook_secret=former).verify(told, tool.now())
