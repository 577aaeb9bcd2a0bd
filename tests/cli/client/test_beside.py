"""`tieline web` of the workspace does what commands ask for, and knows whose they are; where it is not, they do it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select
from tests.cli.client.serving import run, told, whole
from tests.sync.world import World

from tieline.cli.accounts import account, of_peer, owner_of, owns_store
from tieline.cli.client import thin
from tieline.cli.open import configuration_to_act
from tieline.core import socket_place
from tieline.core.config import load_workspace
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync.api.local import UNMAPPED, Listener, Local, Peer
from tieline.sync.api.serving import Account, Web

EDIT = ("edit", "INC-1", "title=Disk full on db1")


@pytest.fixture
def here(home: Path) -> Path:
    """A workspace with one incident, as the folder that commands are run in."""
    world = World(home / "elsewhere", top="web: {listen: '127.0.0.1:0'}\nplugins: [escalation]")
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle(2)
    world.engine.store.close()
    world.engine.registry.close()
    return home / "elsewhere"


@contextmanager
def web(whose: Account = of_peer) -> Iterator[Web]:
    """It is served for a while."""
    made = Web(lambda: configuration_to_act("."), owns_store, owner_of, account=whose)
    made.start()
    yield made
    made.stop()


def edits(here: Path) -> int:
    """How often somebody edited."""
    with Store.open(f"sqlite:///{here}/world.db") as store, store.read() as connection:
        query = select(func.count()).select_from(t.journal).where(t.journal.c.kind == "acted")
        return int(connection.execute(query).scalar_one())


def test_it_does_what_commands_ask_for_in_the_name_of_the_account(here: Path) -> None:
    with web():
        assert run("whoami") == (0, f"{account().identity}; tieline web of {here} does it\n")
        assert "INC-1 changed; its copies follow" in run(*EDIT)[1]
        assert "Disk full on db1" in run("incidents")[1]
        assert run("-v", "-w", str(here), "incidents")[1].startswith(f"tieline web of {here} does it\n")
    assert not (here / socket_place.NAME).exists()
    assert "this process opens the store itself" in run("whoami")[1]
    assert "Disk full on db1" in run("incidents")[1]
    assert run("-v", "incidents")[1].startswith("no server answers here: this process does it\n")


def test_what_no_token_reaches_is_done_for_an_account(here: Path) -> None:
    with web() as served:
        code, words = run("token", "issue", "a test", "--role", "admin")
        assert (code, "It is told this once" in words) == (0, True)
        token = words.split()[-1]
        (here / "token").write_text(token)
        (here / "token").chmod(0o600)
        with httpx.Client(base_url=served.address, trust_env=False) as client:
            headers = {"authorization": f"Bearer {token}"}
            assert client.post("/api/v1/token/issue", json={"name": "x"}, headers=headers).status_code == 404
            assert client.get("/api/v1/whoami").status_code == 401
            other = run("token", "issue", "another", "--json")[1]
            refused = client.post("/api/v1/token/revoke", json={"token": json.loads(other)["id"]}, headers=headers)
            assert "as yourself, with the same command on the machine of the server" in refused.json()["detail"]
            revoked = client.post("/api/v1/token/revoke", json={"token": token}, headers=headers)
            assert revoked.json() == {"id": token.split("_")[1], "name": "a test", "already": False}
            assert client.get("/api/v1/whoami", headers=headers).status_code == 401
        transport = httpx.HTTPTransport(uds=str(here / socket_place.NAME))
        with httpx.Client(base_url="http://tieline", transport=transport) as client:
            assert client.get("/api/v1/whoami").json() == {"identity": account().identity, "token": None}
            wrong = client.get("/api/v1/whoami", headers={"authorization": "Bearer tl_wrong"})
            assert wrong.json()["type"].endswith("not-proved")


def test_what_no_daemon_carries_on_is_said_to_wait_for_none(here: Path) -> None:
    whose = account().identity
    with web():
        told = [
            run(*words)
            for words in (
                ("account", "add", "account:eva"),
                ("account", "password", "--person", "account:eva"),
                ("account", "remove", "account:eva"),
                ("access", "grant", whose, "security"),
                ("people", "add", "INC-1", whose),
                ("restrict", "INC-1", "--reason", "an insider"),
                ("token", "issue", "grafana"),
            )
        ]
        assert [(code, words) for code, words in told if code or "waits in the store" in words] == []
        code, words = run(*EDIT)
    assert (code, "waits in the store" in words) == (0, True), "that one is carried on"


def test_an_account_that_holds_no_role_is_refused_and_one_that_is_none_is_told(here: Path) -> None:
    someone = account()
    with web(lambda _config, _peer: Local(type(someone)("bob", "os:bob@db1"), owns_store=False, could_open=False)):
        code, words = run(*EDIT)
        assert (code, "bob may not change the fields" in words) == (1, True), words
        assert run("incidents")[0] == 1
    config, registry = load_workspace(here / "tieline.yaml")
    registry.close()
    with pytest.raises(LookupError):
        of_peer(config, Peer(UNMAPPED, None))
    with web(lambda _config, _peer: of_peer(config, Peer(UNMAPPED, 0))):
        assert run("whoami") == (1, "whoever calls has no account on this machine\n")


def test_a_login_is_believed_of_whoever_could_open_the_store_and_of_nobody_else(here: Path) -> None:
    config, registry = load_workspace(here / "tieline.yaml")
    registry.close()
    (here / "world.db").chmod(0o600)
    owner = (here / "world.db").stat().st_uid
    daemon, stranger = 1, 2
    assert of_peer(config, Peer(owner, daemon)).someone.name == "daemon"
    assert of_peer(config, Peer(owner, daemon)).owns_store
    found = of_peer(config, Peer(stranger, daemon))
    assert (found.someone.name, found.owns_store, found.could_open) == ("bin", False, False)
    assert of_peer(config, Peer(stranger, owner)).someone.name == "bin"
    assert of_peer(config, Peer(0, daemon)).could_open


def test_a_socket_that_nobody_listens_on_any_more_is_no_server(here: Path) -> None:
    left = Listener(here / socket_place.NAME)
    left.socket.close()
    assert "Disk full" in run("incidents")[1]
    with web():
        assert "tieline web of" in run("whoami")[1]


def test_one_that_stops_late_leaves_the_socket_of_the_next_one(here: Path) -> None:
    first, second = Listener(here / socket_place.NAME), Listener(here / socket_place.NAME)
    first.close()
    assert (here / socket_place.NAME).exists()
    second.close()
    assert not (here / socket_place.NAME).exists()


def test_a_workspace_far_down_has_one_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = here.joinpath(*["a-folder-with-a-long-name"] * 6)
    deep.parent.mkdir(parents=True)
    shutil.copytree(here, deep, ignore=shutil.ignore_patterns("a-folder*"))
    monkeypatch.chdir(deep)
    with web():
        assert f"tieline web of {deep} does it" in run("whoami")[1]


def test_systemd_makes_the_folder_where_it_may_not_be_written(
    here: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(home / "run"))
    monkeypatch.setattr(socket_place, "RUN", home / "run")
    (home / "run").mkdir()
    with web():
        assert f"tieline web of {here} does it" in run("whoami")[1]
        assert not (here / socket_place.NAME).exists()
    (home / "run").rmdir()
    with web() as served:
        assert served._local is None
        assert "this process opens the store itself" in run("whoami")[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another account")
def test_a_socket_that_somebody_else_put_there_is_not_believed(here: Path) -> None:
    with web():
        os.lchown(here / socket_place.NAME, 4_242, 4_242)
        assert "this process opens the store itself" in run("whoami")[1]


@contextmanager
def ending(here: Path, said: bytes | None) -> Iterator[list[bytes]]:
    """A server that describes itself, and ends when something is asked of it: with an answer, or without."""
    listener, asked = Listener(here / socket_place.NAME), []

    def serve() -> None:
        with suppress(OSError):
            while True:
                opened, _from = listener.socket.accept()
                with opened:
                    asked.append(whole(opened))
                    if b"openapi" not in asked[-1]:
                        listener.close()
                        opened.sendall(said or b"")
                        return

    threading.Thread(target=serve, daemon=True).start()
    yield asked
    listener.close()


def test_an_act_that_was_asked_of_one_that_is_killed_is_done_here_and_once(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thin, "REST", 0.01)
    with web():
        run("--help")  # what it offers is known from then on
    with ending(here, None) as asked:
        assert "INC-1 changed; its copies follow" in run(*EDIT, "--key", "deploy-1")[1]
    assert b"idempotency-key: deploy-1" in asked[-1].lower()
    assert edits(here) == 1
    with web():
        assert "INC-1 changed; its copies follow" in run(*EDIT, "--key", "deploy-1")[1]
    with ending(here, None):
        assert "INC-1 changed; its copies follow" in run(*EDIT, "--key", "deploy-1")[1]
    assert edits(here) == 1


def test_an_answer_that_came_is_believed(here: Path) -> None:
    with web():
        run("--help")
    with ending(here, told("It is done there.")):
        assert run(*EDIT) == (0, "It is done there.\n")
    assert edits(here) == 0


def test_the_door_says_nothing_of_whoever_comes_over_a_network(here: Path) -> None:
    with web() as served, socket.create_connection(("127.0.0.1", int(served.address.rpartition(":")[2]))) as opened:
        opened.sendall(b"GET /api/v1/whoami HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: unix\r\nConnection: close\r\n\r\n")
        assert b" 401 " in opened.recv(65_536).splitlines()[0]
