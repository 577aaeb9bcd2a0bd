"""How tables are laid out, at any width."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.cli.prepared import prepare

from tieline.cli import layout, output
from tieline.core.letters import letters_of

WORDS = st.text(st.sampled_from("ab日🔥é -"), max_size=60)
HEADERS = ("incident", "when (UTC)", "agreed on", "held because", "to")
TABLES = st.integers(1, 9).flatmap(
    lambda count: st.tuples(
        st.lists(
            st.sampled_from(HEADERS),
            min_size=count,
            max_size=count,
        ),
        st.lists(st.lists(WORDS.map(lambda word: word or "·"), min_size=count, max_size=count), min_size=1, max_size=4),
    )
)


@given(TABLES, st.integers(60, 140))
def test_no_line_is_wider_than_the_terminal_and_no_header_is_broken(table, width):
    columns, rows = table
    lines = layout.table(columns, rows, width)
    assert all(cell_len(line) <= width for line in lines[1:] if not line.startswith(columns[0]))
    if "─" in "".join(lines[:3]):
        head = lines[: next(at for at, line in enumerate(lines) if line.startswith("─"))]
        words = " ".join(head).split()
        assert all(word in words for column in columns for word in column.split())


@given(TABLES)
def test_without_a_terminal_every_row_is_one_line(table):
    columns, rows = table
    assert len(layout.table(columns, rows, None)) == 2 + len(rows)


@given(st.text(st.sampled_from("ab日🔥é \n"), max_size=80), st.integers(4, 30))
def test_what_is_wrapped_fits_and_loses_nothing(text, width):
    lines = layout.wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


LETTERS = ("👩\u200d👩\u200d👧\u200d👦", "🇩🇪", "e\u0301\u0302", "👍🏽", "1️⃣", "日", "a")


@given(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=40), st.integers(2, 30))
def test_what_people_see_as_one_character_is_on_one_line(letters, width):
    word = "".join(letters)
    assert [letter for line in layout.wrapped(word, width) for letter in letters_of(line)] == letters
    table = "\n".join(layout.table(["title", "what"], [(word, "x" * 100)], 40))
    assert all(table.count(letter) >= letters.count(letter) for letter in LETTERS[:-1])


def test_a_joined_emoji_is_printed_as_it_is():
    assert output.text(LETTERS[0]) == LETTERS[0]
    assert output.text("نمی\u200cخواهم") == "نمی\u200cخواهم"


def test_columns_that_do_not_fit_become_blocks():
    lines = layout.table(["entry", "who", "reason"], [("7", "·", "it was " * 4 + "so")], 31)
    assert lines == ["entry 7", "  reason   it was it was it was", "           it was so", ""]


@pytest.mark.parametrize("columns", [80, 140])
def test_a_real_terminal_is_filled_and_not_overrun(tmp_path, columns):
    prepare(tmp_path)
    master, slave = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    done = subprocess.Popen(
        [sys.executable, "-m", "tieline.cli.main", "-w", str(tmp_path), "incidents"],
        stdout=slave,
        env={**environment, "TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(slave)
    shown = b""
    try:
        while part := os.read(master, 65536):
            shown += part
    except OSError:
        pass  # The terminal's other end is closed: the command has ended.
    os.close(master)
    assert done.wait(30) == 0
    lines = shown.decode().splitlines()
    assert max(map(cell_len, lines)) == columns
    assert "\x1b" not in shown.decode()


def test_a_single_column_that_does_not_fit_is_shown_all_the_same():
    assert layout.table(["name"], [("x" * 30,)], 12) == ["name", "x" * 12, "x" * 12, "x" * 6, ""]


def test_in_a_block_cells_stand_below_each_other_whatever_the_headers_are():
    lines = layout.table(["field", "支払い-1", "snow"], [("title", "a" * 30, "b")], 32)
    assert lines == ["field title", "  支払い-1   " + "a" * 20, " " * 13 + "a" * 10, "  snow       b", ""]


@given(st.text(st.sampled_from("ab日🔥é \n\u0301"), max_size=300), st.integers(4, 60))
def test_what_is_cut_fits_with_its_mark_and_begins_as_it_was(text, most):
    shown = layout.cut(text, most)
    if shown == text:
        return
    assert shown.endswith("…") and text.startswith(shown[:-1])
    assert all(cell_len(line) <= most for line in shown.split("\n"))


def test_a_character_is_not_parted_where_a_cell_is_cut():
    family = "👩\u200d👩\u200d👧\u200d👦"
    assert layout.cut("ab" + family + "cd", 5) in ("ab" + family + "…", "ab…")
    assert layout.cut(family * 1000, 20).count("…") == 1


@pytest.mark.parametrize("columns", ["", "80"])
def test_a_text_of_a_book_s_length_makes_no_row_wider_and_no_table_longer(monkeypatch, capsys, columns):
    if columns:
        monkeypatch.setattr(output, "terminal_width", lambda **_: int(columns))
    book = "x" * 100_000
    output.table(book, ["incident", "title"], [("INC-1", book), ("INC-2", "Disk full")], empty="")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 20
    assert max(map(len, lines[1:])) <= (80 if columns else 150)
    heading, _, rows = "\n".join(lines).partition("incident")
    assert "…" in heading and "…" in rows


def test_lines_without_number_are_cut_as_well(monkeypatch, capsys):
    monkeypatch.setattr(output, "terminal_width", lambda **_: 80)
    output.table("", ["field", "incident"], [("description", "a\n" * 5_000)], empty="", whole=True)
    assert len(capsys.readouterr().out.splitlines()) < 100
