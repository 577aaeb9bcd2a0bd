"""`tieline demo` proves itself: its checks are held against the tools, and its exit code is theirs."""

import json
import subprocess
import sys

import pytest
from tests.docs.shapes import faults


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
    assert faults("tieline demo", done.stdout) == []
    verdict = json.loads(done.stdout)
    assert verdict["whole"]
    shown = {check["what"]: check["found"] for check in verdict["checks"]}
    assert shown.keys() >= {"duplicates", "journal", "copies in snow, read again"}
    alerts = shown["which alerts fire, as the tickets say it"]
    assert alerts == "3 alerts fire now, in ServiceNow, Jira, PagerDuty"
