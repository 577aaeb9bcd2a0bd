"""One line of plain text, at its edges: what is cleaned, guarded and cut."""

from __future__ import annotations

import pytest

from tieline.mappings.convert import lines
from tieline.mappings.convert.lines import ELLIPSIS, GUARD


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (" a ", "a"),
        ("a  b", "a b"),
        ("a\r\n\tb", "a b"),
        ("a\x00b", "a b"),
        ("\ud800a\ufeff", "a"),
        (f"@{GUARD}all", "@all"),
        (f" {GUARD} ", ""),
        ("a\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}b", "a b"),
        ("", ""),
    ],
)
def test_a_line_is_cleaned(text: str, clean: str) -> None:
    assert lines.clean_line(text) == clean


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a\n", ""]),
        ("a\r\nb\rc", ["a\r\n", "b\r", "c"]),
        ("a\r", ["a\r", ""]),
        ("\n\n", ["\n", "\n", ""]),
        ("a\n\nb", ["a\n", "\n", "b"]),
    ],
)
def test_a_text_is_parted_at_newlines_of_every_kind(text: str, parts: list[str]) -> None:
    assert lines.raw_lines(text) == parts
    assert "".join(lines.raw_lines(text)) == text


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("@here", f"@{GUARD}here"),
        ("a @Channel, @ALL @everyone", f"a @{GUARD}Channel, @{GUARD}ALL @{GUARD}everyone"),
        ("@alliance @hereby ann@example.org all", "@alliance @hereby ann@example.org all"),
    ],
)
def test_nobody_is_woken_by_a_word_in_a_line(text: str, quiet: str) -> None:
    assert lines.quiet(text) == quiet
    assert lines.clean_line(lines.quiet(text)) == text


@pytest.mark.parametrize(("text", "units"), [("", 0), ("ab", 2), ("é", 1), ("😀", 2), ("a😀\ud800", 4)])
def test_letters_are_counted_as_java_counts_them(text: str, units: int) -> None:
    assert lines.units(text) == units


@pytest.mark.parametrize(
    ("text", "limit", "fitted"),
    [
        ("disk full", None, "disk full"),
        ("disk full", 9, "disk full"),
        ("disk full", 8, f"disk{ELLIPSIS}"),
        ("disk full", 5, f"disk{ELLIPSIS}"),
        ("disk full", 4, f"dis{ELLIPSIS}"),
        # A word that ends far in front of the cut is not waited for.
        ("a bcdefghij", 8, f"a bcdef{ELLIPSIS}"),
        ("abcd efgh", 7, f"abcd{ELLIPSIS}"),
        ("abc efgh", 7, f"abc ef{ELLIPSIS}"),
        # No space is left in front of the ellipsis.
        ("abcdefgh ijk", 10, f"abcdefgh{ELLIPSIS}"),
        (" bcdefgh", 2, ELLIPSIS),
        ("b cdefgh", 3, f"b{ELLIPSIS}"),
        ("😀😀😀", 6, "😀😀😀"),
        ("😀😀😀", 5, f"😀😀{ELLIPSIS}"),
        ("😀😀😀", 4, f"😀{ELLIPSIS}"),
        ("abcdef", 1, ELLIPSIS),
    ],
)
def test_a_line_is_cut_at_a_word_where_one_ends_near(text: str, limit: int | None, fitted: str) -> None:
    assert lines.fit_line(text, limit) == fitted
    assert limit is None or lines.units(fitted) <= limit


@pytest.mark.parametrize(
    ("text", "limit", "out"),
    [
        ("call  @here\n", None, f"call @{GUARD}here"),
        ("call the @alliance", 14, f"call the{ELLIPSIS}"),
        ("call the @alliance", 15, f"call the @alli{ELLIPSIS}"),
        ("@x @alliance", 8, f"@x{ELLIPSIS}"),
        ("@x @alliance", 7, f"@x @al{ELLIPSIS}"),
        ("call @here now", 12, f"call @{GUARD}here{ELLIPSIS}"),
        ("call @here now", 15, f"call @{GUARD}here now"),
    ],
)
def test_what_goes_out_is_clean_quiet_and_short_enough(text: str, limit: int | None, out: str) -> None:
    assert lines.line_out(text, limit) == out
    assert limit is None or lines.units(out) <= limit


@pytest.mark.parametrize(
    ("text", "limit", "beginning"),
    [
        ("abc", 2, "ab"),
        ("abc", 0, ""),
        ("abc", 9, "abc"),
        ("😀b", 2, "😀"),
        ("😀b", 1, ""),
        ("a😀b", 3, "a😀"),
        ("ab\ud800", 2, "ab"),
    ],
)
def test_a_beginning_parts_no_letter(text: str, limit: int, beginning: str) -> None:
    assert lines.cut_units(text, limit) == beginning
