"""JQL times and the poll's cursor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.adapters.jira.jql import MOST_REMEMBERED, Place, Row, changed, quoted, scope, wall_time
from tieline.core.port import Cursor, Version

OVERLAP = timedelta(minutes=5)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def readings(text: str, zone: str) -> list[datetime]:
    """Both moments that a wall time can mean."""
    naive = datetime.strptime(text, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - the zone follows
    return [naive.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]


@given(st.integers(ms("2020-01-01T00:00Z"), ms("2030-01-01T00:00Z")), st.sampled_from(ZONES))
def test_a_wall_time_is_never_later_than_meant_and_never_much_earlier(at: int, zone: str) -> None:
    for reading in readings(wall_time(at, ZoneInfo(zone)), zone):
        late = at / 1000 - reading.timestamp()
        assert 0 <= late < 2 * 3600 + 60


def test_a_wall_time_is_floored_to_the_minute_in_the_accounts_zone() -> None:
    assert wall_time(ms("2026-07-01T12:00:59.999Z"), ZoneInfo("America/New_York")) == "2026-07-01 08:00"


@pytest.mark.parametrize(("at", "text"), [("05:30", "00:30"), ("06:30", "01:30"), ("07:30", "02:30")])
def test_in_the_hour_that_comes_twice_the_earlier_reading_is_taken(at: str, text: str) -> None:
    # New York, 1 November 2026: 01:00 to 02:00 comes twice, at 05:00Z and at 06:00Z.
    assert wall_time(ms(f"2026-11-01T{at}Z"), ZoneInfo("America/New_York")) == f"2026-11-01 {text}"


def test_names_cannot_break_out_of_a_query() -> None:
    assert quoted('x" OR project is not EMPTY OR "\\') == '"x\\" OR project is not EMPTY OR \\"\\\\"'


def test_the_query_is_bounded_and_ordered() -> None:
    text = changed(scope("OPS", "Incident", ""), ms("2026-07-01T12:00Z"), ZoneInfo("UTC"))
    assert text == (
        'project = "OPS" AND (issuetype = "Incident") AND updated >= "2026-07-01 12:00" ORDER BY updated ASC, key ASC'
    )


def test_an_admins_jql_takes_the_place_of_the_issue_type() -> None:
    assert scope("OPS", "Incident", "labels = sev1 OR priority = High") == (
        'project = "OPS" AND (labels = sev1 OR priority = High)'
    )


def test_a_cursor_survives_storage() -> None:
    place = Place(1_000, 2_000, {"7": "1500.ab~"})
    assert Place.unpack(place.pack()) == place


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"start":1,"at":2,"seen":[]}', "2026-01-01"])
def test_a_foreign_cursor_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Place.unpack(Cursor(text))


def test_a_settled_version_is_not_fetched_again() -> None:
    place = Place(0, 1_000_000, {"1": "999000.aa", "2": "999000.bb~"})
    assert not place.wants(Row("1", 999_000), OVERLAP)
    assert place.wants(Row("2", 999_000), OVERLAP), "read within two seconds of its stamp: an edit may share it"
    assert place.wants(Row("1", 999_001), OVERLAP)
    assert place.wants(Row("3", 999_000), OVERLAP)


def test_what_is_older_than_the_first_poll_is_not_wanted() -> None:
    assert not Place(1_000_000, 1_000_000).wants(Row("1", 999_999), OVERLAP)


def test_a_version_is_handed_out_once() -> None:
    place = Place(0, 0, {"1": "5.aa~"})
    assert not place.fresh("1", Version("5.aa"))
    assert place.fresh("1", Version("5.ab"))


def test_while_pages_follow_only_settled_index_rows_move_the_place() -> None:
    rows = [Row("1", 5_000), Row("2", 900_000)]
    assert Place(0, 0).passed(rows, {}, OVERLAP, 100_000).at == 5_000
    assert Place(0, 0).passed(rows, {}, OVERLAP, None).at == 900_000


def test_the_cursor_forgets_what_the_overlap_no_longer_covers() -> None:
    place = Place(0, 0, {"1": "1.aa", "2": "3600000.bb"}).passed([Row("2", 3_600_000)], {}, OVERLAP, None)
    assert dict(place.seen) == {"2": "3600000.bb"}


def test_a_cursor_is_bounded() -> None:
    read = {str(number): (Version(f"{number}.aa"), True) for number in range(MOST_REMEMBERED + 50)}
    place = Place(0, 0).passed([], read, OVERLAP, None)
    assert len(place.seen) == MOST_REMEMBERED
    assert "0" not in place.seen, "the oldest are forgotten first"
