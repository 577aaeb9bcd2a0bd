"""Processes beside the daemon: started with it, started again when they end, and ended with it, however it ends.

Each holds the end of a pipe, and what it reads there when the daemon is gone is its end: a process that was killed
leaves nothing running.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

VARIABLE: Final = "TIELINE_BESIDE"
"""Set for a process that ends with the one that started it."""

FIRST_REST: Final = 1.0
LONGEST_REST: Final = 60.0
"""Seconds between the end of a process and its next beginning: doubled with each one that ends soon."""

SOON: Final = 60.0


class Beside:
    """One process, `name`, of the command line `command`, kept running while it `is_needed`. It reads the configuration
    again on SIGHUP; where what it was `given`, which no reload changes, is something else, it ends and begins again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        is_needed: Callable[[], bool] = lambda: True,
        *,
        given: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self._given = given
        self._began_with: object = None
        self._is_renewed = False
        self._command = list(command)
        self._is_needed = is_needed
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._is_over = False
        self._log: Any = structlog.get_logger("tieline.daemon")

    def watch(self, pause: threading.Event) -> None:
        """Keep it running until `end`. `pause` is set whenever there may be something to do."""
        rest = FIRST_REST
        while not self._is_over:
            try:
                process = self._begin()
            except OSError as error:
                # No memory for it, or Python is being replaced: what the daemon does itself goes on.
                rest = min(2 * rest, LONGEST_REST)
                self._log.error("process_not_started", process=self.name, error=str(error), again_in=rest)
                pause.wait(rest)
                pause.clear()
                continue
            if process is None:
                pause.wait()
                pause.clear()
                continue
            began = time.monotonic()
            code = process.wait()
            if self._is_renewed or not self._is_wanted():
                self._is_renewed = False
                continue
            rest = FIRST_REST if time.monotonic() - began > SOON else min(2 * rest, LONGEST_REST)
            self._log.error("process_ended", process=self.name, exit_code=code, again_in=rest)
            pause.wait(rest)
            pause.clear()

    def _begin(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if not self._is_wanted():
                return None
            self._began_with = self._given()
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                self._command, stdin=subprocess.PIPE, env={**os.environ, VARIABLE: str(os.getpid())}
            )
            self._log.info("process_started", process=self.name, pid=self._process.pid)
            return self._process

    def _is_wanted(self) -> bool:
        return not self._is_over and self._is_needed()

    def reload(self) -> None:
        """Have it read the configuration again, or end where it is no longer needed."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return
            stays = self._is_needed() and self._given() == self._began_with
            self._is_renewed = not stays
            self._process.send_signal(signal.SIGHUP if stays else signal.SIGTERM)

    def end(self) -> None:
        """Have it end, and not begin again."""
        with self._lock:
            self._is_over = True
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()

    @property
    def pid(self) -> int | None:
        """Its number; None while it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None


def end_with_parent() -> None:
    """Ask this process to end when the one that started it is gone, where one did that watches it."""
    if os.environ.pop(VARIABLE, None) is None:  # what a plugin starts from here has another input
        return

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
