"""Structured logs: one line per outcome, an event name and facts. Text on a terminal, JSON elsewhere."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up_logs(log_format: str, level: str) -> None:
    """Send everything to standard error. Libraries speak from warning upwards; their debug logs carry bodies."""
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    renderer = (
        # Plain tracebacks: the decorated ones print local variables, which hold what tickets and secrets say.
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if as_text
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    processors = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([] if as_text else [structlog.processors.format_exc_info]),
        renderer,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
