"""Where what a command says cannot be written: a reader that had enough, a full disk, nobody at all."""

from __future__ import annotations

import errno
import io
import os
import sys

import pytest

from tieline.cli.main import perform
from tieline.cli.output import say


class Refusing(io.StringIO):
    """A file that takes nothing."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, _text: str) -> int:
        raise OSError(self._number, os.strerror(self._number))


def test_a_reader_that_has_had_enough_ends_the_command_as_the_shell_expects(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Refusing(errno.EPIPE))
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    assert perform(["mapping", "schema"]) == 141
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_behind_the_output_is_a_sentence(number, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Refusing(number))
    assert perform(["mapping", "schema"]) == 1
    told = capsys.readouterr().err
    assert told == f"not all was written: {os.strerror(number)}. Make room there, or write elsewhere.\n"
    sys.stdout.flush()  # as the interpreter does at its end


def test_without_any_output_a_command_does_what_it_is_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert perform(["mapping", "list"]) == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_sentence_ends_its_lines_between_words_and_breaks_no_path(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setenv("COLUMNS", "40")
    path = "/srv/" + "incident-management/" * 3
    say(f"the daemon is NOT running, and {path} was never written since it began")
    assert shown.getvalue().splitlines() == [
        "the daemon is NOT running, and",
        path,
        "was never written since it began",
    ]
