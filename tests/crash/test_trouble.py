"""A store in trouble is loud and harmless: 503 with a time to come back, nothing acknowledged is lost, work resumes."""

import os
import shutil
import subprocess

import pytest
from tests.crash.commands import crash, needs, needs_postgres
from tests.crash.storm import LARGEST, STEEPEST, slope_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_write_that_fails_anywhere_in_any_way_loses_and_doubles_nothing(tmp_path):
    needs(bool(shutil.which("cc") or shutil.which("gcc")), "no C compiler; on Debian: apt-get install gcc libc6-dev")
    figures = crash(tmp_path, "disk", "--steps", "3", "--most", "60")
    assert figures["failures"] == []
    assert figures["ran"] == figures["clean"] == 60
    assert set(figures["kinds"]) == {"no space", "an I/O error", "read-only", "a lock held by others"}


def test_a_full_disk_is_refused_by_503_and_resumed_from(tmp_path):
    place = tmp_path / "mounted"
    place.mkdir()
    tried = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    allowed = os.geteuid() == 0 and subprocess.run(tried, capture_output=True, check=False).returncode == 0
    if allowed:
        subprocess.run(["umount", str(place)], check=True)
    needs(allowed, "only root may mount the small file system that this test fills")
    figures = crash(tmp_path, "trouble", "full")
    assert figures["failures"] == []
    assert figures["lost"] == 0
    assert figures["answers"]["503"] >= 20


def test_a_database_held_by_another_program_is_refused_by_503_and_resumed_from(tmp_path):
    figures = crash(tmp_path, "trouble", "locked", "--hold", "6")
    assert figures["failures"] == []
    assert figures["lost"] == 0
    assert figures["answers"]["503"] >= 1


def test_sessions_that_are_cut_again_and_again_lose_nothing(tmp_path):
    needs_postgres()
    figures = crash(tmp_path, "trouble", "cut", "--every", "0.3", "--times", "8")
    assert figures["failures"] == []
    assert figures["lost"] == 0


def test_a_storm_against_a_slow_tool_takes_bounded_memory(tmp_path):
    # It has all that it works with after some 30,000: what comes then is growth.
    figures = crash(tmp_path, "storm", "--alerts", "80000", "--services", "1000")
    assert figures["failures"] == []
    assert figures["largest_mib"] <= LARGEST
    assert figures["mib_per_10000_alerts"] <= STEEPEST


def test_a_slope_is_what_rises_with_what():
    assert slope_of([(0, 1.0), (10, 6.0), (20, 11.0)]) == pytest.approx(0.5)
    assert slope_of([(0, 3.0), (10, 3.0)]) == 0
    assert slope_of([(5, 3.0)]) == 0
