"""`tieline check`: one connection is one row, always, whatever it raises."""

from __future__ import annotations

import base64
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_commands import run
from tests.core.store_backends import postgres_database, postgres_server

from tieline.adapters.memory.adapter import MemoryAdapter
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request, Response, Simulator
from tieline.core.config import load_workspace
from tieline.core.model import ConnectionName
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync.build import build
from tieline.sync.daemon.heartbeat import Heartbeat
from tieline.sync.daemon.lane import Lane, LaneState

__all__ = ["postgres_database", "postgres_server"]

EURO = "pass€word 🔑"
JIRA = "tool: jira, url: '{url}', project: OPS, email: 'zoë@example.com', api_token: {{env: ODD}}"


class Desk(Simulator):
    """Anything that speaks HTTP; it remembers with which credentials it was spoken to."""

    def __init__(self) -> None:
        super().__init__()
        self.credentials: list[str] = []

    def respond(self, request: Request) -> Response:
        self.credentials.append(request.headers.get("authorization", ""))
        return Response.of({"errorMessages": ["no"]}, 401)


def rows(folder: Path, *connections: str, name: str = "") -> tuple[int, dict[str, Any]]:
    lines = ["tieline: 1", "connections:", "  fine: {tool: memory, path: fine.json}"]
    (folder / "tieline.yaml").write_text("\n".join([*lines, *(f"  {one}" for one in connections)]), encoding="utf-8")
    code, output = run("check", *([name] if name else []), "--json", workspace=folder)
    return code, {row["connection"]: row for row in json.loads(output)}


def test_what_refuses_the_file_hides_no_secret_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("SNOW", "HOOK", "PAGER"):
        monkeypatch.delenv(f"TIELINE_NO_{name}", raising=False)
    monkeypatch.setenv("TIELINE_TEST_HOOK", "a token")
    lines = [
        "tieline: 1",
        "connections:",
        "  snow: {tool: servicenow, username: change-me, password: {env: TIELINE_NO_SNOW}}",
        "  am: {tool: alertmanager, webhook_token: {env: TIELINE_TEST_HOOK}, poll_evry: 3s}",
        "  pager: {tool: pagerduty, webhook_secrets: [{file: /no/such/file}], api_key: {env: TIELINE_NO_PAGER}}",
    ]
    (tmp_path / "tieline.yaml").write_text("\n".join(lines), encoding="utf-8")
    assert run("check", workspace=tmp_path)[0] == 3
    told = capsys.readouterr().err
    for words in (
        ":3:38: CFG025 connections.snow.username",
        ":3:59: CFG026 connections.snow.password: the environment variable TIELINE_NO_SNOW is not set",
        ":4:69: CFG002 connections.am.poll_evry",
        "CFG026 connections.pager.webhook_secrets[0]: the secret file /no/such/file cannot be read",
        "CFG026 connections.pager.api_key: the environment variable TIELINE_NO_PAGER is not set",
        "CFG003 connections.pager.service is missing",
    ):
        assert words in told
    assert "connections.am.webhook_token" not in told


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    "mistake",
    [
        "  odd: {tool: memory, overlay: odd.yaml, poll_evry: 3s}",
        "  odd: {tool: memory, overlay: odd.yaml, poll_every: x}",
    ],
)
def test_what_refuses_the_file_hides_no_mistake_in_a_mapping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, mistake: str
) -> None:
    (tmp_path / "odd.yaml").write_text("fields:\n  titel: {from: title}\npolicy: {title: somebody}\n", encoding="utf-8")
    lines = ["tieline: 1", "connections:", mistake]
    lines += ["  away: {tool: memory, mapping: none.yaml}", "  strange: {tool: memory, mapping: memory-incidnt}"]
    (tmp_path / "tieline.yaml").write_text("\n".join(lines), encoding="utf-8")
    assert run(command, workspace=tmp_path)[0] == 3
    *told, count = capsys.readouterr().err.splitlines()
    assert [one.split(": ")[0].removeprefix(f"{tmp_path}/") for one in told] == [
        "tieline.yaml:3:" + told[0].split(":")[2].split(" ")[0],
        "tieline.yaml:4:33",
        "tieline.yaml:5:3",
        "odd.yaml:2:3",
        "odd.yaml:3:17",
    ]
    assert "there is no file" in told[1] and "no mapping is called `memory-incidnt`" in told[2] and "`titel`" in told[3]
    assert count.startswith("5 problems; ")


