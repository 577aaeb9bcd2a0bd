"""`tieline demo` proves itself: its checks are held against the tools, and its exit code is theirs."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_demo_ends_whole(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tieline.cli.main", "demo", "--json", "--folder", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["whole"]
    assert {check["what"] for check in verdict["checks"]} >= {"duplicates", "journal", "copies in snow, read again"}
