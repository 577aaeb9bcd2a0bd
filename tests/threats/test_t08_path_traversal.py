"""T8: a path that comes from a file or from the network leads nowhere but into the workspace."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.threats.conftest import Tally
from tests.threats.receivers import Listening

from tieline.core.config import load_workspace
from tieline.core.errors import ConfigError

CANARY = "tool: memory-canary-of-another-folder"

PATHS = [
    "../outside.yaml", "../../outside.yaml", "./../outside.yaml", "maps/../../outside.yaml", "..//outside.yaml",
    "maps/./../../outside.yaml",
    "../../../../../../../../etc/passwd", "../outside.yaml/", "..", ".", "/", "//", "maps/..",
    "/etc/passwd", "//etc/passwd", "/etc/./passwd", "/proc/self/environ", "/proc/self/fd/0", "/dev/zero", "/dev/stdin",
    "file:///etc/passwd", "file:/etc/passwd", "http://127.0.0.1/outside.yaml", "~/outside.yaml", "~root/.bashrc",
    "..\\outside.yaml", "..\\..\\outside.yaml", "C:\\Windows\\win.ini", "C:/Windows/win.ini", "\\\\host\\share\\x.yaml",
    "%2e%2e/outside.yaml", "%2e%2e%2foutside.yaml", "..%2foutside.yaml", "..%252foutside.yaml",
    "%c0%ae%c0%ae/outside.yaml",
    "..%c0%afoutside.yaml", "..;/outside.yaml", "....//outside.yaml", "..././outside.yaml", "．．/outside.yaml",
    "../outside.yaml%00.yaml", "CON.yaml", "NUL", "aux.yaml/x", "COM1/x.yaml", "a" * 5_000 + ".yaml",
    "a/" * 3_000 + "x.yaml",
    "link.yaml", "linked/outside.yaml", "loop.yaml", "fifo/none.yaml", "$HOME/outside.yaml", "${PWD}/../outside.yaml",
    "`id`/x.yaml", "$(id)/x.yaml", "|id/x.yaml", "-/x.yaml", "--help/x.yaml", "*/x.yaml", "?.yaml", "[a-z].yaml",
    "\u202e../outside.yaml", "../out\u200bside.yaml", "\ufeff../outside.yaml", " ../outside.yaml", "../outside.yaml ",
]  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace, a file beside it that is not its business, and links that lead there."""
    folder = tmp_path / "workspace"
    (folder / "maps").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text(CANARY, encoding="utf-8")
    (folder / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    return folder


@pytest.mark.parametrize("option", ["overlay", "mapping"])
def test_no_path_of_the_configuration_leads_out(workspace: Path, option: str, tally: Tally) -> None:
    assert len(PATHS) >= 60
    file = workspace / "tieline.yaml"
    escaped = []
    for path in PATHS:
        quoted = path.replace("'", "''")
        file.write_text(f"tieline: 1\nconnections:\n  left: {{tool: memory, {option}: '{quoted}'}}\n", encoding="utf-8")
        try:
            config, registry = load_workspace(file)
        except ConfigError as error:
            if "canary" in str(error) or "root:" in str(error):
                escaped.append(f"{path}: what stands in it was shown")
            continue
        registry.close()
        found = config.connections["left"].overlay if option == "overlay" else config.connections["left"].mapping  # type: ignore[index]
        if isinstance(found, Path) or "/" in str(found):
            escaped.append(f"{path}: {found}")
    tally(len(PATHS), escaped)


def test_a_file_of_the_workspace_itself_is_taken(workspace: Path) -> None:
    (workspace / "maps" / "mine.yaml").write_text("fields: {}\n", encoding="utf-8")
    file = workspace / "tieline.yaml"
    file.write_text("tieline: 1\nconnections:\n  left: {tool: memory, overlay: ./maps/../maps/mine.yaml}\n")
    config, registry = load_workspace(file)
    registry.close()
    (connection,) = config.connections.values()
    assert connection.overlay == workspace.resolve() / "maps" / "mine.yaml"


def test_no_address_of_a_request_reaches_a_file(listening: Listening, tally: Tally) -> None:
    host = listening.client.base_url.host
    port = listening.client.base_url.port
    assert port is not None
    escaped = []
    for path in PATHS:
        target = f"/hooks/{path}".encode()
        if any(byte <= 32 or byte == 127 for byte in target):
            continue
        with socket.create_connection((host, port), timeout=20) as connection:
            connection.sendall(
                b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
            )
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        if answer[9:12] not in (b"404", b"400", b"") or b"root:" in answer or b"canary" in answer:
            escaped.append(f"{path}: {answer[:80]!r}")
    tally(len(PATHS), escaped)
