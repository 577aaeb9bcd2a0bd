"""What a log shows: no secret, wherever in a line it stands, a traceback included."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from tieline.cli.logs import _Cleaned, clean
from tieline.core.redaction import conceal

SECRET = "canary-in-the-log-1"

SCRIPT = f"""
import logging, structlog
from tieline.cli.logs import set_up_logs
from tieline.core.redaction import conceal
set_up_logs({{form!r}}, "info")
conceal({SECRET!r})
try:
    raise RuntimeError("the header was {SECRET}\\n\\x1b[2J of the cause")
except RuntimeError as cause:
    structlog.get_logger().exception("failed", deep=[{{{{"{SECRET}": ValueError("{SECRET}")}}}}])
    logging.getLogger("library").exception("it said {SECRET}")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_is_shown_without_its_secrets(form: str) -> None:
    script = SCRIPT.format(form=form)
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr
    assert SECRET not in told
    assert "\x1b[2J" not in told
    assert told.count("RuntimeError: the header was ***") == 2, "ours, and the library's"
    assert "of the cause" in told


def test_the_lines_of_a_traceback_stay_and_those_of_a_ticket_do_not() -> None:
    conceal(SECRET)
    event = {"event": "a\nb", "exception": f"Traceback\n  {SECRET}", "deep": ({"a": {SECRET}}, None, True, 2, 2.5)}
    assert clean(None, "error", event) == {
        "event": "a\\nb",
        "exception": "Traceback\n  ***",
        "deep": [{"a": ["***"]}, None, True, 2, 2.5],
    }


def test_what_a_library_says_has_no_secret_in_its_arguments_nor_its_stack() -> None:
    conceal(SECRET)
    record = logging.LogRecord("library", logging.WARNING, __file__, 1, "sent %s", (SECRET,), None)
    record.stack_info = f"Stack: {SECRET}"
    assert _Cleaned("%(message)s").format(record) == "sent ***\nStack: ***"
