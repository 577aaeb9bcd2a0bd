"""A home of one's own, in which nobody is logged in yet, and a folder that is no workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cli.client.serving import TOKEN, Server, serving

from tieline.cli.client import thin

Served = Callable[[Callable[[str], bytes | None]], Server]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TIELINE_URL", "TIELINE_TOKEN_FILE", "TIELINE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "token").write_text(f"{TOKEN}\n", "ascii")
    (tmp_path / "token").chmod(0o600)
    monkeypatch.setattr(thin, "REST", 0.001)
    return tmp_path


@pytest.fixture
def served(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server whose address and token the environment says."""
    with ExitStack() as stack:

        def serve(of: Callable[[str], bytes | None]) -> Server:
            server = stack.enter_context(serving(of))
            monkeypatch.setenv("TIELINE_URL", server.url)
            monkeypatch.setenv("TIELINE_TOKEN_FILE", str(home / "token"))
            return server

        yield serve
