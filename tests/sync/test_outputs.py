"""What a runner wrote is asked for in parts, and kept without secrets up to a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tieline.core import redaction
from tieline.sync.road import outputs
from tieline.sync.road.outputs import MOST, MOST_CALLS, PART, Found, read, shown

SECRET = "hunter2-and-more"


@pytest.fixture
def secret() -> Iterator[str]:
    kept, passing = redaction.known()
    redaction.know([SECRET], [])
    yield SECRET
    redaction.know(kept, passing)


def runner(wrote: bytes, at_once: int) -> tuple[Callable[[int, int], bytes], list[int]]:
    """One that answers so many bytes a call, and where it was asked from."""
    asked = list[int]()

    def ask(start: int, most: int) -> bytes:
        asked.append(start)
        return wrote[start : start + min(most, at_once)]

    return ask, asked


@pytest.mark.parametrize("size", [0, 1, PART, MOST, MOST + 1, MOST + PART - 1])
def test_an_output_is_read_to_its_end(size: int) -> None:
    ask, asked = runner(b"x" * size, PART)
    assert read(ask) == Found(b"x" * size, has_ended=True)
    assert len(asked) <= MOST_CALLS


def test_of_one_that_is_longer_a_part_more_is_read_than_is_kept() -> None:
    ask, asked = runner(b"x" * (2 * MOST), PART)
    found = read(ask)
    assert (len(found.written), found.has_ended, len(asked)) == (MOST + PART, False, MOST // PART + 1)


def test_a_runner_that_answers_a_byte_a_call_is_not_asked_for_ever() -> None:
    ask, asked = runner(b"x" * MOST, 1)
    found = read(ask)
    assert (len(found.written), found.has_ended, len(asked)) == (MOST_CALLS, False, MOST_CALLS)
    assert MOST_CALLS == MOST // PART + 2


def test_what_is_no_text_is_replaced_and_cut_off_only_behind_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MOST", 7)
    assert shown(Found(b"ab\xff", has_ended=True)) == ("ab\ufffd", False)
    assert shown(Found(b"\xff" * 3, has_ended=True)) == ("\ufffd\ufffd", True)
    assert shown(Found(b"0123456789", has_ended=True)) == ("0123456", True)


def test_no_part_of_a_secret_is_kept_wherever_it_is_cut(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MOST", 30)
    for before in range(40):
        written = ("." * before + secret + "." * 40).encode()
        for size in range(len(written) + 1):
            text, _is_cut = shown(Found(written[:size], has_ended=size == len(written)))
            assert set(text) <= {".", "*"}
            assert len(text) <= 30
