"""A process is said to be gone only where that is certain."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tieline.sync.daemon import processes


@pytest.fixture
def other():
    """Another process of this machine, and how it says who it is."""
    said = "print(json.dumps(processes.this()), flush=True)"
    code = f"import json; from tieline.sync.daemon import processes; {said}; input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        yield it
        it.kill()


def test_this_process_lives():
    assert processes.lives(processes.this()) is True


def test_one_that_was_killed_is_gone_at_once_and_before_anybody_took_note_of_it(other):
    told = json.loads(other.stdout.readline())
    assert processes.lives(told) is True
    os.kill(other.pid, signal.SIGKILL)
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and its parent was not told yet
    assert processes.lives(told) is False
    other.wait()
    assert processes.lives(told) is False


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"began": "1"}, False),  # its number was given again
        ({"world": "another start of this machine"}, None),
        ({"world": ""}, None),
    ],
)
def test_a_number_counts_with_its_beginning_and_in_its_own_world(changed, said):
    assert processes.lives({**processes.this(), **changed}) is said


def test_nothing_is_said_of_one_that_did_not_say_who_it_is():
    assert processes.lives({}) is None
