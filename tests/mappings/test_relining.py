"""An edit of a block's lines, taken over into the block: which lines of it may change, come and go."""

from __future__ import annotations

import pytest

from tieline.mappings.convert.relining import Relined, relined
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
)

STRONG = frozenset({Mark.STRONG})


def said(text: str) -> Paragraph:
    return Paragraph((Run(text),))


def listed(*texts: str, start: int = 0) -> Items:
    return Items(bool(start), start or 1, tuple((said(text),) for text in texts))


def table(*rows: str) -> Table:
    return Table(tuple(tuple((Run(cell),) for cell in row) for row in rows))


def shown(lines: str) -> Blocks:
    """What a tool shows: lines, parted by `/` here."""
    return (said(lines.replace("/", "\n")),) if lines else ()


LIST = listed("one", "two", "three")
NUMBERED = listed("one", "two", start=3)
CODE = CodeBlock("x = 1\ny = 2", "py")
HEAD = Heading(2, (Run("head"),))
QUOTE = Quote((said("said"), said("more")))
NESTED = Items(False, 1, ((said("one"), listed("in")), (said("two"),)))
ROWS = table("ab", "cd")


def lines_in_item(text: str) -> Items:
    return Items(False, 1, ((said(text),), (said("two"),)))


TWO_LINES = lines_in_item("a\nb")


