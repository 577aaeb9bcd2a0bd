"""A plugin that hangs in an act, in a page and in a follower delays no alert: all processes of a real daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.alerts import storm
from benchmarks.hanging import hung, stuck
from benchmarks.sender import flood
from benchmarks.storm import incidents

ALERTS = 60
DESK = "  desk: {{tool: memory, path: '{}/desk.json', opens: true}}\n"


def tickets(folder: Path) -> int:
    """How many tickets the tool has by now."""
    file = folder / "desk.json"
    return file.read_text("utf-8").count("Disk of db") if file.exists() else 0


def test_every_alert_is_taken_in_and_carried_while_a_plugin_hangs(tmp_path: Path) -> None:
    with hung(tmp_path, DESK.format(tmp_path)) as (at, hanging, port):
        with stuck(at, port, hanging) as answered:
            flood(at.address, "/hooks/alerts", storm(1, 1), 1)
            at.wait("the follower to hang", lambda: len(hanging.hangs) == 3)
            flood(at.address, "/hooks/alerts", storm(ALERTS, 5, first=100), 4)  # raises unless each is acknowledged
            store = at.look()
            at.wait("every alert to be an incident", lambda: incidents(store) == ALERTS + 1)
            at.wait("every incident to have its ticket", lambda: tickets(tmp_path) >= ALERTS + 1)
            store.close()
            assert answered == []
            assert len(hanging.hangs) == 3
        told: dict[str, tuple[int, Any]] = {path: (status, body) for path, status, body in answered}
        assert {path: status for path, (status, _body) in told.items()} == {"act": 200, "page": 200}, json.dumps(told)
