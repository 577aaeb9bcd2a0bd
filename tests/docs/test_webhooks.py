"""What "take in any webhook" has people write into files and tools is understood as the page says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import DOCS, blocks

from tieline.core.clock import SystemClock
from tieline.core.config import load_text
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Receiver, Workbench
from tieline.mappings import check, load

PAGE = DOCS / "how-to" / "take-in-any-webhook.md"


def written(file: str) -> str:
    return next(one.text for one in blocks(PAGE) if one.file == file)


def fields_of(mapping: str, body: Any) -> dict[str, Any]:
    """What a delivery with this body means."""
    known = load(mapping)
    config, registry = load_text(written("tieline.yaml").encode(), Path("tieline.yaml"))
    here = config.connections[ConnectionName("probes")]
    bench = Workbench(SystemClock(), lambda _seconds: None, deliveries=known.document.deliveries)
    source = here.kind.connect(here.name, here.settings, bench)
    registry.close()
    assert isinstance(source, Receiver)
    [hint] = source.parse(Delivery({}, json.dumps(body).encode())).hints
    assert hint.reading is not None
    return dict(known.normalize(hint.reading.body).fields)


def test_the_configuration_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_HOOK_PASSWORD", "SENTRY_CLIENT_SECRET", "PROBES_TOKEN"):
        monkeypatch.setenv(name, "secret")
    config, registry = load_text(written("tieline.yaml").encode(), Path("tieline.yaml"))
    registry.close()
    assert [one.mapping for one in config.connections.values() if one.tool == "webhook"] == [
        "azure-monitor-alert",
        "sentry-alert",
        "cloudevents-alert",
    ]


def test_the_mapping_and_the_overlay_are_in_order(tmp_path: Path) -> None:
    for file in ("sender.yaml", "overlay.yaml"):
        (tmp_path / file).write_text(written(file), encoding="utf-8")
    assert check(tmp_path / "sender.yaml") == []
    assert check("webhook-alert", tmp_path / "overlay.yaml") == []


def test_every_shipped_mapping_of_webhooks_has_its_place_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    from tieline.mappings import shipped

    named = [name for name in shipped() if load(name).document.deliveries is not None]
    assert len(named) == 12
    assert [name for name in named if f"`{name}`" not in text] == []


def test_the_script_for_checkmk_says_what_its_mapping_reads() -> None:
    space: dict[str, Any] = {"__name__": "script"}
    exec(written("tieline-checkmk.py"), space)
    told: Callable[[dict[str, str]], dict[str, str]] = space["told"]
    notify = {
        "NOTIFY_OMD_SITE": "prod",
        "NOTIFY_WHAT": "SERVICE",
        "NOTIFY_HOSTNAME": "db1",
        "NOTIFY_SERVICEDESC": "Filesystem /",
        "NOTIFY_NOTIFICATIONTYPE": "PROBLEM",
        "NOTIFY_SERVICESTATE": "CRITICAL",
        "NOTIFY_SERVICEOUTPUT": "97.2% used",
        "NOTIFY_MICROTIME": "1780308000123456",
    }
    fires = fields_of("checkmk-alert", told(notify))
    assert (fires["title"], fires["firing"], fires["severity"]) == ("db1: Filesystem /: 97.2% used", True, "critical")
    host = {"NOTIFY_WHAT": "HOST", "NOTIFY_HOSTSTATE": "UP", "NOTIFY_NOTIFICATIONTYPE": "RECOVERY"}
    assert fields_of("checkmk-alert", told({**notify, **host}))["firing"] is False


@pytest.mark.parametrize(
    ("file", "mapping", "words"),
    [
        ("dynatrace.json", "dynatrace-alert", {"{State}": "OPEN", "{ProblemSeverity}": "ERROR", "{PID}": "1"}),
        (
            "datadog.json",
            "datadog-alert",
            {"$ALERT_TRANSITION": "Triggered", "$ALERT_PRIORITY": "P2", "$DATE": "1780308000000"},
        ),
        ("healthchecks.json", "healthchecks-alert", {"$STATUS": "down", "$NOW": "2026-06-01T10:00:00+00:00"}),
    ],
)
def test_a_body_to_write_into_a_tool_is_understood(file: str, mapping: str, words: dict[str, str]) -> None:
    text = written(file)
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    found = fields_of(mapping, json.loads(text))
    assert (found["firing"], found["severity"]) == (True, "high")