def test_of_a_mapping_outside_of_the_workspace_nothing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outside.yaml").write_text("canary: 1\n", encoding="utf-8")
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "tieline.yaml").write_text(
        "tieline: 1\nconnections:\n  odd: {tool: memory, overlay: ../outside.yaml}\n", encoding="utf-8"
    )
    assert run("check", workspace=folder)[0] == 3
    said = capsys.readouterr().err
    assert "lies outside of the workspace" in said and "canary" not in said


@pytest.mark.parametrize(
    ("settings", "user"),
    [
        (JIRA, "zoë@example.com"),
        ("tool: servicenow, url: '{url}', username: 'zoë', password: {{env: ODD}}", "zoë"),
        ("tool: alertmanager, url: '{url}', username: 'zoë', password: {{env: ODD}}", "zoë"),
        ("tool: prometheus, url: '{url}', username: 'zoë', password: {{env: ODD}}", "zoë"),
    ],
    ids=["jira", "servicenow", "alertmanager", "prometheus"],
)
def test_the_credentials_of_all_the_world_are_sent_as_utf_8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, user: str
) -> None:
    monkeypatch.setenv("ODD", EURO)
    desk = Desk()
    with desk.serve() as url:
        code, found = rows(tmp_path, f"odd: {{{settings.format(url=url)}}}")
    assert set(desk.credentials) == {f"Basic {base64.b64encode(f'{user}:{EURO}'.encode()).decode()}"}
    assert (code, found["fine"]["works"], found["odd"]["works"]) == (1, True, False)


@pytest.mark.parametrize(
    "settings",
    [
        "tool: jira-dc, url: '{url}', project: OPS, pat: {{env: ODD}}",
        "tool: pagerduty, api_key: {{env: ODD}}, from_email: a@example.org, service: PIJ90N7, url: '{url}'",
        "tool: alertmanager, url: '{url}', bearer_token: {{env: ODD}}",
        "tool: prometheus, url: '{url}', bearer_token: {{env: ODD}}",
    ],
)
def test_what_no_header_can_carry_is_a_sentence_in_its_own_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str
) -> None:
    monkeypatch.setenv("ODD", EURO)
    with Desk().serve() as url:
        code, found = rows(tmp_path, f"odd: {{{settings.format(url=url)}}}")
    assert (code, found["fine"]["works"], found["odd"]["works"]) == (1, True, False)
    assert "again" in found["odd"]["notes"][0] or "anew" in found["odd"]["notes"][0]
    assert EURO not in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize("what", ["missing", "garbage", "folder", "a NUL"])
@pytest.mark.parametrize(
    "settings",
    [
        "tool: jira, url: 'https://jira.example', project: OPS, email: a@example.org, api_token: {env: ODD}",
        "tool: servicenow, url: 'https://snow.example', username: u, password: {env: ODD}",
        "tool: pagerduty, api_key: {env: ODD}, from_email: a@example.org, service: PIJ90N7",
        "tool: pagerduty, api_key: {env: ODD}, from_email: a@example.org, service: PIJ90N7, routing_key: {env: ODD}",
        "tool: alertmanager, url: 'https://am.example'",
        "tool: prometheus, url: 'https://prom.example'",
    ],
    ids=["jira", "servicenow", "pagerduty", "pagerduty-events", "alertmanager", "prometheus"],
)
def test_a_bad_file_of_authorities_is_a_sentence_in_its_own_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, what: str
) -> None:
    monkeypatch.setenv("ODD", "abc")
    bundle = tmp_path / "ca.pem"
    match what:
        case "garbage":
            bundle.write_text("no certificate", encoding="utf-8")
        case "folder":
            bundle = tmp_path / "nowhere" / "in" / "here"
        case "a NUL":
            bundle = tmp_path / "ca\\0.pem"
    code, found = rows(tmp_path, f'odd: {{{settings}, verify_tls: "{bundle}"}}')
    assert (code, found["fine"]["works"], found["odd"]["works"]) == (1, True, False)
    assert "verify_tls" in found["odd"]["notes"][0]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"secret"], ids=["missing", "not UTF-8", "open to all"])
