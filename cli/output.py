"""How commands speak: a table for people, JSON for programs, one sentence and an exit code for trouble."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, TextIO

import click

from tieline.core.errors import ConfigError, JournalBroken, StoreUnavailable, TielineError
from tieline.core.shown import MOMENT

_UNPRINTABLE: Final = re.compile(r"[^\n\x20-\x7e]")

_KEPT: Final = "\n\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"


class Unserved(TielineError):
    """A server that was asked says no, or does not answer; `code` is the exit code. Its message says what to do."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def harmless(words: str) -> str:
    """The text without what a terminal would obey: escape sequences, cursor movements, and marks that reorder text.
    What joins characters into one, or keeps them from it, stays."""
    if words.isprintable():
        return words
    return "".join(char if char.isprintable() or char in _KEPT else "\N{REPLACEMENT CHARACTER}" for char in words)


def say(sentence: object, *, err: bool = False) -> None:
    """Print one sentence. It may quote what a ticket says. In a terminal its lines end between words; what is longer
    than a line, such as a path, stays whole."""
    words, width = harmless(str(sentence)), terminal_width(err=err)
    if width is not None:
        from tieline.cli import layout

        words = "\n".join(layout.wrapped(words, width, whole=True))
    click.echo(words, err=err)


def report(error: Exception, *, as_json: bool = False) -> int:
    """Say what went wrong, and answer the exit code for it: as sentences, or as JSON where JSON was asked for. What
    nobody expected is raised again."""
    if as_json:
        return report_as_json(error)
    match error:
        case ConfigError():
            for problem in error.problems:
                say(problem, err=True)
            count = len(error.problems)
            follows = error.follows or "nothing was done"
            click.echo(f"{count} problem{'s' if count != 1 else ''}; {follows}", err=True)
            return 3
        case StoreUnavailable():
            say(f"the store does not answer: {error}", err=True)
            return 4
        case LookupError() if not isinstance(error, (KeyError, IndexError)):
            say(error, err=True)
            return 5
        case Unserved():
            say(error, err=True)
            return error.code
        case JournalBroken() | TielineError() | ValueError():
            say(error, err=True)
            return 1
        case OSError() if error.filename is not None:
            say(_of_a_file(error), err=True)
            return 1
        case _:
            raise error


def _of_a_file(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}. Give this user the right to it, or name another place."


_CODES: Final = ((ConfigError, 3), (StoreUnavailable, 4), (TielineError, 1), (LookupError, 5), (ValueError, 1))


def report_as_json(error: Exception) -> int:
    """The same as JSON on standard output, where whoever asked for JSON reads: `{"error": …, "exit_code": …}`, and the
    `problems` of a configuration."""
    if isinstance(error, (KeyError, IndexError)):
        raise error
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    code = error.code if isinstance(error, Unserved) else code
    if code is None and not (isinstance(error, OSError) and error.filename is not None):
        raise error
    sentence = _of_a_file(error) if isinstance(error, OSError) else str(error)
    said: dict[str, Any] = {"error": sentence, "exit_code": code or 1}
    if isinstance(error, ConfigError):
        said["problems"] = [asdict(problem) for problem in error.problems]
    emit(said)
    return code or 1


def plain(value: Any) -> Any:
    """Any of our values as JSON."""
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case str():
            return str(value)
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
        case _:
            return value


def emit(value: Any) -> None:
    """Print JSON. JSON itself leaves C1 controls and reordering marks as they are, which a terminal obeys."""
    click.echo(escaped(json.dumps(plain(value), ensure_ascii=False, indent=2)))


def escaped(document: str) -> str:
    """A JSON text that means the same, with everything unprintable inside its strings written as escapes."""
    return document if document.isprintable() else _UNPRINTABLE.sub(_escape, document)


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    return char if char.isprintable() else json.dumps(char)[1:-1]


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str, whole: bool = False
) -> None:
    """Print a table a person likes to read, or the sentence for when there is nothing in it. What is advice stands
    below it, as `note` prints it: in a cell beside others, a sentence is a column of syllables. A long cell is cut, and
    later where the `whole` of it was asked for; JSON has all of it."""
    from tieline.cli import layout

    width = terminal_width()
    most = layout.BRIEF if not whole else layout.WHOLE_IN_A_ROW if width is None else layout.WHOLE
    body = [[layout.cut(text(cell), most) for cell in row] for row in rows]
    if not body:
        click.echo(harmless(empty))
        return
    lines = layout.table([harmless(column) for column in columns], body, width)
    if title:
        heading = layout.cut(harmless(title), 2 * layout.BRIEF)
        click.secho(heading if width is None else "\n".join(layout.wrapped(heading, width)), bold=True)
    click.echo("\n".join(lines))
    if lines[-1]:
        click.echo()


def brief(value: Any, *, whole: bool = False) -> str:
    """A value as a table shows it, for a sentence."""
    from tieline.cli import layout

    return layout.cut(text(value), layout.WHOLE if whole else layout.BRIEF)


def note(about: str, sentence: str) -> None:
    """Print a sentence about one row of the table above."""
    known = sentence.startswith((f"{about} ", f"{about}: "))
    words, width = harmless(sentence if known else f"{about}: {sentence}"), terminal_width()
    if width is not None:
        from tieline.cli import layout

        words = "\n  ".join(layout.wrapped(words, width - 2, whole=True))
    click.echo(words)


def terminal_width(*, err: bool = False) -> int | None:
    """How wide the terminal is that reads; None where a program or a file does, whose lines are never broken, or
    nobody."""
    stream: TextIO | None = sys.stderr if err else sys.stdout
    if stream is None or not stream.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def text(value: Any) -> str:
    """One cell; control characters that would move the cursor are shown as what they are."""
    match value:
        case None | "":
            return "·"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime(MOMENT)
        case list() | tuple():
            return ", ".join(text(one) for one in value) or "·"
        case _:
            return harmless(str(value))
