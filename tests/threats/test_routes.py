"""The way to a tool: proxies, authorities of one's own and client certificates, in every shipped adapter alike."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

import pytest
from tests.threats.canaries import TOOLS, connect, serving

from tieline.core.config import load_text
from tieline.core.errors import ConfigError, NeedsOperator, RemoteError, TryAgain
from tieline.core.route import Route, _bypassed
from tieline.core.secrets import Secret

pytest.importorskip("cryptography.x509")
from tests.threats.authority import Authority

HOST = "tool.test"
"""A name that only the proxy knows: whoever reaches it went through."""

VARIABLES = ("https_proxy", "http_proxy", "all_proxy", "no_proxy")


@dataclass
class Proxy:
    """A proxy that leads everybody to one address, and remembers what it was asked for."""

    leads_to: str
    refusal: bytes = b""
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def proxying(leads_to: str, refusal: bytes = b"") -> Iterator[Proxy]:
    proxy = Proxy(leads_to, refusal)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            first = self.rfile.readline().decode().strip()
            header = ""
            while line := self.rfile.readline().decode().strip():
                name, _, value = line.partition(":")
                header = value.strip() if name.lower() == "proxy-authorization" else header
            proxy.asked.append((first, header))
            if proxy.refusal:
                self.wfile.write(proxy.refusal)
                return
            parts = urlsplit(proxy.leads_to)
            with socket.create_connection((str(parts.hostname), int(parts.port or 0))) as tool:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(tool, self.connection), daemon=True)
                back.start()
                _pump(self.connection, tool)
                back.join(5)

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65_536):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _closed_port() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("routes"))


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def ask(name: str, url: str, **more: object) -> None:
    """One look. The canary is no real tool; that it was asked is what counts."""
    with suppress(RemoteError):
        connect(name, url, **more).check()


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_reached_through_its_proxy_with_credentials_by_reference(name: str, authority: Authority) -> None:
    with serving(tls=authority.server("proxied", host=HOST)) as tool, proxying(tool.url) as proxy:
        way = {"url": proxy.url, "username": "me", "password": Secret.literal("pa:ss@word/ß")}
        ask(name, f"https://{HOST}", ca_file=authority.bundle, proxy=way)
        assert tool.seen
        assert {line.partition(" HTTP")[0] for line, _ in proxy.asked} == {f"CONNECT {HOST}:443"}
        shown = [base64.b64decode(header.removeprefix("Basic ")) for _, header in proxy.asked]
        assert set(shown) == {"me:pa:ss@word/ß".encode()}
        assert not any("proxy-authorization" in headers for _, _, headers in tool.seen)


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_without_one_the_environments_counts(
    name: str, variable: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tls=authority.server("environment", host=HOST)) as tool, proxying(tool.url) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        ask(name, f"https://{HOST}", ca_file=authority.bundle)
        assert tool.seen and proxy.asked


@pytest.mark.parametrize("name", TOOLS)
def test_whom_no_proxy_names_is_asked_directly(
    name: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tls=authority.server("bypassed", host=HOST)) as tool, proxying(tool.url) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "other.example, .test")
        with pytest.raises(TryAgain, match=f"https://{HOST} has a name that does not resolve"):
            connect(name, f"https://{HOST}", ca_file=authority.bundle).check()
        monkeypatch.delenv("NO_PROXY")
        with pytest.raises(TryAgain, match=f"https://{HOST} has a name that does not resolve"):
            connect(name, f"https://{HOST}", ca_file=authority.bundle, proxy={"url": "direct"}).check()
        ask(name, tool.url.replace("https:", "http:"))  # this very machine
        assert not proxy.asked


@pytest.mark.parametrize("name", TOOLS)
def test_a_proxy_that_is_dead_or_refuses_is_named_as_the_proxy(name: str, authority: Authority) -> None:
    dead = f"http://{_closed_port()}"
    with pytest.raises(TryAgain, match=f"the proxy {dead} refused the connection") as caught:
        connect(name, f"https://{HOST}", ca_file=authority.bundle, proxy={"url": dead}).check()
    assert not caught.value.maybe_done
    with pytest.raises(TryAgain, match=r"the proxy http://proxy.invalid:1 has a name that does not resolve"):
        connect(name, f"https://{HOST}", ca_file=authority.bundle, proxy={"url": "http://proxy.invalid:1"}).check()
    refusals = {"502 Bad Gateway": TryAgain, "407 Proxy Authentication Required": NeedsOperator}
    for refusal, error in refusals.items():
        answer = f"HTTP/1.1 {refusal}\r\ncontent-length: 0\r\n\r\n".encode()
        with proxying("", answer) as proxy, pytest.raises(error, match=f"the proxy {proxy.url} answered {refusal}"):
            connect(name, f"https://{HOST}", ca_file=authority.bundle, proxy={"url": proxy.url}).check()


@pytest.mark.parametrize("name", TOOLS)
def test_what_is_wrong_behind_the_tunnel_is_not_the_proxys(name: str, authority: Authority) -> None:
    with serving(tls=authority.server("stranger", host="other.test")) as tool, proxying(tool.url) as proxy:
        with pytest.raises(RemoteError) as caught:
            connect(name, f"https://{HOST}", ca_file=authority.bundle, proxy={"url": proxy.url}).check()
        assert "the proxy" not in str(caught.value) and "certificate" in str(caught.value)
        assert proxy.asked and not tool.seen


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_that_asks_for_a_certificate_is_shown_ours(name: str, authority: Authority) -> None:
    certificate, key = authority.client("locked", "open sesame")
    way = {"client_certificate": certificate, "client_key": key, "client_key_passphrase": Secret.literal("open sesame")}
    with serving(tls=authority.mutual("mutual")) as tool:
        ask(name, tool.url, ca_file=authority.bundle)
        assert not tool.seen
        ask(name, tool.url, ca_file=authority.bundle, **way)
        assert tool.seen
    with serving(tls=authority.mutual("behind", host=HOST)) as tool, proxying(tool.url) as proxy:
        ask(name, f"https://{HOST}", ca_file=authority.bundle, proxy={"url": proxy.url}, **way)
        assert tool.seen and proxy.asked


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_that_asks_for_a_certificate_and_is_shown_none_is_told_so(name: str, authority: Authority) -> None:
    with serving(tls=authority.mutual("unshown")) as tool, pytest.raises(RemoteError) as caught:
        connect(name, tool.url, ca_file=authority.bundle).check()

    assert "set `client_certificate`" in str(caught.value) and "None" not in str(caught.value)


@pytest.mark.parametrize("name", TOOLS)
def test_whoever_verifies_nothing_is_told_so_once_and_not_by_a_library(
    name: str, authority: Authority, recwarn: pytest.WarningsRecorder
) -> None:
    warnings.simplefilter("always")
    with serving(tls=authority.server("unverified")) as tool, suppress(RemoteError):
        connect(name, tool.url, verify_tls=False).check()

    assert [str(one.message) for one in recwarn if "Unverified" in str(one.message)] == []


def test_a_certificate_of_one_connection_is_shown_by_no_other(authority: Authority) -> None:
    certificate, key = authority.client("alone")
    usual = Route().context()

    assert Route(certificate=str(certificate), key=str(key)).context() is not usual
    assert Route(verify=False).context().verify_mode is ssl.CERT_NONE
    assert Route().context() is usual and usual.verify_mode is ssl.CERT_REQUIRED


def test_authorities_that_the_environment_names_are_read_again_when_they_change(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, bundle = Route().context(), tmp_path / "bundle.pem"
    bundle.write_bytes(authority.bundle.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))

    named = Route().context()
    assert named is not usual and len(named.get_ca_certs()) == 1
    assert Route().context() is named

    bundle.write_bytes(authority.bundle.read_bytes() + Authority(tmp_path).bundle.read_bytes())
    assert len(Route().context().get_ca_certs()) == 2


@pytest.mark.parametrize("name", TOOLS)
def test_a_file_that_is_gone_since_is_a_sentence_with_its_option_and_path(name: str, authority: Authority) -> None:
    certificate, key = authority.client("plain")
    gone = authority.folder / "gone.pem"
    for option, more in (
        ("ca_file", {}),
        ("client_certificate", {}),
        ("client_key", {"client_certificate": certificate}),
    ):
        way = {**more, option: gone}
        with pytest.raises(NeedsOperator, match=rf"`{option}`: {gone} cannot be used \(No such file"):
            connect(name, "https://127.0.0.1:1", **way).check()
    other = authority.client("other")[1]
    for wrong, why in ((other, "not that of the certificate"), (authority.client("shut", "x")[1], "does not open")):
        with pytest.raises(NeedsOperator, match=f"`client_key`: {wrong} cannot be used .*{why}"):
            connect(name, "https://127.0.0.1:1", client_certificate=certificate, client_key=wrong).check()
    assert key.exists()


PAGER = (
    "tieline: 1\nconnections:\n  pager:\n    tool: pagerduty\n    api_key: {env: X}\n    from_email: a@example.org\n"
    "    service: PIJ90N7\n"
)


@pytest.mark.parametrize(
    ("options", "line", "words"),
    [
        ("    ca_file: none.pem\n", 8, "`ca_file`: %s/none.pem cannot be used (No such file"),
        ("    ca_file: garbage.pem\n", 8, "`ca_file`: %s/garbage.pem cannot be used (it holds no certificate"),
        ("    ca_file: .\n", 8, "`ca_file`: %s cannot be used (Is a directory"),
        ("    client_certificate: none.pem\n", 8, "`client_certificate`: %s/none.pem cannot be used (No such file"),
        (
            "    client_certificate: garbage.pem\n",
            8,
            "`client_certificate`: %s/garbage.pem cannot be used (it holds no",
        ),
        (
            "    client_certificate: a.crt\n    client_key: none.key\n",
            9,
            "`client_key`: %s/none.key cannot be used (No",
        ),
        ("    client_certificate: a.crt\n    client_key: b.key\n", 9, "the key is not that of the certificate"),
        ("    client_certificate: a.crt\n    client_key: locked.key\n", 9, "`client_key_passphrase` does not open"),
    ],
)
def test_a_bad_file_is_a_problem_at_its_line_when_the_configuration_is_read(
    tmp_path: Path, options: str, line: int, words: str
) -> None:
    mine = Authority(tmp_path)
    for name, passphrase in (("a", ""), ("b", ""), ("locked", "passphrase")):
        mine.client(name, passphrase)
    (tmp_path / "garbage.pem").write_text("no certificate", encoding="utf-8")
    load_text(
        PAGER + "    ca_file: ca.pem\n    client_certificate: a.crt\n    client_key: a.key\n", tmp_path / "t.yaml"
    )
    with pytest.raises(ConfigError) as caught:
        load_text(PAGER + options, tmp_path / "t.yaml")
    (problem,) = caught.value.problems
    assert (problem.code, problem.line) == ("CFG018", line)
    assert words.replace("%s", str(tmp_path)) in problem.what


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("    proxy: {url: 'http://u:secret@p:1'}\n", "credentials belong in"),
        ("    proxy: {url: 'socks5://p:1'}\n", "write the proxy's address alone"),
        ("    proxy: {url: 'http://a b:1'}\n", "write the proxy's address alone"),
        ("    proxy: {url: 'http://p:port'}\n", "write the proxy's address alone"),
        ("    proxy: {url: 'p.example:1'}\n", "write the proxy's address alone"),
        ("    proxy: p.example\n", "write `proxy: {url: …}`; there are url, username, password."),
        ("    proxy: {url: 'http://p:1', username: u}\n", "`username` and `password` go together"),
        ("    proxy: {url: 'http://p:1', username: u, password: secret}\n", "write a reference"),
        ("    client_key: a.key\n", "belong to a `client_certificate`"),
        ("    ca_file: a.pem\n    verify_tls: false\n", "give either `ca_file` or `verify_tls`"),
    ],
)
def test_a_proxy_or_a_key_that_says_nothing_clear_is_refused(tmp_path: Path, options: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(PAGER + options, tmp_path / "t.yaml")
    assert words in str(caught.value) and "secret" not in str(caught.value).replace("the secret", "").replace(
        "secret: {", ""
    )


@pytest.mark.parametrize(
    ("host", "listed", "bypassed"),
    [
        ("a.example.com", "example.com", True),
        ("a.example.com", ".example.com", True),
        ("a.example.com", "*.example.com", True),
        ("example.com", ".example.com", True),
        ("badexample.com", "example.com", False),
        ("a.example.com", "*", True),
        ("a.example.com", "example.com:443", True),
        ("a.example.com", "example.com:8443", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::1", "fd00::/8", True),
        ("A.Example.com.", "EXAMPLE.COM", True),
        ("a.example.com", "", False),
        ("a.example.com", " , ,", False),
    ],
)
def test_no_proxy_is_read_as_curl_reads_it(host: str, listed: str, bypassed: bool) -> None:
    assert _bypassed(host, 443, listed) is bypassed
