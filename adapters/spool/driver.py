"""The person at a spool, for the contract: whoever writes into its folder by hand, and its runner."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from tieline.adapters.spool.adapter import SpoolAdapter, connect
from tieline.adapters.spool.folder import Spool
from tieline.adapters.spool.plugin import KIND
from tieline.adapters.spool.settings import SpoolSettings
from tieline.adapters.testing.executions import ExecutionDriver
from tieline.core.clock import SystemClock
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Ref, Workbench

NAME = ConnectionName("spool")


class SpoolDriver(ExecutionDriver):
    """Time is the file system's: what is to lie apart, waits."""

    powers = KIND.powers
    runner = NAME
    page_size = 3
    tells_age = False
    tells_time = False
    lacks: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("fail", "lose_next_write", "sent"), "a folder answers at once, and sends no status"),
        **dict.fromkeys(("before_next_write", "after_next_write"), "whoever writes there waits for its lock"),
        **dict.fromkeys(("connect_refused", "skew"), "the folder is this machine's own"),
        "act_by_itself": "a runner is no clock of the tool's: what it does is a change like any other",
        "merge": "no job becomes part of another",
    }

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name)
        self.spool = Spool(self.path, 1_000)
        self.spool.prepare()

    def connect(self) -> SpoolAdapter:
        settings = SpoolSettings(path=self.path, page_size=self.page_size)
        return connect(NAME, settings, Workbench(SystemClock(), time.sleep, None, self.take))

    def make(self, title: str, description: str = "") -> Ref:
        name = secrets.token_hex(16)
        self.spool.put(name, dict(self.new_body(title, description)))
        return Ref(name)

    def edit(self, ref: Ref, patch: Body) -> None:
        with self.spool.alone():
            self.spool.say(ref, {**self.spool.said(ref), **patch})

    def delete(self, ref: Ref) -> None:
        (self.path / "jobs" / f"{ref}.json").unlink()

    def spoil(self, ref: Ref) -> None:
        (self.path / "jobs" / f"{ref}.json").write_text("[", encoding="utf-8")

    def missing_ref(self) -> Ref:
        return Ref("0" * 32)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.12))

    # What a runner does

    def write_output(self, ref: Ref, output: bytes) -> None:
        self.take_job(ref)
        self.end(ref, 0, output.decode())

    def take_job(self, ref: Ref) -> None:
        (self.path / "queue" / ref).rename(self.path / "taken" / ref)

    def end(self, ref: Ref, exit_code: int | None, output: str = "") -> None:
        made = self.path / "results" / f".{ref}"
        made.mkdir()
        if exit_code is not None:
            (made / "exit_code").write_text(f"{exit_code}\n", encoding="utf-8")
        (made / "output").write_text(output, encoding="utf-8")
        made.rename(self.path / "results" / ref)
