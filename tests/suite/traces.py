"""What a test changes for the whole process is as it was when it ends: how logs are written, and which secrets hide.

Without it a test passes or fails by who was there before: one that reads logs behind one that silenced them, one that
reads a message behind one whose secret is a word of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog

from tieline.core import redaction


@contextmanager
def _logs_as_they_were() -> Iterator[None]:
    configured = structlog.get_config() if structlog.is_configured() else None
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        structlog.reset_defaults()
        if configured is not None:
            structlog.configure(**configured)
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def _secrets_as_they_were() -> Iterator[None]:
    known = redaction.known()
    try:
        yield
    finally:
        redaction.know(*known)


@pytest.fixture(autouse=True)
def _leaves_the_logs() -> Iterator[None]:
    with _logs_as_they_were():
        yield


@pytest.fixture(scope="module", autouse=True)
def _leaves_the_secrets() -> Iterator[None]:
    """A file's own: a daemon that its tests share has looked a secret up once, and hides it from all of them."""
    with _secrets_as_they_were():
        yield


@pytest.fixture(scope="module")
def quiet_logs() -> Iterator[None]:
    """For a file whose tests bring about thousands of refusals, which would be thousands of lines."""
    with _logs_as_they_were():
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        yield