def test_a_secret_that_cannot_be_had_hides_no_other_row(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    settings = f"tool: servicenow, url: 'https://snow.example', username: u, password: {{file: {file}}}"
    (tmp_path / "later").mkdir()
    if content == b"secret":
        # Refused with its place in the file, before anything is proved: others on this machine may have it.
        file.chmod(0o644)
        (tmp_path / "tieline.yaml").write_text(f"tieline: 1\nconnections:\n  odd: {{{settings}}}\n", encoding="utf-8")
        assert run("check", "--json", workspace=tmp_path)[0] == 3
        return
    code, found = rows(tmp_path, f"odd: {{{settings}}}")
    assert (code, found["fine"]["works"], found["odd"]["works"]) == (3, True, False)
    assert "connections.odd.password" in found["odd"]["notes"][0]
    assert rows(tmp_path, f"odd: {{{settings}}}", name="fine")[0] == 0


def test_a_mapping_that_does_not_load_hides_no_other_row(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("fields: {severity: {from: nowhere, values: 3}}\n", encoding="utf-8")
    code, found = rows(tmp_path, "odd: {tool: memory, path: odd.json, overlay: odd.yaml}")
    assert (code, found["fine"]["works"], found["odd"]["works"]) == (3, True, False)
    assert "odd.yaml:1" in found["odd"]["notes"][0]


@pytest.mark.parametrize("when", ["connect", "check", "describe"])
def test_whatever_an_adapter_raises_is_its_own_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    verb = {"connect": "__init__"}.get(when, when)
    honest = getattr(MemoryAdapter, verb)

    def odd(self: MemoryAdapter, *args: Any) -> Any:
        if "odd" in (args or (repr(self),))[0]:
            raise RuntimeError("the library is broken")
        return honest(self, *args)

    monkeypatch.setattr(MemoryAdapter, verb, odd)
    code, found = rows(tmp_path, "odd: {tool: memory, path: odd.json}")
    assert found["fine"]["works"] is True
    assert found["odd"]["works"] is (when == "describe")
    assert "the library is broken" in " ".join(found["odd"]["notes"])
    assert code == {"connect": 3, "check": 1, "describe": 0}[when]


ABSENT = "odd: {tool: memory, path: odd.json, overlay: odd.yaml}"


def test_what_stops_the_daemon_is_what_check_says_no_to(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("fields: {team: {from: u_support_team}}\n", encoding="utf-8")
    code, found = rows(tmp_path, ABSENT)
    assert (code, found["fine"]["works"], found["odd"]["works"]) == (1, True, False)
    said = found["odd"]["notes"][0]
    assert "odd.yaml:1" in said and "team is mapped to 'u_support_team', which odd does not have" in said
    config, registry = load_workspace(tmp_path / "tieline.yaml")
    with Store.open(f"sqlite:///{tmp_path / 'road.db'}") as store:
        store.migrate()
        engine = build(
            config,
            store,
            registry,
            clock=ManualClock(),
            sleep=lambda _seconds: None,
            wake=lambda _name: None,
            dice=random.Random(1),
        )
        lane = Lane(engine, engine.connections[ConnectionName("odd")])
        lane.step()
        assert lane.state is LaneState.STOPPED
        assert lane.reason == said
    registry.close()


@pytest.mark.parametrize(
    ("alive", "words"), [(True, "resumes by itself at 12:00:00 UTC; at once on SIGHUP"), (False, "`tieline run` does")]
)
def test_after_a_repair_check_says_what_resumes_the_connection(tmp_path: Path, alive: bool, words: str) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as store:
        store.migrate()
        at = datetime(2026, 5, 4, 12, tzinfo=UTC)
        with store.write() as tx:
            row = {"name": "fine", "state": "stopped", "reason": "the password is old", "attempts": 1}
            tx.execute(t.connection.insert(), {**row, "uid": "c1", "next_at": at, "since": at})
        if alive:
            Heartbeat(store, "here:1", alone=True).beat(datetime.now(UTC))
    code, found = rows(tmp_path, "odd: {tool: memory, path: odd.json}")
    assert code == 0
    assert words in found["fine"]["notes"][-1]
    assert words not in " ".join(found["odd"]["notes"])


def test_it_says_where_what_the_journal_says_is_not_sealed(tmp_path: Path, postgres_database: str) -> None:
    for line, is_told in (("", True), ("keys: fleet.keys\n", False)):
        text = (
            f"tieline: 1\nstore: '{postgres_database}'\n{line}connections:\n  fine: {{tool: memory, path: fine.json}}\n"
        )
        (tmp_path / "tieline.yaml").write_text(text, encoding="utf-8")
        code, told = run("check", workspace=tmp_path)
        said = "`keys:` names a file with which it is sealed" in " ".join(told.split())
        assert (code, said) == (0, is_told)
