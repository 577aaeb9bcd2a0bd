"""Where a rich text is cut that does not fit. A letter measures a thousand, so that the room kept free is less."""

from __future__ import annotations

import pytest

from tieline.mappings.convert import cutting
from tieline.mappings.convert.cutting import HEADROOM, LINKED, MARK
from tieline.mappings.convert.rich import (
    Block,
    Blocks,
    CodeBlock,
    Heading,
    Items,
    Mark,
    Paragraph,
    Quote,
    Rule,
    Run,
    Table,
    words,
)

CUT = Paragraph((Run(MARK),))
STRONG = frozenset({Mark.STRONG})


def said(text: str) -> Paragraph:
    return Paragraph((Run(text),))


def measure(blocks: Blocks) -> int:
    return 1_000 * sum(len(line) for line in words(blocks))


def items(*texts: str) -> Items:
    return Items(True, 3, tuple((said(text),) for text in texts))


def table(*rows: tuple[str, str]) -> Table:
    return Table(tuple(((Run(one),), (Run(other),)) for one, other in rows))


BOTH = (Run("aaaa"), Run("bbbb", STRONG))


HALF = (Run("aaaa"), Run("bb", STRONG))


@pytest.mark.parametrize(
    ("blocks", "room", "kept"),
    [
        pytest.param((said("aaaaaa"), said("bbbbbb")), 11, (said("aaaaaa"),), id="between blocks"),
        pytest.param((said("a" * 10), said("bbbbbb")), 10, (said("a" * 10),), id="to the last letter"),
        pytest.param((said("aaaaa"), said("b" * 50)), 10, (said("aaaaa"), said("bbbbb")), id="half would stay empty"),
        pytest.param((said("aaaaaa"), said("b" * 50)), 10, (said("aaaaaa"),), id="less than half would"),
        pytest.param((said("abc"),), 2, (said("ab"),), id="in a word"),
        pytest.param((said("aaa bbb ccc ddd"),), 11, (said("aaa bbb ccc"),), id="behind a word"),
        pytest.param((said("aaaaaaaaa bbb"),), 11, (said("aaaaaaaaa"),), id="at a word that ends near"),
        pytest.param((said("aaaaaaa bbb"),), 10, (said("aaaaaaa bb"),), id="in a word, where none ends near"),
        pytest.param((CodeBlock("aaaaaaa\nbbb\nc", "sh"),), 10, (CodeBlock("aaaaaaa\nbbb", "sh"),), id="code"),
        pytest.param((items("aaaa", "bbbb", "cccc"),), 8, (items("aaaa", "bbbb"),), id="a list"),
        pytest.param((Quote((said("aaaa"), said("bbbb"))),), 5, (Quote((said("aaaa"),)),), id="a quotation"),
        pytest.param((Heading(2, BOTH),), 6, (Heading(2, (Run("aaaa"), Run("bb", STRONG))),), id="a heading"),
        pytest.param((Heading(2, BOTH),), 4, (Heading(2, (Run("aaaa"),)),), id="between marks"),
        pytest.param((table(("a", "b"), ("c", "d")),), 5, (table(("a", "b")),), id="a table"),
        pytest.param((table(("a", "b"), ("c", "d")),), 4, (), id="not even a row"),
        pytest.param((said("a"), Rule(), said("b" * 50)), 4, (said("a"),), id="a line has no part"),
        pytest.param((said("aaa"), CUT, said("b" * 40)), 4, (said("aaa"),), id="cut again"),
        pytest.param((said("aaa"), CUT), 3, (said("aaa"),), id="cut again, and fits without its mark"),
        pytest.param((CUT, said("aaa bbb")), 3, (said("aaa"),), id="cut again, from its beginning"),
        pytest.param((said("a"), CUT), 10, (said("a"),), id="cut again, and much room"),
        pytest.param((said("aaa"),), 0, (), id="no room"),
        pytest.param((said("a b"),), 2, (said("a"),), id="no space at its end"),
        pytest.param((CodeBlock("aaaa\nbbb"),), 5, (CodeBlock("aaaa"),), id="a line of code that ends near"),
        pytest.param((Heading(2, (*BOTH, Run("cccc"))),), 6, (Heading(2, HALF),), id="nothing behind the cut"),
    ],
)
def test_a_text_is_cut_where_a_reader_would(blocks: Blocks, room: int, kept: Blocks) -> None:
    assert cutting.cut(blocks, HEADROOM + 1_000 * room, measure) == (*kept, CUT)


