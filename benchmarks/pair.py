"""Two ticket tools in step: how long a change takes from one to the other, and how many calls it costs.

Both are ServiceNow's simulator, served over real HTTP from this process: what stands in a tool is looked at directly,
and every request it was sent is counted.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pysnow
import requests

from benchmarks.alerts import SECRET
from benchmarks.stage import Stage, stage
from tieline.adapters.servicenow.simulated.courier import Webhook
from tieline.adapters.servicenow.simulated.seed import ACCOUNTS
from tieline.adapters.servicenow.simulator import ServiceNowSimulator

CONNECTION = """\
  {name}:
    tool: servicenow
    url: {url}
    username: tieline
    password: {{env: TIELINE_BENCHMARK_SNOW}}
    webhook_secret: {{env: TIELINE_BENCHMARK}}
    calls_per_minute: 60000
    opens: {opens}
"""

QUIET = 1.5
"""Seconds without a request after which everything has been done."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests that one tool was sent."""

    reads: int
    writes: int


class Tool:
    """One simulated tool, and the count of what it was asked."""

    def __init__(self) -> None:
        self.simulator = ServiceNowSimulator()
        self._known = set(self.simulator.tables.rows["incident"])

    def make(self, title: str) -> str:
        """A person opens an incident; its sys_id."""
        made = self.simulator.control("create", {"fields": {"short_description": title}})
        return str(made["sys_id"])

    def edit(self, sys_id: str, title: str) -> None:
        """A person changes the title."""
        self.simulator.control("edit", {"record": sys_id, "fields": {"short_description": title}})

    def title(self, sys_id: str) -> str:
        return str(self.simulator.tables.rows["incident"][sys_id]["short_description"])

    def added(self) -> dict[str, str]:
        """Title to sys_id of what was made since the beginning."""
        rows = dict(self.simulator.tables.rows["incident"])
        return {str(row["short_description"]): sys_id for sys_id, row in rows.items() if sys_id not in self._known}

    def calls(self) -> Calls:
        seen = [method for method, path in list(self.simulator.requests) if "oauth" not in path]
        writes = sum(method in ("POST", "PATCH", "PUT", "DELETE") for method in seen)
        return Calls(len(seen) - writes, writes)


class Pair:
    """Two tools and the daemon between them. What is made on the left opens an incident."""

    def __init__(self, at: Stage, left: Tool, right: Tool) -> None:
        self.at = at
        self.left = left
        self.right = right

    def open(self, count: int) -> dict[str, str]:
        """So many incidents on the left, and when each stands on the right: sys_id there by sys_id here."""
        made = {f"Disk of db{number} is almost full": "" for number in range(count)}
        for title in made:
            made[title] = self.left.make(title)
        self.at.wait("every incident to stand in both tools", lambda: len(self.right.added()) >= count)
        self.settle()
        there = self.right.added()
        return {here: there[title] for title, here in made.items()}

    def settle(self) -> None:
        """Wait until nobody has been asked anything to write for a while."""
        last, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET:
            now = self.left.calls().writes + self.right.calls().writes
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.05)

    def edit(self, linked: dict[str, str], every: float) -> list[float]:
        """Edit each incident on the left, one each `every` seconds. Seconds until each stands on the right."""
        began: dict[str, float] = {}
        arrived: dict[str, float] = {}
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                for here in [one for one in list(began) if one not in arrived]:
                    if self.right.title(linked[here]) == f"Edited {here}":
                        arrived[here] = time.perf_counter()
                time.sleep(0.002)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            for here in linked:
                began[here] = time.perf_counter()
                self.left.edit(here, f"Edited {here}")
                time.sleep(every)
            self.at.wait("every edit to stand on the right", lambda: len(arrived) == len(linked))
        finally:
            over.set()
            watcher.join()
        return [arrived[here] - began[here] for here in linked]


@contextmanager
def pair(poll_every: str, *, webhooks: bool) -> Iterator[Pair]:
    """A daemon between two tools; with `webhooks`, the left one announces what changes there."""
    os.environ["TIELINE_BENCHMARK_SNOW"] = ACCOUNTS["tieline"].password
    with ExitStack() as stack:
        left, right = Tool(), Tool()
        connections = "".join(
            CONNECTION.format(name=name, url=stack.enter_context(tool.simulator.serve()), opens=opens)
            for name, tool, opens in (("left", left, "true"), ("right", right, "false"))
        )
        at = stack.enter_context(stage(connections, poll_every=poll_every))
        at.start()
        if webhooks:
            left.simulator.announce_to(Webhook(f"{at.address}/hooks/left", SECRET))
            stack.callback(left.simulator.announce_to, None)
        store = at.look()
        # What was there before the first look is history, and is not opened here. Stamps have whole seconds.
        looked = "SELECT count(*) FROM cursor WHERE connection IN ('left', 'right')"
        at.wait("the first look", lambda: store.execute(looked).fetchone()[0] == 2)
        store.close()
        time.sleep(1.1)
        yield Pair(at, left, right)


def call(times: int) -> list[float]:
    """The floor: seconds of a bare PATCH by httpx against the same simulator."""
    tool = Tool()
    record = tool.make("bare")
    account = httpx.BasicAuth("tieline", ACCOUNTS["tieline"].password)
    with (
        tool.simulator.serve() as url,
        httpx.Client(base_url=url, trust_env=False, timeout=10, auth=account) as client,
    ):

        def patch(body: dict[str, str]) -> None:
            client.patch(f"/api/now/table/incident/{record}", json=body).raise_for_status()

        return _timed(patch, times)


def sdk_call(times: int) -> list[float]:
    """The floor of the SDK: seconds of the same PATCH by pysnow, as bare as it comes."""
    tool = Tool()
    record = tool.make("bare")
    with tool.simulator.serve() as url, requests.Session() as session:
        session.trust_env = False
        session.auth = ("tieline", ACCOUNTS["tieline"].password)
        client = pysnow.Client(host=urlsplit(url).netloc, session=session, use_ssl=False)
        incidents = client.resource(api_path="/table/incident")

        def patch(body: dict[str, str]) -> None:
            incidents.request("PATCH", path_append=f"/{record}", data=json.dumps(body)).one()

        return _timed(patch, times)


def _timed(patch: Callable[[dict[str, str]], None], times: int) -> list[float]:
    took = []
    for number in range(times + 5):
        began = time.perf_counter()
        patch({"short_description": f"Edited {number}"})
        took.append(time.perf_counter() - began)
    return took[5:]
