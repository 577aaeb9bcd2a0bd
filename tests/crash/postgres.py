"""A PostgreSQL of our own whose processes can be killed, all at once and without a farewell, and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from tests.core.store_backends import _as_nobody, _free_port, postgres_binaries


class Postgres:
    """A server on a free port, in a folder of its own that is removed in the end. Raises RuntimeError without one.

    With `durable` a commit waits for the disk, as in production; else only a crash of the machine could tell.
    """

    def __init__(self, *, durable: bool) -> None:
        binaries = postgres_binaries()
        if binaries is None:
            raise RuntimeError("PostgreSQL is not installed; on Debian: apt-get install postgresql")
        self._binaries = binaries
        self._home = Path(tempfile.mkdtemp(prefix="tieline-postgres-"))
        self._data = self._home / "data"
        self._port = _free_port()
        switch = "on" if durable else "off"
        self._options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._home} "
            f"-c fsync={switch} -c full_page_writes={switch} -c max_connections=100"
        )
        self.server = f"postgresql://tieline@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            os.chown(self._home, _as_nobody()["user"], _as_nobody()["group"])  # type: ignore[arg-type]  # both are numbers
        self._run(
            "initdb", "-D", str(self._data), "-U", "tieline", "-A", "trust", "--no-sync", "-E", "UTF8",
            "--locale=C.UTF-8",
        )  # fmt: skip
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop", check=False)
        shutil.rmtree(self._home, ignore_errors=True)

    def start(self) -> None:
        """Start it; after a kill it recovers by itself. Its old processes may need a moment to be gone."""
        for _ in range(30):
            if self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self._home / "log"), "-o", self._options,
                         "start", check=False) == 0:  # fmt: skip
                return
            time.sleep(0.2)
        raise RuntimeError(f"PostgreSQL does not start: {(self._home / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """kill -9 of the server and of each process it has, at once."""
        postmaster = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _run(self, *command: str, check: bool = True) -> int:
        done = subprocess.run(
            [str(self._binaries / command[0]), *command[1:]],
            check=check,
            cwd=self._home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            **_as_nobody(),  # type: ignore[call-overload]
        )
        return int(done.returncode)
