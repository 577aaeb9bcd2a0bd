"""Logging in: a token is checked at once, kept for nobody else to read, and shown to no server but its own."""

from __future__ import annotations

import io
import json
import os
import pty
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.cli.client.serving import TOKEN, Server, answer, problem, run, serving, told
from tests.docs.shapes import faults

from tieline.cli.client import sessions
from tieline.cli.output import Unserved

KEPT = sessions.Known(TOKEN)
FILE = ("--token-file", "../token")


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    with serving(lambda _line: told()) as made:
        yield made


def test_who_logs_in_has_it_done_there_until_they_log_out(server: Server, home: Path) -> None:
    assert run("whoami")[1].endswith("; this process opens the store itself: no server answers for this workspace\n")
    called = "os:ann@db1 (token 0123456789ab, laptop, until 2026-12-01T08:00:00Z)"
    assert run("login", server.url, *FILE) == (
        0,
        f"{server.url} does what is asked for here from now on, as {called}\n",
    )
    assert run("whoami") == (0, f"{called}; {server.url} does it\n")
    assert faults("tieline whoami", run("whoami", "--json")[1]) == []
    assert faults("tieline login", run("login", server.url, *FILE, "--json")[1]) == []
    assert run("incidents") == (0, "It is done.\n")
    assert run("-v", "incidents") == (0, f"{server.url} does it\nIt is done.\n")
    assert server.asked[-1][1]["authorization"] == f"bearer {TOKEN}"
    assert run("logout") == (0, f"{server.url} is forgotten; nobody is logged in from now on\n")
    assert run("incidents")[0] == 3
    assert TOKEN not in (home / "config" / "tieline" / "sessions.json").read_text()


def test_of_several_servers_the_last_one_does_it_and_each_keeps_its_token(server: Server, home: Path) -> None:
    run("login", server.url, *FILE)
    with serving(lambda _line: told("The other.")) as other:
        (home / "token").write_text(TOKEN.replace("0123", "4567"))
        run("login", other.url, *FILE)
        assert run("incidents") == (0, "The other.\n")
        os.environ["TIELINE_URL"] = f"{server.url}/api/v1/"
        assert run("incidents") == (0, "It is done.\n")
        assert server.asked[-1][1]["authorization"] == f"bearer {TOKEN}"
        del os.environ["TIELINE_URL"]
        gone = run("logout", other.url, "--json")[1]
        assert json.loads(gone) == {"url": other.url, "now": server.url}
        assert faults("tieline logout", gone) == []
    assert run("logout", "https://nowhere.example.com") == (
        5,
        "https://nowhere.example.com: nobody is logged in there\n",
    )


def test_a_workspace_that_is_named_is_meant(server: Server, home: Path) -> None:
    run("login", server.url, *FILE)
    assert run("-w", ".", "incidents")[0] == 3
    (home / "elsewhere" / "tieline.yaml").write_text("tieline: [")
    assert run("incidents")[0] == 3
    assert server.calls == []


def test_a_token_that_is_not_taken_is_not_kept(server: Server, home: Path) -> None:
    whoami = problem(401, "not-proved", "the token is over.")
    with serving(lambda _line: None) as refusing:
        refusing.of = lambda _line: whoami
        refusing._answer = _refusing(whoami)  # type: ignore[method-assign]
        assert run("login", refusing.url, *FILE) == (
            1,
            f"the token is over. `tieline login {refusing.url}` takes another one.\n",
        )
    assert not (home / "config").exists()
    assert run("login", "http://127.0.0.1:1", *FILE)[0] == 4


def _refusing(said: bytes) -> Callable[..., None]:
    def reply(opened: io.RawIOBase) -> None:
        opened.makefile("rb").readline()  # type: ignore[attr-defined]
        opened.sendall(said)  # type: ignore[attr-defined]

    return reply


def test_no_other_account_reads_what_is_kept(server: Server, home: Path) -> None:
    run("login", server.url, *FILE)
    kept = home / "config" / "tieline" / "sessions.json"
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for mode in (0o640, 0o604, 0o660):
        kept.chmod(mode)
        code, words = run("incidents")
        assert (code, f"`chmod 600 {kept}`, and have those tokens revoked" in words) == (1, True)
        assert run("--help")[0] == 0
    assert server.calls == []


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"current": 1, "sessions": {"x": {}}}'])
def test_a_file_of_logins_that_is_none_is_told(home: Path, content: bytes) -> None:
    kept = home / "config" / "tieline" / "sessions.json"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content)
    kept.chmod(0o600)
    code, words = run("incidents")
    assert (code, f"{kept} cannot be read as what it is; remove it, and log in again" in words) == (1, True)


