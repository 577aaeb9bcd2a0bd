"""What a test logs is cheap to show."""

from __future__ import annotations

import pytest
import structlog


def test_an_error_is_shown_as_python_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise LookupError("nothing is here")
    except LookupError:
        structlog.get_logger("tests").exception("failed")
    shown = capsys.readouterr().out
    assert "Traceback (most recent call last):\n" in shown
    assert shown.endswith("LookupError: nothing is here\n")
