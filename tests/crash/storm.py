"""A storm of alerts against a tool that takes one call a second: memory stays bounded, and does not grow with it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.crash.daemon import PATIENCE, Away, Daemon, Sender, found_signals, wait_for_quiet

MEBI: Final = 1024 * 1024
LARGEST: Final = 256.0
"""MiB that the process may hold at any time."""

STEEPEST: Final = 1.0
"""MiB that it may grow by in 10,000 alerts, over the last four fifths of the storm."""

SLOW: Final = """\
  pager:
    tool: pagerduty
    url: {url}
    from_email: tieline@example.org
    service: PIJ90N7
    api_key: {{env: TIELINE_CRASH_PAGER}}
    calls_per_minute: 60
"""


def storm(folder: Path, alerts: int, services: int) -> dict[str, Any]:
    """Send so many alerts, each service's first of which becomes a ticket, as fast as they are taken."""
    began = time.monotonic()
    tool = subprocess.Popen(
        [sys.executable, "-m", "tieline.adapters.pagerduty.simulator"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    store = f"sqlite:///{folder}/tieline.db"
    samples: list[tuple[int, float]] = []
    try:
        output = tool.stdout
        url = output.readline().decode().strip() if output is not None else ""
        secret = {"TIELINE_CRASH_PAGER": "simulated-pagerduty-key"}
        with Away() as away:
            daemon = Daemon(folder, store, away.url, more=SLOW.format(url=url), environment=secret)
            daemon.start()
            daemon.wait_until_ready()
            senders = [Sender(f"w{number}", daemon.port, number, services=services) for number in range(4)]
            sent = time.monotonic()
            try:
                for sender in senders:
                    sender.start()
                while (done := sum(len(sender.acknowledged) for sender in senders)) < alerts:
                    samples.append((done, daemon.rss() / MEBI))
                    if not daemon.alive():
                        raise RuntimeError("the daemon ended in the storm")
                    time.sleep(0.1)
                samples.append((done, daemon.rss() / MEBI))
                took = time.monotonic() - sent
                for sender in senders:
                    sender.ended.set()
                for sender in senders:
                    sender.join(PATIENCE)
                cpu_intake = daemon.cpu()
                wait_for_quiet(store, 1800)
                after = daemon.rss() / MEBI
                cpu = daemon.cpu()
            finally:
                for sender in senders:
                    sender.ended.set()
                daemon.end(signal.SIGTERM)
    finally:
        tool.terminate()
        tool.wait(PATIENCE)
    acknowledged = [one for sender in senders for one in sender.acknowledged]
    found = found_signals(store)
    lost = sum(found[one] != 1 for one in acknowledged)
    largest = max(memory for _done, memory in [*samples, (0, after)])
    slope = slope_of(samples[len(samples) // 5 :]) * 10_000
    failures = [f"{lost} acknowledged alerts are not there exactly once"] if lost else []
    failures += [f"it held {largest:.0f} MiB"] if largest > LARGEST else []
    failures += [f"it grew by {slope:.2f} MiB in 10,000 alerts"] if slope > STEEPEST else []
    statuses: Counter[int] = sum((sender.statuses for sender in senders), Counter())
    return {
        "alerts": len(acknowledged),
        "lost": lost,
        "incidents": services,
        "largest_mib": round(largest, 1),
        "after_mib": round(after, 1),
        "mib_per_10000_alerts": round(slope, 3),
        "samples": len(samples),
        "alerts_per_second": round(len(acknowledged) / took),
        "cpu_ms_per_alert": round(cpu * 1000 / len(acknowledged), 3),
        "cpu_seconds_while_sending": round(cpu_intake, 1),
        "answers": {str(status): count for status, count in sorted(statuses.items())},
        "seconds": round(time.monotonic() - began, 1),
        "curve_mib": [[done, round(memory, 1)] for done, memory in samples[:: max(1, len(samples) // 20)]],
        "failures": failures,
    }


def slope_of(samples: Sequence[tuple[int, float]]) -> float:
    """How much the second rises with the first, by least squares; 0 for fewer than two places."""
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0
