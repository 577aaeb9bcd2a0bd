"""Storms: alerts that are accepted durably and visible as incidents, through the real server of the real daemon."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass, field

from benchmarks import machine
from benchmarks.alerts import storm
from benchmarks.sender import SENDERS, flood
from benchmarks.stage import Stage, stage


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm: seconds until accepted and until visible, CPU seconds of the daemon, memory over time."""

    alerts: int
    accepted: float
    visible: float
    cpu: float
    memory: list[tuple[float, float]] = field(default_factory=list)


def incidents(store: sqlite3.Connection) -> int:
    """How many incidents are committed: they are numbered without a gap."""
    return int(store.execute("SELECT coalesce(max(id), 0) FROM incident").fetchone()[0])


def blow(at: Stage, alerts: int, a_request: int, first: int = 0, *, senders: int = SENDERS) -> Storm:
    """Send a storm to a daemon that runs, and wait until every alert is an incident. Each sender has one connection and
    sends its next request once the last one was answered."""
    store = at.look()
    had = incidents(store)
    memory: list[tuple[float, float]] = []
    over = threading.Event()
    began = time.perf_counter()

    def weigh() -> None:
        while not over.wait(0.25):
            memory.append((time.perf_counter() - began, machine.resident(at.pid)))

    scales = threading.Thread(target=weigh, daemon=True)
    scales.start()
    before = machine.cpu(at.pid)
    accepted = flood(at.address, "/hooks/alerts", storm(alerts, a_request, first), senders)
    at.wait("every alert to be an incident", lambda: incidents(store) - had >= alerts)
    visible = time.perf_counter() - began
    used = machine.cpu(at.pid) - before
    over.set()
    scales.join()
    store.close()
    return Storm(alerts, accepted, visible, used.both, memory)


def storms(alerts: int, a_request: int, repeats: int, *, senders: int = SENDERS) -> list[Storm]:
    """Storms, each on a fresh store; a short one before each warms the daemon up."""
    found = []
    for _ in range(repeats):
        with stage() as at:
            at.start()
            blow(at, 200, a_request, senders=senders)
            found.append(blow(at, alerts, a_request, first=1_000_000, senders=senders))
    return found
