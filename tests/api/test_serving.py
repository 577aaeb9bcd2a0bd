"""`tieline web` as a process beside the daemon, on a real socket."""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.calling import EDIT
from tests.daemon.conftest import eventually
from tests.docs.shell import Shell
from tests.sync.world import World

from tieline.core.config import load_text, load_workspace
from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.sync.api.serving import Web
from tieline.sync.daemon import heartbeat

Served = Callable[..., Web]


def opened(folder: Path, web: str = "{listen: '127.0.0.1:0'}") -> World:
    """A world with one incident, whose configuration says where it is served."""
    world = World(folder, top=f"web: {web}")
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle(2)
    return world


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Serves a workspace in process, beside a world that goes on working on it."""
    made: list[Any] = []

    def serve(web: str = "{listen: '127.0.0.1:0'}") -> Web:
        world = opened(tmp_path, web)
        made.append(world.engine.store)
        one = Web(lambda: load_workspace(tmp_path / "tieline.yaml"), lambda _config, _someone: True, lambda _config: "")
        made.insert(0, one)
        one.start()
        return one

    yield serve
    for one in made:
        one.stop() if isinstance(one, Web) else one.close()


def token(folder: Path) -> str:
    with Shell(folder) as shell:
        (told,) = re.findall(r"tl_\w+", shell.run("tieline token issue test --role responder"))
    return str(told)


def call(web: Web, path: str, body: Mapping[str, Any], told: str, **options: Any) -> httpx.Response:
    with httpx.Client(base_url=web.address, trust_env=False, timeout=20, **options) as client:
        return client.post(f"/api/v1/{path}", json=body, headers={"authorization": f"Bearer {told}"})


def test_a_call_over_a_socket_is_done_and_the_copies_follow(served: Served, tmp_path: Path) -> None:
    web = served()
    answer = call(web, "edit", EDIT, token(tmp_path))
    assert (answer.status_code, answer.json()["changed"]) == (200, {"title": "Disk full on db1"})
    assert httpx.get(f"{web.address}/healthz", trust_env=False).text == "alive\n"
    assert "server" not in answer.headers


def test_two_lengths_of_one_request_are_refused(served: Served) -> None:
    headers = {"content-length": "2", "transfer-encoding": "chunked"}
    with httpx.Client(trust_env=False) as client:
        request = client.build_request("POST", f"{served().address}/api/v1/edit", headers=headers, content=b"{}")
        assert client.send(request).status_code == 400


def test_it_speaks_tls_with_a_certificate(served: Served, tmp_path: Path) -> None:
    pytest.importorskip("cryptography.x509")
    from tests.threats.authority import Authority

    authority = Authority(tmp_path)
    authority.server("web")
    web = served("{listen: '127.0.0.1:0', certificate: web.pem}")
    trust = ssl.create_default_context(cafile=str(authority.bundle))
    answer = call(web, "edit", EDIT, token(tmp_path), verify=trust)
    assert web.address.startswith("https://")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"])
def test_a_certificate_that_is_none_is_told_where_it_stands(
    served: Served, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "web.pem").write_bytes(content)
    with pytest.raises(ConfigError, match=r"tieline.yaml:3:\d+: RUN005 TLS cannot be spoken with it: .+ Fix: name a"):
        served("{listen: '127.0.0.1:0', certificate: web.pem}")


def test_an_address_that_is_taken_is_told(served: Served, tmp_path: Path) -> None:
    taken = served().address.removeprefix("http://")
    other = tmp_path / "tieline.yaml"
    other.write_text(other.read_text("utf-8").replace("127.0.0.1:0", taken), encoding="utf-8")
    web = Web(lambda: load_workspace(other), lambda _config, _someone: True, lambda _config: "")
    with pytest.raises(ConfigError, match=rf"tieline.yaml:3:\d+: RUN001 web.listen: {taken} is taken"):
        web.start()
    web.stop()


@pytest.mark.parametrize(
    ("web", "is_taken"),
    [
        ("{listen: '0.0.0.0:8081'}", False),
        ("{listen: '10.0.0.1:8081'}", False),
        ("{listen: '[::]:8081'}", False),
        ("{listen: 'tieline.example.com:8081'}", False),
        ("{listen: '0.0.0.0:8081', behind_proxy: true}", True),
        ("{listen: '0.0.0.0:8081', certificate: web.pem}", True),
        ("{listen: '127.0.0.1:8081'}", True),
        ("{listen: '127.8.0.1:8081'}", True),
        ("{listen: 'localhost:8081'}", True),
        ("{listen: '[::1]:8081'}", True),
        ("{listen: '127.0.0.1:8081', private_key: web.key}", False),
        ("{listen: 'somewhere'}", False),
    ],
)
def test_no_token_goes_over_a_network_in_the_open(tmp_path: Path, web: str, is_taken: bool) -> None:
    text = f"tieline: 1\nweb: {web}\nconnections: {{}}\n"
    if is_taken:
        load_text(text, tmp_path / "tieline.yaml")[1].close()
        return
    with pytest.raises(ConfigError, match=r"tieline.yaml:2:\d+: CFG005 web") as refused:
        load_text(text, tmp_path / "tieline.yaml")
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_until_it_is_told_to_stop(tmp_path: Path, number: int) -> None:
    opened(tmp_path).engine.store.close()
    told = token(tmp_path)
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "tieline.cli.main", "-w", str(tmp_path), "web", "--log", "json"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            address = _address(tmp_path / "log")
            with httpx.Client(trust_env=False, headers={"authorization": f"Bearer {told}"}) as client:
                assert client.post(f"{address}/api/v1/edit", json=EDIT).status_code == 200
                process.send_signal(number)
                assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
    assert told[16:] not in (tmp_path / "log").read_text("utf-8")


def _address(log: Path) -> str:
    for _ in range(1_000):
        found = re.search(r'"address": "(http://[^"]+)"', log.read_text("utf-8"))
        if found is not None:
            return found[1]
        time.sleep(0.02)
    raise AssertionError(log.read_text("utf-8"))


def metrics(web: Web, told: str) -> str:
    with httpx.Client(base_url=web.address, trust_env=False, timeout=20) as client:
        return client.get("/metrics", headers={"authorization": f"Bearer {told}"}).text


def test_what_is_asked_for_is_measured_and_told_to_whoever_shows_a_token(served: Served, tmp_path: Path) -> None:
    web, told = served(), token(tmp_path)
    call(web, "edit", EDIT, told)
    assert call(web, "nothing/of/the/kind", {}, told).status_code == 404
    assert httpx.get(f"{web.address}/metrics", trust_env=False).status_code == 401
    assert call(web, "edit", EDIT, f"tl_{'0' * 12}_{'0' * 64}").status_code == 401
    assert httpx.get(f"{web.address}/readyz", trust_env=False).json() == {"ready": True}
    with httpx.Client(base_url=web.address, trust_env=False) as client:
        client.get("/api/v1/", headers={"authorization": f"Bearer {told}"})
    shown = metrics(web, told)
    for line in (
        'tieline_web_requests_total{route="/api/v1/",status="200"} 1.0',
        'tieline_web_requests_total{route="/api/v1/edit",status="200"} 1.0',
        'tieline_web_requests_total{route="/api/v1/edit",status="401"} 1.0',
        'tieline_web_requests_total{route="/nothing",status="404"} 1.0',
        'tieline_web_request_seconds_count{route="/api/v1/edit"} 2.0',
        'tieline_web_sign_ins_refused_total{way="token"} 1.0',
        'tieline_web_sign_ins_refused_total{way="password"} 0.0',
        "tieline_web_sessions 0.0",
        'tieline_web_streams{of="pages"} 0.0',
        "tieline_store_up 1.0",
        "tieline_reload_refused 0.0",
    ):
        assert line in shown.splitlines()
    names = set(re.findall(r"^# HELP (\w+) ", shown, re.MULTILINE))
    documented = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text("utf-8")
    assert {name for name in names if not name.endswith("_created") and f"| `{name}` |" not in documented} == set()


def test_a_store_that_does_not_answer_is_told_without_a_word_of_where_it_is(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = served()

    def lost() -> None:
        raise StoreUnavailable("postgresql://secret is away", timedelta(0))

    monkeypatch.setattr(web.pulse, "_ping", lost)
    answer = httpx.get(f"{web.address}/readyz", trust_env=False)
    assert (answer.status_code, answer.json()) == (503, {"ready": False})


def test_a_reload_serves_what_the_file_says_now_and_a_refused_one_what_it_said(served: Served, tmp_path: Path) -> None:
    web, told, file = served(), token(tmp_path), tmp_path / "tieline.yaml"
    before = file.read_text("utf-8")
    file.write_text(before.replace("'127.0.0.1:0'", "'127.0.0.1:0', body_limit: 1KiB"), "utf-8")
    large = {**EDIT, "title": "x" * 2_000}
    assert call(web, "edit", large, told).status_code != 413
    assert web.reload()
    assert call(web, "edit", large, told).status_code == 413
    for broken in ("tieline: [", before.replace("127.0.0.1:0", "127.0.0.1:1")):
        file.write_text(broken, "utf-8")
        assert not web.reload()
        assert call(web, "edit", large, told).status_code == 413
        assert "tieline_reload_refused 1.0" in metrics(web, told).splitlines()
    file.write_text(before, "utf-8")
    assert web.reload()
    assert "tieline_reload_refused 0.0" in metrics(web, told).splitlines()


def test_whoever_reads_a_stream_comes_back_after_a_reload(served: Served, tmp_path: Path) -> None:
    web, told = served(), token(tmp_path)
    with (
        httpx.Client(base_url=web.address, trust_env=False, timeout=20) as client,
        client.stream("GET", "/api/v1/events", headers={"authorization": f"Bearer {told}"}) as stream,
    ):
        lines = stream.iter_lines()
        next(lines)
        assert 'tieline_web_streams{of="programs"} 1.0' in metrics(web, told).splitlines()
        assert web.reload()
        assert [line for line in lines if line.startswith("event:")] == []


def test_it_gives_signs_of_its_life_with_where_it_serves(served: Served) -> None:
    web = served()

    def signed() -> Any:
        with web.engine.store.read() as connection:
            return heartbeat.signs(connection)[heartbeat.Role.WEB]

    eventually(signed)
    [sign] = signed()
    assert (sign.is_running(datetime.now(UTC)), sign.told["address"]) == (True, web.address)


def test_a_renewed_certificate_is_shown_after_a_reload(served: Served, tmp_path: Path) -> None:
    pytest.importorskip("cryptography.x509")
    from tests.threats.authority import Authority

    authority = Authority(tmp_path)
    authority.server("web")
    web = served("{listen: '127.0.0.1:0', certificate: web.pem}")
    host, _, port = web.address.removeprefix("https://").rpartition(":")

    def shown() -> str:
        return ssl.get_server_certificate((host, int(port)))

    first = shown()
    (tmp_path / "web.pem").write_bytes(b"no certificate")
    assert not web.reload()
    assert shown() == first
    authority.server("web")
    assert web.reload()
    assert shown() != first
