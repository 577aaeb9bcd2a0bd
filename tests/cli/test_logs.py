"""What a log shows: no secret, wherever in a line it stands, a traceback included."""

from __future__ import annotations

import errno
import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import TextIO, cast

import pytest

from tieline.cli.logs import Unfailing, _Cleaned, clean
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


class Disk(io.StringIO):
    """A log's file on a disk that is full for a while."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize("as_text", [True, False])
def test_lines_that_cannot_be_written_are_counted_and_harm_nobody(as_text: bool) -> None:
    disk = Disk()
    log = Unfailing(disk, as_text=as_text)
    print("one", file=cast(TextIO, log), flush=True)
    disk.full = True
    for line in ("two", "three"):
        print(line, file=cast(TextIO, log), flush=True)
    disk.full = False
    print("four", file=cast(TextIO, log), flush=True)
    first, lost, last = disk.getvalue().splitlines()
    assert (first, last) == ("one", "four")
    reason = "[Errno 28] No space left on device."
    facts = {"event": "log_lines_lost", "level": "error", "lines": 2, "reason": reason}
    assert lost == f"log_lines_lost lines=2 reason={reason!r}" if as_text else json.loads(lost) == facts


def test_a_log_that_was_closed_harms_nobody() -> None:
    closed = io.StringIO()
    closed.close()
    log = Unfailing(closed, as_text=True)
    assert log.write("words") == 5
    log.flush()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_process_whose_log_is_on_a_full_disk_goes_on() -> None:
    script = """
from tieline.cli.logs import set_up_logs
import logging, structlog
set_up_logs("json", "info")
structlog.get_logger().error("words " * 4000)
logging.getLogger("library").error("words " * 4000)
print("it went on")
"""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full, text=True)
    assert done.stdout == "it went on\n"
