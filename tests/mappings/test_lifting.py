"""An edit of a poorer text, lifted: which pieces stay, which are edited, made or removed. A block is a word."""

from __future__ import annotations

import pytest

from tieline.mappings.convert.lifting import Lift, Old, aligned

Known = Old[str, str]


def lift(olds: str, news: str) -> str:
    """Each old is `PIECE:what+it+shows`; a kept piece is told by its name, an edited one with what stands there now."""
    made: Lift[str, str] = Lift(
        lambda new: [f"+{one}" for one in new], lambda old, new: [f"{old.piece}>{'+'.join(new)}"], lambda block: block
    )
    parted = [one.partition(":") for one in olds.split()]
    known = [Old(piece, tuple(shown.split("+")) if shown else ()) for piece, _, shown in parted]
    return " ".join(made(known, news.split()))


ABC = "A:one B:two C:three"


@pytest.mark.parametrize(
    ("olds", "news", "pieces"),
    [
        (ABC, "one two three", "A B C"),
        (ABC, "one three", "A B> C"),
        (ABC, "one two-more three", "A B>two-more C"),
        (ABC, "new one two three", "+new A B C"),
        (ABC, "one two three new", "A B C +new"),
        (ABC, "twoo threee", "A> B>twoo C>threee"),
        (ABC, "threee onee twoo x", "+threee A>onee B>twoo C> +x"),
        ("A:one B:two", "one new two", "A +new B"),
        ("A:one B:two", "onex", "A>onex B>"),
        ("A:one B:two", "zzz", "A> B> +zzz"),
        ("A:aaaa B:aaab", "aaac", "A>aaac B>"),
        ("A:aaaa", "aaab aaac", "A>aaab +aaac"),
        ("A:one B:two C:three D:four", "x onee y twoo z", "+x A>onee +y B>twoo C> D> +z"),
        ("A:one B:two C:three", "onee", "A>onee B> C>"),
        # As many as there were: each became the one in its place, however unlike.
        ("A:one B:two", "x y", "A>x B>y"),
        ("A:one A:one", "one", "A A>"),
        ("A:one", "", "A>"),
        ("A:one", "new onee", "+new A>onee"),
        ("A:one", "onee new", "A>onee +new"),
        ("", "x", "+x"),
        # What shows nothing stays where it is.
        ("A:one N: B:two", "one two", "A N B"),
        ("A:one N: B:two", "one x two", "A N +x B"),
        ("A:one N:", "one x", "A N +x"),
        ("N: A:one", "x one", "N +x A"),
        ("A:one N: B:two C:three", "onee twoo", "A>onee N B>twoo C>"),
        # What shows several blocks is one piece still.
        ("M:four+five A:one", "four five one", "M A"),
        ("M:four+five A:one", "four one", "M>four A"),
        ("M:four+five A:one", "five four one", "M>five+four A"),
        ("M:four+five N: A:one", "x one", "M>x N A"),
        ("M:four+five", "four x five", "M>four+x+five"),
        ("M:four+five", "", "M>"),
        ("M:four+five B:two", "x y z", "M> B> +x +y +z"),
    ],
)
def test_what_was_not_touched_stays_and_the_rest_is_paired_by_likeness(olds: str, news: str, pieces: str) -> None:
    assert lift(olds, news) == pieces


def test_a_stretch_too_long_to_be_compared_is_removed_and_made_anew() -> None:
    olds = " ".join(f"A{number}:old{number}" for number in range(50))
    for many, compared in ((51, False), (49, True)):
        done = lift(olds, " ".join(f"old-{number}" for number in range(many)))
        assert ("A0>old-0" in done) is compared


def test_only_the_beginning_of_a_block_says_what_it_is_like() -> None:
    behind = "x" * 400
    assert lift(f"A:{behind}one B:two", f"{behind}two-and-more") == f"A>{behind}two-and-more B>"
    assert lift(f"A:{'y' * 400}abcd B:two", f"{'z' * 400}abcd") == f"A> B> +{'z' * 400}abcd"
    alike = "y" * 101
    assert lift(f"A:{alike}{behind} B:two", alike) == f"A>{alike} B>"
    assert lift(f"A:{alike[1:]}{behind} B:two", alike[1:]) == f"A> B> +{alike[1:]}"


def test_however_often_a_block_comes_what_stands_stays() -> None:
    many = " ".join(f"A{number}:same" for number in range(201))
    names = [f"A{number}" for number in range(201)]
    assert lift(many, "same " * 201) == " ".join(names)
    assert lift(f"A:one {many}", "x " + "same " * 201) == " ".join(["A>x", *names])


def test_long_blocks_are_alike_however_often_their_letters_come() -> None:
    behind = "ab" * 150
    assert lift(f"A:k{behind} B:two", f"q{behind}") == f"A>q{behind} B>"


@pytest.mark.parametrize(
    ("parts", "shown", "placed"),
    [
        ("A:a B:b", "ab", "A:a B:b"),
        ("A:a B:b", "axb", "A:a :x B:b"),
        ("A:a B:b C:c", "axc", "A:a B:x C:c"),
        ("A:a B:b C:c D:d", "axyd", "A:a BC:xy D:d"),
        ("A:a B:", "a", "A:a B:"),
        ("A:a B:b", "a", "A:a B:"),
        ("A:a B:b", "b", "A: B:b"),
        ("A:a B:a", "a", "A:a B:"),
        ("A:aa B:aa", "aaa", "A:aa B:a"),
        ("A:a B:aa", "aa", "A:a B:a"),
        ("A:ab B:cd", "abxd", "A:ab B:xd"),
        ("A:ab B:cd", "axcd", "A:ax B:cd"),
        ("A:a B:b C:cd", "xcd", "AB:x C:cd"),
        ("A:a B:b C:c D:d", "xcd", "AB:x C:c D:d"),
        ("A:a", "", "A:"),
        ("A: B:", "", "A: B:"),
        ("", "x", ":x"),
    ],
)
def test_parts_stand_in_the_whole_where_its_ends_agree(parts: str, shown: str, placed: str) -> None:
    each = [one.partition(":") for one in parts.split()]
    found = aligned([((piece,), tuple(own)) for piece, _, own in each], tuple(shown))
    assert " ".join(f"{''.join(one.piece)}:{''.join(one.shown)}" for one in found) == placed
