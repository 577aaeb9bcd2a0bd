"""Episodes, and the cursor that remembers which of them fired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.episodes import (
    MOST_EPISODES,
    Episode,
    Firing,
    fingerprint,
    moment_text,
    pages,
    parse_moment,
    stamp_of,
)
from tieline.core.port import Cursor, Reading, Version

MONDAY = datetime(2026, 11, 23, 7, 5, 28, 960_000, tzinfo=UTC)

moments = st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
episodes = st.builds(Episode, st.integers(0, 2**64 - 1).map("{:016x}".format), moments)


def alert(number: int, version: str = "v1", started: datetime = MONDAY) -> Reading:
    return Reading(Episode(f"{number:016x}", started).ref, Version(version), {})


def test_the_fingerprint_is_alertmanagers_own() -> None:
    # Seen in a webhook of Alertmanager 0.25 for these labels.
    labels = {"alertname": "Disk", "host": "a", "team": "capped"}
    assert fingerprint(labels) == "401a48e410d86ef2"
    assert fingerprint(dict(reversed(labels.items()))) == "401a48e410d86ef2"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T07:05:28.96Z",
        "2026-11-23T07:05:28.960Z",
        "2026-11-23T07:05:28.960561461Z",
        "2026-11-23T08:05:28.96+01:00",
    ],
)
def test_the_webhook_and_the_api_tell_the_same_moment_in_different_words(text: str) -> None:
    assert parse_moment(text) == MONDAY
    assert moment_text(parse_moment(text)) == "2026-11-23T07:05:28.960Z"


def test_a_moment_is_cut_and_not_rounded() -> None:
    assert moment_text(parse_moment("2026-11-23T07:04:28.536987734Z")) == "2026-11-23T07:04:28.536Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-23",
        "2026-11-23T07:05:28",
        "2026-11-23T07:05:28.960",
        "2026-11-23 07:05:28Z",
        "0001-01-01T00:00:00+23:59",
        "20261123T070528Z",
    ],
)
def test_what_is_no_moment_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time with a zone"):
        parse_moment(text)


@given(episodes)
def test_an_episode_is_found_again_by_its_ref(episode: Episode) -> None:
    assert Episode.parse(episode.ref) == episode


@pytest.mark.parametrize(
    "ref", ["", "@", "0123456789abcdef", "xyz@2026-11-23T07:05:28.960Z", "0123456789ABCDEF@2026-11-23T07:05:28Z"]
)
def test_what_is_no_ref_is_refused(ref: str) -> None:
    with pytest.raises(ValueError, match="not"):
        Episode.parse(ref)


@given(st.dictionaries(episodes, st.text().map(stamp_of), max_size=20))
def test_what_a_cursor_holds_survives_a_restart(stamps: dict[Episode, bytes]) -> None:
    firing = Firing({episode: stamp_of(stamp.hex()) for episode, stamp in stamps.items()})
    assert Firing.unpack(firing.pack()) == firing
    assert Firing.unpack(firing.pack()).pack() == firing.pack()


@pytest.mark.parametrize(
    "cursor", [None, "", "e1:!!!", "e1:abc", "2026-11-23T07:05:28Z|17", "of2" + "A" * 28, "e1:" + "____" * 28]
)
def test_a_cursor_of_another_kind_holds_nothing(cursor: str | None) -> None:
    assert Firing.unpack(Cursor(cursor) if cursor is not None else None) == Firing({})


def test_a_cursor_is_small() -> None:
    firing = Firing({}).after([alert(number) for number in range(1000)])
    assert len(firing.pack()) < 30_000


def test_a_cursor_is_bounded_and_keeps_the_newest() -> None:
    told = [alert(number, started=MONDAY + timedelta(seconds=number)) for number in range(MOST_EPISODES + 5)]
    kept = Firing.unpack(Firing({}).after(told).pack())
    assert len(kept.stamps) == MOST_EPISODES
    assert Episode.parse(told[4].ref) not in kept.stamps
    assert Episode.parse(told[-1].ref) in kept.stamps


def test_only_what_is_new_or_has_another_version_has_changed() -> None:
    before = Firing({}).after([alert(1), alert(2)])
    assert before.changed([alert(1), alert(2, "v2"), alert(3)]) == [alert(2, "v2"), alert(3)]


def test_another_start_of_the_same_alert_is_another_episode() -> None:
    before = Firing({}).after([alert(1)])
    again = alert(1, started=MONDAY + timedelta(minutes=5))
    assert before.changed([again]) == [again]
    assert before.missing([again]) == [Episode.parse(alert(1).ref)]


def test_ends_are_told_after_starts_and_the_cursor_holds_what_was_told() -> None:
    before = Firing({}).after([alert(1), alert(2)])
    found = list(pages(before, [alert(3), alert(4)], [alert(1), alert(2)], size=3))
    assert [[reading.ref for reading in page.readings] for page in found] == [
        [alert(3).ref, alert(4).ref, alert(1).ref],
        [alert(2).ref],
    ]
    assert [page.more for page in found] == [True, False]
    halfway = Firing.unpack(found[0].cursor)
    assert halfway.missing([alert(3), alert(4)]) == [Episode.parse(alert(2).ref)]
    assert Firing.unpack(found[1].cursor).missing([alert(3), alert(4)]) == []


def test_a_quiet_source_gives_one_empty_page_and_the_same_cursor() -> None:
    before = Firing({}).after([alert(1)])
    (page,) = pages(before, [], [], size=3)
    assert (page.readings, page.cursor, page.more) == ([], before.pack(), False)