def test_what_just_fits_is_not_cut_and_what_leaves_no_room_is_the_mark() -> None:
    blocks = (said("abc"),)
    assert cutting.cut(blocks, 3_000, measure) is blocks
    assert cutting.cut(blocks, 2_999, measure) != blocks
    assert cutting.cut(blocks, 1, measure) == (CUT,)
    assert cutting.cut(blocks, 2, lambda kept: measure(kept) // 1_000) == (CUT,)


@pytest.mark.parametrize(("text", "is_cut"), [(f"a\n\n{MARK}", True), (MARK, True), ("a (… cut", False), ("", False)])
def test_a_cut_text_says_so(text: str, is_cut: bool) -> None:
    assert cutting.is_cut(text) is is_cut


HREF = "https://tieline.example.org/INC-1"
WHOLE = said(f"{LINKED}{HREF} )")


@pytest.mark.parametrize(
    ("blocks", "link", "after"),
    [
        ((said("a"), CUT), HREF, (said("a"), WHOLE)),
        ((CUT,), HREF, (WHOLE,)),
        ((said("a"), CUT), "", (said("a"), CUT)),
        ((said("a"), CUT), "javascript:alert(1)", (said("a"), CUT)),
        ((said("a"), CUT), HREF.ljust(181, "x"), (said("a"), CUT)),
        ((said("a"), CUT), HREF.ljust(180, "x"), (said("a"), said(f"{LINKED}{HREF.ljust(180, 'x')} )"))),
        ((said("a"),), HREF, (said("a"),)),
        ((CUT, said("a")), HREF, (CUT, said("a"))),
        ((), HREF, ()),
    ],
)
def test_the_link_stands_behind_the_mark_and_reading_takes_it_out(blocks: Blocks, link: str, after: Blocks) -> None:
    assert cutting.linked(blocks, link) == after
    assert cutting.unlinked(after) == blocks


@pytest.mark.parametrize(
    ("last", "is_link"),
    [
        (WHOLE, True),
        (Paragraph((Run(LINKED), Run("here", STRONG), Run(")"))), True),
        (Paragraph((Run(LINKED), Run("here", STRONG))), False),
        (said(f"{LINKED}here)\nand more)"), False),
        (Paragraph((Run(LINKED), Run("and\nmore", STRONG), Run(")"))), False),
        (said(f"see {LINKED}here)"), False),
        (Heading(1, (Run(f"{LINKED}here)"),)), False),
    ],
)
def test_only_our_own_mark_with_its_link_is_taken_for_one(last: Block, is_link: bool) -> None:
    blocks = (said("a"), last)
    assert cutting.unlinked(blocks) == ((said("a"), CUT) if is_link else blocks)


@pytest.mark.parametrize(
    "weights", [[1] * 1000, [999, *[1] * 99], [*[1] * 99, 999], [0, 0, 7, 0, 90, 3, 0, 0], [5], []]
)
@pytest.mark.parametrize("room", [0, 1, 6, 7, 98, 99, 100, 500, 10_000])
def test_as_much_is_kept_as_fits_whatever_the_parts_weigh(weights: list[int], room: int) -> None:
    def weigh(number: int) -> int:
        return sum(weights[:number])

    most = max(number for number in range(len(weights) + 1) if weigh(number) <= room)
    assert cutting.most(len(weights), weigh, room) == most


def test_parts_of_a_kind_are_weighed_a_few_times_only() -> None:
    weighed: list[int] = []

    def weigh(number: int) -> int:
        weighed.append(number)
        return 7 * number

    assert cutting.most(1_000_000, weigh, 4_321_000) == 617_285
    assert len(weighed) < 6
