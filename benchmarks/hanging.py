"""A plugin that hangs wherever it can: in an act, in a page and in a follower, for as long as a benchmark or a test
wants. It stands on the path as a stranger's distribution does."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from benchmarks.beside import tieline, web
from benchmarks.stage import Stage, free_port, stage

PLUGINS: Final = "[grouping, severity, measurement, hanging]"
WHERE: Final = ("act", "page", "follower")

_CODE: Final = '''
import os, time
from pathlib import Path
from tieline.core.access import READ, Role
from tieline.core.acts import Act
from tieline.core.arguments import Answer, Ask
from tieline.core.events import Opened
from tieline.core.hooks import hookimpl
from tieline.core.offer import Follower, Offer, Right
from tieline.core.views import View

PLACE = Path(os.environ["TIELINE_HANGS"])

def hang(where):
    (PLACE / where).touch()
    while not (PLACE / "over").exists():
        time.sleep(0.02)

class Asked(Ask):
    """What is asked of something that hangs."""

class Answered(Answer):
    """It hangs no longer."""

    def sentence(self):
        return "it goes on"

def act(desk, ask: Asked) -> Answered:
    """Hang."""
    hang("act")
    return Answered()

def page(look, ask: Asked) -> Answered:
    """Hang."""
    hang("page")
    return Answered()

def follow(desk, happened):
    hang("follower")

@hookimpl
def tieline_offer():
    return Offer(
        group="hanging",
        summary="It hangs.",
        acts=(Act("act", act, "hanging.act"),),
        views=(View("page", page, READ),),
        rights={"hanging.act": Right("have it hang", (Role.RESPONDER,))},
        followers=(Follower("follow", (Opened,), follow),),
    )
'''


class Hanging:
    """Where it hangs by now, and until when."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @property
    def hangs(self) -> list[str]:
        """Where it hangs."""
        return [where for where in WHERE if (self.place / where).exists()]

    def end(self) -> None:
        """Have it go on."""
        (self.place / "over").touch()


@contextmanager
def installed(folder: Path) -> Iterator[Hanging]:
    """The plugin on the path of every process that is started meanwhile."""
    site, place = folder / "site", folder / "hangs"
    points = site / "tieline_hanging-1.0.dist-info"
    points.mkdir(parents=True)
    place.mkdir()
    (site / "tieline_hanging.py").write_text(_CODE, "utf-8")
    (points / "METADATA").write_text("Metadata-Version: 2.1\nName: tieline-hanging\nVersion: 1.0\n", "utf-8")
    (points / "entry_points.txt").write_text("[tieline]\nhanging = tieline_hanging\n", "utf-8")
    before = dict(os.environ)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), before.get("PYTHONPATH", "")]))
    os.environ["TIELINE_HANGS"] = str(place)
    try:
        yield Hanging(place)
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def stuck(at: Stage, port: int, hanging: Hanging) -> Iterator[list[tuple[str, int, Any]]]:
    """A running daemon with a plugin that hangs in an act, in a page and, once an alert has come in, in a follower.
    What is answered to who called stands in the list, once it goes on."""
    token = json.loads(tieline(at, "token", "issue", "hanging", "--role", "responder", "--json"))["token"]
    answered: list[tuple[str, int, Any]] = []

    def call(method: str, path: str) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=300)
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, f"/api/v1/hanging/{path}", b"{}" if method == "POST" else None, head)
        answer = connection.getresponse()
        answered.append((path, answer.status, json.loads(answer.read())))
        connection.close()

    with web(at, port):
        calls = [threading.Thread(target=call, args=one) for one in (("POST", "act"), ("GET", "page"))]
        for one in calls:
            one.start()
        at.wait("the act and the page to hang", lambda: {"act", "page"} <= {*hanging.hangs})
        try:
            yield answered
        finally:
            hanging.end()
            for one in calls:
                one.join(60)


@contextmanager
def hung(folder: Path, connections: str = "", **options: Any) -> Iterator[tuple[Stage, Hanging, int]]:
    """A stage for it, whose daemon runs; with the port of its API."""
    port = free_port()
    with (
        installed(folder) as hanging,
        stage(connections, plugins=PLUGINS, top=f"web: {{listen: '127.0.0.1:{port}'}}\n", **options) as at,
    ):
        at.start()
        yield at, hanging, port