@pytest.mark.parametrize(
    ("block", "lines", "edited", "after"),
    [
        pytest.param(LIST, "- one/- two/- three", "- one/- 2/- three", listed("one", "2", "three"), id="changed"),
        pytest.param(LIST, "- one/- two/- three", "- one/- three", listed("one", "three"), id="removed"),
        pytest.param(LIST, "- one/- two/- three", "", None, id="all removed"),
        pytest.param(
            LIST, "- one/- two/- three", "- one/- two/- three/- x", listed("one", "two", "three", "x"), id="added"
        ),
        pytest.param(
            LIST, "- one/- two/- three", "- one/- x/- two/- three", listed("one", "x", "two", "three"), id="between"
        ),
        pytest.param(
            LIST,
            "- one/- two/- three",
            "- one/- x/- y/- two/- three",
            listed("one", "x", "y", "two", "three"),
            id="two",
        ),
        pytest.param(LIST, "- one/- two/- three", "- one//- two/- three", LIST, id="an empty line between"),
        pytest.param(LIST, "/- one/- two/- three", "/- one/- 2/- three", listed("one", "2", "three"), id="empty first"),
        pytest.param(LIST, "- one/- two//- three", "- one/- two/- three", LIST, id="an empty line removed"),
        pytest.param(listed("one", "one"), "- one/- one", "- one", listed("one"), id="one of two alike"),
        pytest.param(
            Items(False, 1, ((Paragraph((Run("one", STRONG),)),),)),
            "- one",
            "- one more",
            Items(False, 1, ((Paragraph((Run("one", STRONG), Run(" more"))),),)),
            id="marks of the words that stay",
        ),
        pytest.param(LIST, "- one/- two/- three", "- 1/- 2/- three", listed("1", "2", "three"), id="two changed"),
        pytest.param(LIST, "- one/- two/- three", "- 1", listed("1"), id="one changed and two removed"),
        pytest.param(listed("one", "two"), "- one/- two", "- 1/- 2/- 3", listed("1", "2", "3"), id="changed and added"),
        pytest.param(LIST, "- one// - two/- three", "- one/ / - two/- three", LIST, id="an empty line of spaces"),
        pytest.param(LIST, "- one/ /- two/- three", "- one/- two/- three", LIST, id="a line of spaces removed"),
        pytest.param(LIST, "- one/- two/- three", "- one/ /- two/- three", LIST, id="a line of spaces between"),
        pytest.param(listed("a | b", "c"), "- a | b/- c", "- a | x/- c", listed("a | x", "c"), id="an item with a bar"),
        pytest.param(
            listed("one", "--", "two"), "- one/- --/- two", "- one/- --/- 2", listed("one", "--", "2"), id="no letters"
        ),
        pytest.param(TWO_LINES, "- a/  b/- two", "- a/  c/- two", lines_in_item("a\nc"), id="a line in an item"),
        pytest.param(TWO_LINES, "- a/  b/- two", "- two", listed("two"), id="an item of two lines removed"),
        pytest.param(
            Quote((Rule(), said("a"))), "> -----/> a", "> -----/> b", Quote((Rule(), said("b"))), id="behind a line"
        ),
        pytest.param(CODE, "x = 1/y = 2", "", None, id="all code removed"),
        pytest.param(QUOTE, "> said//> more", "", None, id="all quoted words removed"),
        pytest.param(ROWS, "a | b/c | d", "", None, id="all rows removed"),
        pytest.param(said("a\nb"), "* a/* b", "", None, id="all lines removed"),
        pytest.param(NUMBERED, "3. one/4. two", "3. one/4. 2", listed("one", "2", start=3), id="a number, changed"),
        pytest.param(
            NUMBERED, "3. one/4. two", "3. one/4. x/5. two", listed("one", "x", "two", start=3), id="numbers move on"
        ),
        pytest.param(NUMBERED, "3. one/4. two", "1. one/2. two", NUMBERED, id="other numbers"),
        pytest.param(ROWS, "a | b/c | d", "a | b/c | x", table("ab", "cx"), id="a cell"),
        pytest.param(ROWS, "a | b/c | d", "a | b/e | f/c | d", table("ab", "ef", "cd"), id="a row"),
        pytest.param(ROWS, "a | b/c | d", "c | d", table("cd"), id="a row removed"),
        pytest.param(CODE, "x = 1/y = 2", "x = 1/y = 3", CodeBlock("x = 1\ny = 3", "py"), id="a line of code"),
        pytest.param(CODE, "x = 1/y = 2", "y = 2", CodeBlock("y = 2", "py"), id="a line of code removed"),
        pytest.param(
            CODE,
            "  x = 1/  y = 2",
            "  x = 1/  z/  y = 2",
            CodeBlock("x = 1\nz\ny = 2", "py"),
            id="a line of code added",
        ),
        pytest.param(HEAD, "[head]", "[other]", Heading(2, (Run("other"),)), id="a heading"),
        pytest.param(
            QUOTE, "> said/>/> more", "> said/>/> less", Quote((said("said"), said("less"))), id="a quotation"
        ),
        pytest.param(
            QUOTE,
            "> said/>/> more",
            "> said/> x/>/> more",
            Quote((said("said\nx"), said("more"))),
            id="more is quoted",
        ),
        pytest.param(said("a\nb"), "* a/* b", "* a/* x/* b", said("a\nx\nb"), id="a line of a paragraph"),
        pytest.param(
            NESTED,
            "- one/  - in/- two",
            "- one/  - in/  - more/- two",
            Items(False, 1, ((said("one"), listed("in", "more")), (said("two"),))),
            id="further in",
        ),
        pytest.param(
            NESTED,
            "- one/  - in/- two",
            "- one/  - in/- new/- two",
            Items(False, 1, ((said("one"), listed("in")), (said("new"),), (said("two"),))),
            id="further out",
        ),
        pytest.param(
            NESTED,
            "- one/  - in/- two",
            "- one/- two",
            Items(False, 1, ((said("one"),), (said("two"),))),
            id="in, removed",
        ),
        pytest.param(
            NESTED,
            "- one/  - in/- two",
            "  - in/- two",
            Items(False, 1, ((listed("in"),), (said("two"),))),
            id="out, removed",
        ),
        pytest.param(Rule(), "-----", "-----", Rule(), id="a line"),
    ],
)
def test_lines_of_a_block_may_change_come_and_go(block: Block, lines: str, edited: str, after: Block | None) -> None:
    found = relined(block, shown(lines), shown(edited))
    assert found is not None
    tidied = tuple(joined(one) for one in found.blocks)
    assert (found.before, tidied, found.behind) == ((), () if after is None else (after,), ())
    untouched = relined(block, shown(lines), shown(lines))
    assert untouched is not None
    assert (untouched.before, [joined(one) for one in untouched.blocks], untouched.behind) == ((), [block], ())


def joined(block: Block) -> Block:
    """Lines of a paragraph as one run, where they have no marks."""
    match block:
        case Paragraph(runs) if not any(run.marks or run.href for run in runs):
            return said("".join(run.text for run in runs))
        case Quote(inner):
            return Quote(tuple(map(joined, inner)))
        case Items(ordered, start, items):
            return Items(ordered, start, tuple(tuple(map(joined, item)) for item in items))
        case _:
            return block


