"""Times, lines and paths."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.model import instant
from tieline.mappings.convert.instants import canonical, instant_writer, read_instant
from tieline.mappings.convert.lines import clean_line, line_out, units
from tieline.mappings.document import InstantFormat
from tieline.mappings.paths import getter, parse_path, put, show

AT = "2026-11-23T07:01:13.340000Z"


@pytest.mark.parametrize(
    "raw",
    [
        "2026-11-23T07:01:13.34Z",
        "2026-11-23T07:01:13.340Z",
        "2026-11-23T07:01:13.340000000Z",
        "2026-11-23T07:01:13.340000Z",
        "2026-11-23T10:01:13.340+0300",
        "2026-11-23T10:01:13.340+03:00",
        "2026-11-22T23:01:13.340-0800",
        "2026-11-23 07:01:13.34",
        1795417273.34,
        1795417273340,
        "1795417273.34",
        "1795417273340",
    ],
)
def test_every_dialect_of_a_time_is_the_same_moment(raw: Any) -> None:
    assert read_instant(raw) == AT


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2019-09-05 00:42:29", "2019-09-05T00:42:29.000000Z"),
        ("2023-11-19T05:51:15Z", "2023-11-19T05:51:15.000000Z"),
        ("2026-11-23T07:26:30.960561461Z", "2026-11-23T07:26:30.960561Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_times_as_the_tools_write_them(raw: Any, moment: str | None) -> None:
    assert read_instant(raw) == moment


@pytest.mark.parametrize(
    "raw", ["", "yesterday", "2026-13-01", True, None, [], 1e40, float("nan"), float("inf"), "9" * 39]
)
def test_what_is_no_time_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_instant(raw)


@given(st.datetimes(min_value=datetime(1000, 1, 1)), st.sampled_from(list(InstantFormat)))  # noqa: DTZ001
def test_a_written_time_reads_back_in_the_precision_of_its_format(naive: datetime, form: InstantFormat) -> None:
    text = canonical(naive.replace(tzinfo=UTC))
    raw = instant_writer(form)(text)
    if isinstance(raw, int | float) and abs(raw) < 1e11 and form is InstantFormat.EPOCH_MILLISECONDS:
        return  # milliseconds of 1966 to 1973 look like seconds, and no tool had them
    if isinstance(raw, int | float) and abs(raw) >= 1e11 and form is not InstantFormat.EPOCH_MILLISECONDS:
        return  # seconds after the year 5138 look like milliseconds
    once = read_instant(raw)

    assert once is not None
    assert read_instant(instant_writer(form)(once)) == once
    if form is not InstantFormat.EPOCH_FLOAT:
        assert once <= text


def test_the_canonical_text_is_the_model_s() -> None:
    moment = datetime(2026, 11, 23, 7, 1, 13, 340000, tzinfo=UTC)

    assert canonical(moment) == instant(moment) == AT


@given(st.text(max_size=400), st.integers(20, 200))
def test_a_line_fits_and_stays(text: str, limit: int) -> None:
    written = line_out(text, limit)

    assert units(written) <= limit
    assert "\n" not in written
    assert line_out(clean_line(written), limit) == written


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("first\nsecond\r\nthird", "first second third"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("  wide   gap ", "wide gap"),
        ("@channel @alliance", "@\u200bchannel @alliance"),
        ("🔥 Störung شبكة", "🔥 Störung شبكة"),
        ("\ud800 lone", "lone"),
    ],
)
def test_a_line_is_clean(text: str, line: str) -> None:
    assert line_out(text, None) == line


def test_a_long_line_ends_at_a_word() -> None:
    assert line_out("The disk of the first database is full again", 30) == "The disk of the first…"


def test_half_a_name_at_the_cut_never_becomes_a_call() -> None:
    written = line_out("x" * 22 + "@alliance of tools", 27)

    assert written == "x" * 22 + "…"
    assert line_out(clean_line(written), 27) == written


@pytest.mark.parametrize("text", ["a", "fields.status.name", "a[0].b", 'labels["app.kubernetes.io/name"].x', "a[0][1]"])
def test_a_path_reads_what_it_wrote_and_shows_itself(text: str) -> None:
    path = parse_path(text)
    body: dict[str, Any] = {}
    put(body, path, "value")

    assert getter(path)(body) == "value"
    assert show(path) == text


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "[0]", "a[", "a[x]", "a[0]b", "a.[0]", "a{b}", " a"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_path(text)
