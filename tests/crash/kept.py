"""What was answered 2xx is kept, whatever becomes of the process: alerts of several senders, and kills."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.crash.daemon import PATIENCE, Away, Daemon, Sender, found_signals, wait_for_quiet
from tests.crash.postgres import Postgres

from tieline.core import journal
from tieline.core.store.store import Store

SENDERS = 4


def keep(
    folder: Path,
    store: str,
    deaths: Sequence[str],
    seed: int,
    each: int,
    server: Postgres | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> dict[str, Any]:
    """Run senders against a daemon that dies as often as `deaths` says, and look what became of their alerts.

    A death is "kill", "term" or "server", the last one being all of PostgreSQL at once. It comes at a random moment
    after about `each` alerts were acknowledged in this life.
    """
    dice = random.Random(seed)
    began = time.monotonic()
    failures: list[str] = []
    cpu = 0.0
    with Away() as away:
        daemon = Daemon(folder, store, away.url)
        daemon.start()
        daemon.wait_until_ready()
        senders = [Sender(f"s{number}", daemon.port, seed + number) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        try:
            for number, death in enumerate(deaths):
                _let_work(senders, dice.randint(each // 2, each * 3 // 2), dice.random() * dice.choice((0.05, 0.3, 1)))
                cpu += daemon.cpu()
                failures += _die(daemon, death, server)
                progress(number)
            for sender in senders:
                sender.ended.set()
            for sender in senders:
                sender.join(PATIENCE)
            daemon.wait_until_ready()
            wait_for_quiet(store)
            cpu += daemon.cpu()
        finally:
            for sender in senders:
                sender.ended.set()
            daemon.end(signal.SIGTERM)
    acknowledged = [one for sender in senders for one in sender.acknowledged]
    found = found_signals(store)
    lost = [one for one in acknowledged if found[one] == 0]
    twice = [one for one, times in found.items() if times > 1]
    if lost:
        failures.append(f"{len(lost)} acknowledged alerts are lost: {lost[:5]}")
    if twice:
        failures.append(f"{len(twice)} alerts are there more than once: {twice[:5]}")
    with Store.open(store) as opened:
        entries = journal.verify(opened).count
    statuses: Counter[int] = sum((sender.statuses for sender in senders), Counter())
    return {
        "kills": len(deaths),
        "deaths": dict(Counter(deaths)),
        "acknowledged": len(acknowledged),
        "lost": len(lost),
        "twice": len(twice),
        "unpromised_but_kept": len(found) - len(acknowledged) + len(lost),
        "answers": {str(status): count for status, count in sorted(statuses.items())},
        "journal_entries": entries,
        "daemon_cpu_seconds": round(cpu, 1),
        "seconds": round(time.monotonic() - began, 1),
        "failures": failures,
    }


def _let_work(senders: Sequence[Sender], more: int, rest: float) -> None:
    """Wait until so many more alerts are acknowledged, and a moment longer."""
    until = sum(len(sender.acknowledged) for sender in senders) + more
    deadline = time.monotonic() + PATIENCE
    while sum(len(sender.acknowledged) for sender in senders) < until:
        if time.monotonic() > deadline:
            raise RuntimeError("nothing is acknowledged any more")
        time.sleep(0.005)
    time.sleep(rest)


def _die(daemon: Daemon, death: str, server: Postgres | None) -> list[str]:
    if death == "server":
        if server is None:
            raise ValueError("there is no server to kill")
        server.kill()
        server.start()
        return [] if daemon.alive() else ["the daemon ended when its database was killed"]
    code = daemon.end(signal.SIGKILL if death == "kill" else signal.SIGTERM)
    daemon.start()
    return [f"SIGTERM was answered with exit code {code}"] if death == "term" and code else []


def drawn(kinds: Sequence[str], times: int, seed: int) -> list[str]:
    """So many deaths, each kind equally often, in a random order."""
    deaths = [kinds[number % len(kinds)] for number in range(times)]
    random.Random(seed).shuffle(deaths)
    return deaths
