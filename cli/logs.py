"""Structured logs: one line per outcome, an event name and facts. Text on a terminal, JSON elsewhere.

Whatever a line holds, it is one line: secrets are stars, and what a terminal would obey is written as an escape.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog

from tieline.cli.colours import colours
from tieline.core.errors import as_sentence
from tieline.core.redaction import redacted


def set_up_logs(log_format: str, level: str) -> None:
    """Send everything to standard error. Libraries speak from warning upwards; their debug logs carry bodies."""
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    stream = Unfailing(sys.stderr, as_text=as_text)
    renderer = (
        # Plain tracebacks: the decorated ones print local variables, which hold what tickets and secrets say.
        structlog.dev.ConsoleRenderer(colors=colours(sys.stderr), exception_formatter=structlog.dev.plain_traceback)
        if as_text
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            clean,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Cleaned("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


class Unfailing:
    """Where the log goes. A line that cannot be written costs that line, and not the thread that says it: the log may
    stand on the disk that is full. How many were lost is said once there is room again."""

    def __init__(self, stream: TextIO, *, as_text: bool) -> None:
        self._stream, self._as_text = stream, as_text
        self._lost = 0
        self._reason = ""

    def write(self, text: str) -> int:
        """As of any text file. Raises nothing."""
        try:
            if self._lost and text.strip():
                self._stream.write(self._what_was_lost())
                self._stream.flush()
                self._lost = 0
            self._stream.write(text)
        except (OSError, ValueError) as error:
            self._count(text, error)
        return len(text)

    def flush(self) -> None:
        """As of any text file. Raises nothing."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._count("a line", error)

    def _count(self, text: str, error: Exception) -> None:
        self._lost += bool(text.strip())
        self._reason = as_sentence(error)

    def _what_was_lost(self) -> str:
        facts = {"event": "log_lines_lost", "level": "error", "lines": self._lost, "reason": self._reason}
        if self._as_text:
            return f"log_lines_lost lines={self._lost} reason={self._reason!r}\n"
        return json.dumps(facts, ensure_ascii=False) + "\n"


def clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last processor before the renderer: no secret and no control character passes it."""
    return {
        name: visible(redacted(str(value)), lines=True) if name == "exception" else _clean(value)
        for name, value in event.items()
    }


def _clean(value: Any) -> Any:
    match value:
        case str():
            return visible(redacted(value))
        case Mapping():
            return {_clean(str(name)): _clean(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean(one) for one in value]
        case None | bool() | int() | float():
            return value
        case _:
            return visible(redacted(repr(value)))


def visible(words: str, *, lines: bool = False) -> str:
    """Unprintable characters as escapes, so that they can be looked at and do nothing. Line breaks stay only where
    `lines` are meant: a ticket's could pass for a line of the log."""
    if words.isprintable():
        return words
    kept = "\n" if lines else ""
    return "".join(char if char.isprintable() or char in kept else _escaped(char) for char in words)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1]


class _Cleaned(logging.Formatter):
    """What libraries say, as clean as what we say."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(redacted(super().format(record)), lines=True)