def test_the_token_comes_from_a_file_standard_input_or_a_terminal_and_is_not_shown(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{TOKEN}\n".encode())))
    assert run("login", server.url, "--token-file", "-")[0] == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{TOKEN}\n".encode())))
    assert run("login", server.url)[0] == 0
    assert run("login", server.url, TOKEN)[0] == 2
    (home / "token").chmod(0o644)
    code, words = run("login", server.url, *FILE)
    assert (code, "everybody on this machine may read the token" in words) == (1, True)
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        os.execv(sys.executable, [sys.executable, "-m", "tieline.cli.main", "login", server.url])
    shown = b""
    while b"Token for" not in shown:
        shown += os.read(terminal, 1_000)
    os.write(terminal, f"{TOKEN}\n".encode())
    while b"from now on" not in shown:
        shown += os.read(terminal, 1_000)
    os.waitpid(pid, 0)
    os.close(terminal)
    assert TOKEN.encode() not in shown


@pytest.mark.parametrize("words", [b"", b"two words", b"\xff\xfe", b"x" * 2_000, b"a\r\nHost: evil"])
def test_what_is_no_token_is_not_sent(server: Server, home: Path, words: bytes) -> None:
    (home / "token").write_bytes(words)
    code, said = run("login", server.url, *FILE)
    assert (code, "holds no token, which is written like tl_0123456789ab_" in said) == (1, True)
    assert server.asked == []


def test_a_login_that_cannot_be_kept_is_told_and_leaves_nothing_behind(server: Server, home: Path) -> None:
    place = sessions.file()
    (place / "in the way").mkdir(parents=True)
    with pytest.raises(Unserved, match="logins are kept there, and they are as before"):
        sessions.keep(server.url, {server.url: sessions.Known(TOKEN)})
    assert list(place.parent.iterdir()) == [place]


def test_of_two_logins_at_once_both_are_kept(home: Path) -> None:
    """The one has read what is kept when the other comes: it waits, and builds on what the first one wrote."""
    second = threading.Thread(target=lambda: sessions.change(lambda _now, known: ("b", {**known, "https://b": KEPT})))

    def first(_current: str, known: Mapping[str, sessions.Known]) -> sessions.Servers:
        second.start()
        second.join(0.2)
        return "https://a", {**known, "https://a": KEPT}

    sessions.change(first)
    second.join()
    assert sessions.stored()[1].keys() == {"https://a", "https://b"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Tieline.Example.com/", "https://tieline.example.com"),
        ("https://tieline.example.com:443/api/v1/", "https://tieline.example.com"),
        ("https://example.com:8443/tieline/", "https://example.com:8443/tieline"),
        ("http://[::1]:8081", "http://[::1]:8081"),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert sessions.address(given) == kept


@pytest.mark.parametrize(
    "given",
    ["", "tieline.example.com", "https://", "file:///etc/passwd", "https://x:port", "https://x?a=b", "https://x#a",
     "https://ann:secret@x", "https://x/\x1b[31m", "https://ex ample.com", "https://[::1", "https://bücher.example"],
)  # fmt: skip
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(Unserved) as refused:
        sessions.address(given)
    assert "secret" not in str(refused.value)


def test_no_token_goes_over_a_network_in_the_open_unless_that_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for open_one in ("http://tieline.example.com", "http://10.0.0.1:8081", "http://0.0.0.0"):
        code, words = run("login", open_one, *FILE)
        assert (code, f"{open_one}: no TLS is spoken there" in words) == (1, True)
        monkeypatch.setenv("TIELINE_URL", open_one)
        monkeypatch.setenv("TIELINE_TOKEN_FILE", str(home / "token"))
        assert "no TLS is spoken there" in run("incidents")[1]
        monkeypatch.delenv("TIELINE_URL")
    for closed in ("http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"):
        assert "cannot be reached" in run("login", closed, *FILE)[1]
    _code, words = run("login", "http://tieline.invalid:1", "--plain-http", *FILE)
    assert words.startswith("http://tieline.invalid:1: it is spoken to without TLS, as you said: whoever is on the way")


def test_a_server_whose_certificate_nobody_believes_is_shown_no_token(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography.x509")
    from tests.threats.authority import Authority

    authority = Authority(tmp_path)
    authority.server("web")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "web.pem")
    with serving(lambda _line: told(), context) as server:
        code, words = run("login", server.url, *FILE)
        assert (code, f"{server.url}: its certificate is not believed:" in words) == (4, True), words
        assert "SSL_CERT_FILE" in words
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
        assert run("login", server.url, *FILE)[0] == 0
        assert run("incidents") == (0, "It is done.\n")


def test_the_environment_names_a_server_and_a_file_with_its_token(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIELINE_URL", server.url)
    code, words = run("incidents")
    assert (code, f"{server.url}: no token is known. Run `tieline login {server.url}`" in words) == (1, True)
    monkeypatch.setenv("TIELINE_TOKEN_FILE", str(home / "nowhere"))
    assert run("incidents") == (1, f"{home}/nowhere: No such file or directory. Name a file that holds the token\n")
    monkeypatch.setenv("TIELINE_TOKEN_FILE", str(home / "token"))
    assert run("incidents") == (0, "It is done.\n")
    server.of = lambda _line: answer(200, "", "text/html")
    assert TOKEN not in run("incidents")[1]
