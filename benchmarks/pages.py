"""The console over many incidents: how long its pages take, and what each process keeps in memory."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from benchmarks import machine
from benchmarks.beside import tieline
from benchmarks.figures import Figure, percentile
from benchmarks.filling import fill
from benchmarks.stage import Stage, free_port, stage

if TYPE_CHECKING:
    from benchmarks.measures import Form

PLUGINS: Final = "[grouping, severity, measurement, console, escalation, durations]"
MOST: Final = 100_000
PAGES: Final = {"/": "overview", "/connections": "connections", "/incidents/INC-7": "incident"}

_OPEN: Final = (
    "UPDATE incident SET status = 'new', rank = 20 + 10 * (id % 4), opened_at = opened_at + id * 1000000, "
    "fields = json_set(fields, '$.status', 'new') WHERE id <= ?",
    "UPDATE signal SET firing = 1, fields = json_set(fields, '$.status', 'firing') WHERE id <= ?",
    "UPDATE replica SET state = 'parked', parked = 'it has no such type' WHERE id % 1000 = 1 AND id <= ?",
)


def pages(form: Form) -> list[Figure]:
    """The three pages, of which a tenth of the incidents is open, and the roles beside them."""
    size = min(form.linked[-1], MOST)
    port, times = free_port(), min(max(20, form.paced // 4), 200)
    top = f"web: {{listen: '127.0.0.1:{port}', beside_run: true}}\n"
    with stage("  snow: {tool: memory}\n", plugins=PLUGINS, top=top) as at:
        fill(at.database, size)
        with sqlite3.connect(at.database) as store:
            for statement in _OPEN:
                store.execute(statement, (size // 10,))
        store.close()
        at.start()
        token = json.loads(tieline(at, "token", "issue", "pages", "--role", "responder", "--json"))["token"]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            at.wait("the console to listen", lambda: _answers(client))
            _sign_in(client, token)
            took = {path: _took(client, path, times) for path in PAGES}
        kept = {role: machine.resident(pid) for role, pid in roles(at).items()}
    over = f"over {size:,} incidents, {size // 10:,} of them open"
    return [
        *(
            Figure(f"pages.{name}.p95", f"page {path} {over}, p95 of {times}", "ms", (took[path],), False, 60)
            for path, name in PAGES.items()
        ),
        *(
            Figure(f"roles.{role}.resident", f"resident: `tieline {role}` {over}", "MiB", (kept.get(role, 0.0),))
            for role in ("run", "work", "web")
        ),
    ]


def roles(at: Stage) -> dict[str, int]:
    """The processes of a daemon and of what it started, by what they do."""
    found = {"run": at.pid}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
            words = (place / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if parent == at.pid:
            found.update({role: int(place.name) for role in ("work", "web") if role.encode() in words})
    return found


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/signin").status_code == 200
    except httpx.TransportError:
        return False


def _sign_in(client: httpx.Client, token: str) -> None:
    mark = re.findall(r'name="mark" value="([^"]+)"', client.get("/signin").text)[0]
    form = {"mark": mark, "token": token, "next": "/"}
    if client.post("/signin", data=form, headers={"origin": str(client.base_url)}).status_code != 303:
        raise RuntimeError("the console let nobody in")


def _took(client: httpx.Client, path: str, times: int) -> float:
    """Milliseconds within which 95 of 100 pages are there."""
    client.get(path).raise_for_status()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        client.get(path).raise_for_status()
        found.append((time.perf_counter() - began) * 1e3)
    return percentile(found, 0.95)
