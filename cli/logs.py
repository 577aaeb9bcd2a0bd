"""Structured logs: one line per outcome, an event name and facts. Text on a terminal, JSON elsewhere.

Whatever a line holds, it is one line: secrets are stars, and what a terminal would obey is written as an escape.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from tieline.cli.colours import colours
from tieline.core.redaction import redacted


def set_up_logs(log_format: str, level: str) -> None:
    """Send everything to standard error. Libraries speak from warning upwards; their debug logs carry bodies."""
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Cleaned("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


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