def test_a_line_like_a_heading_below_it_is_a_paragraph() -> None:
    found = relined(HEAD, shown("## head"), shown("## head/## more"))
    assert found == Relined((), (HEAD, said("more")), ())


def test_a_paragraph_that_was_parted_is_the_same() -> None:
    found = relined(LIST, shown("- one/- two/- three"), (said("- one\n- two"), said("- three")))
    assert found == Relined((), (LIST,), ())


@pytest.mark.parametrize(
    ("block", "lines", "edited", "before", "behind"),
    [
        (LIST, "- one/- two/- three", "- one/- two/- three/text", (), ("text",)),
        (LIST, "- one/- two/- three", "- one/- two/- three/- four/text", (), ("- four", "text")),
        (LIST, "- one/- two/- three", "text/- one/- two/- three", ("text",), ()),
        (LIST, "- one/- two/- three", "- new/- one/- two/- three", ("- new",), ()),
        (CODE, "x = 1/y = 2", "x = 1/y = 2/z", (), ("z",)),
        (HEAD, "head", "head/text", (), ("text",)),
        # Only what stands further out can be what a line goes on with, above one that it is not like.
        (listed("one", "two"), "* one/- two", "* one/- two/* new", (), ("* new",)),
        (listed("a", "b", "c"), "* a/- b/    - c", "* a/- b/    - c/* new", (), ("* new",)),
        (Rule(), "", "text", (), ("text",)),
    ],
)
def test_what_is_added_around_a_block_stands_outside_of_it(
    block: Block, lines: str, edited: str, before: tuple[str, ...], behind: tuple[str, ...]
) -> None:
    assert relined(block, shown(lines), shown(edited)) == Relined(before, (block,), behind)


@pytest.mark.parametrize(
    ("block", "lines", "edited"),
    [
        pytest.param(LIST, "- one/- two/- three", "- one/text/- two/- three", id="words between items"),
        pytest.param(LIST, "- one/- two/- three", "- one/two/- three", id="an item that is none any more"),
        pytest.param(LIST, "- one/- two", "- one", id="not all of it was shown"),
        pytest.param(LIST, "- one/- two/- three/extra", "- one/- two/- three", id="more was shown"),
        pytest.param(LIST, "List:/- one/- two/- three", "List:/- one/- two/- three", id="words above it"),
        pytest.param(LIST, "- one/- two//- three", "- one/- two/text/- three", id="an empty line became words"),
        pytest.param(LIST, "***/- one/- two/- three", "/- one/- two/- three", id="signs that became an empty line"),
        pytest.param(LIST, "***/- one/- two/- three", "- one/- two/- three", id="signs that are gone"),
        pytest.param(LIST, "- one/- two/- three", "- one//text/- two/- three", id="words behind an empty line"),
        pytest.param(LIST, "- one//- two/- three", "- one//- new/- two/- three", id="an item behind an empty line"),
        pytest.param(LIST, "- one/- xx/- three", "- one/- xx/- 3", id="other words were shown"),
        pytest.param(LIST, "- one/- two/- three/extra", "- one/- 2/- three/extra", id="more was shown, and still is"),
        pytest.param(listed("a-b", "c"), "- a+b/- c", "- a+b/- x/- c", id="behind words that are shown otherwise"),
        pytest.param(listed("a-b", "c"), "- a+b/- c", "- a+x/- c", id="words that are shown otherwise"),
        pytest.param(HEAD, "**head**", "**", id="what stands around it is one"),
        pytest.param(ROWS, "a | b/c | d", "a | b/c | d | e", id="a row of more cells"),
        pytest.param(ROWS, "a | b/c | d", "a | b/e/c | d", id="a row of fewer cells"),
        pytest.param(CODE, "x = 1/y = 2", "x = 1/z/y = 2", id="a line that nothing tells from others"),
        pytest.param(HEAD, "[head]", "[other", id="what stood around it is gone"),
        pytest.param(HEAD, "[head]", "]", id="what stands around it overlaps"),
        pytest.param(QUOTE, "> said/>/> more", "> said", id="a paragraph of a quotation is gone, and its line"),
        pytest.param(NESTED, "- one/  - in/- two", "- one/  - new/  - in/- two", id="the first of what is further in"),
    ],
)
def test_what_cannot_be_told_certainly_is_not_taken_over(block: Block, lines: str, edited: str) -> None:
    assert relined(block, shown(lines), shown(edited)) is None
