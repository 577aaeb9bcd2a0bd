"""`tieline adapter prove`: against simulators on real sockets, which it takes for somebody's own sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_commands import run
from tests.docs.shapes import faults
from tests.sync.world import World

from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.adapters.testing.simulation import Request, Response
from tieline.cli.proving.proof import place_of
from tieline.cli.proving.report import hidden, telling
from tieline.core.config import load_workspace
from tieline.core.model import ConnectionName
from tieline.core.store.store import Store
from tieline.sync.daemon.heartbeat import Heartbeat

LOST = "test_a_create_with_a_lost_answer_is_found_again"
PASSWORDS = {"tieline": "PROVE_SNOW", "fred.luddy": "PROVE_FRED"}


class Forgetful(ServiceNowSimulator):
    """It takes a new record, and of its fields the title alone."""

    def respond(self, request: Request) -> Response:
        if request.method == "POST" and request.path.endswith("/table/incident"):
            kept = {name: value for name, value in request.json().items() if name != "description"}
            return super().respond(Request(request.method, request.path, request.pairs, request.headers, _json(kept)))
        return super().respond(request)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@dataclass
class Bench:
    """A workspace with a connection to a simulator, and what it says beside."""

    folder: Path
    simulator: ServiceNowSimulator
    url: str
    others: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"{self.url.removeprefix('http://')}/incident"

    def connection(self, name: str, user: str = "tieline", environment: str = "environment: sandbox") -> None:
        """Write one more connection."""
        self.others += [f"  {name}:", "    tool: servicenow", "    calls_per_minute: 100000", f"    url: {self.url}"]
        self.others += [f"    username: {user}", f"    password: {{env: {PASSWORDS[user]}}}"]
        self.others += [f"    {environment}"] if environment else []
        lines = ["tieline: 1", "connections:", *self.others]
        (self.folder / "tieline.yaml").write_text("\n".join(lines), encoding="utf-8")

    def prove(self, *words: str) -> tuple[int, str]:
        given = ("adapter", "prove", "snow", "--address", self.place, "--patience", "0", *words)
        code, output = run(*given, workspace=self.folder)
        return int(code), str(output)

    def refused(self, capsys: pytest.CaptureFixture[str], *words: str) -> str:
        """The sentence with which nothing was made."""
        assert self.prove(*words)[0] == 1
        assert self.made() == []
        return capsys.readouterr().err

    def made(self) -> list[dict[str, Any]]:
        """The records that a proof made."""
        rows = self.simulator.tables.rows["incident"].values()
        return [dict(row) for row in rows if row["short_description"].startswith("[Tieline proof ")]


def bench(folder: Path, simulator: ServiceNowSimulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for user, variable in PASSWORDS.items():
        monkeypatch.setenv(variable, simulator.tables.accounts[user].password)
    with simulator.serve() as url:
        yield Bench(folder, simulator, url)


@pytest.fixture
def snow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    yield from bench(tmp_path, ServiceNowSimulator(), monkeypatch)


@pytest.fixture
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    yield from bench(tmp_path, Forgetful(), monkeypatch)


def test_what_holds_is_told_and_what_was_made_is_closed(snow: Bench) -> None:
    snow.connection("snow")
    snow.connection("fred", "fred.luddy")
    code, output = snow.prove("--colleague", "fred", "--report", str(snow.folder / "report.json"), "--json")
    document = json.loads(output)
    assert faults("tieline adapter prove", output) == []
    assert (code, document["otherwise"], document["crashed"]) == (0, {}, {})
    assert {LOST, "test_what_was_created_reads_back", "test_our_comment_is_ours"} <= set(document["kept"])
    made = snow.made()
    assert len(made) == document["records"]["closed"] > 30
    assert {(row["state"], row["close_notes"]) for row in made} == {("6", "Made by a proof of Tieline's adapter.")}
    assert json.loads((snow.folder / "report.json").read_text(encoding="utf-8")) == document
    assert not [word for word in ("127.0.0.1", "fred", "luddy") if word in output]


def test_what_this_instance_does_otherwise_is_told(forgetful: Bench) -> None:
    forgetful.connection("snow")
    code, output = forgetful.prove()
    assert code == 1
    assert "every field of a new record arrives" in output
    assert "the record holds the description that was created" in output
    assert "records were closed again" in output


def test_what_is_not_called_a_sandbox_is_left_alone(snow: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    snow.connection("snow", environment="")
    assert "snow is not called a sandbox" in snow.refused(capsys)
    assert snow.simulator.requests == []


def test_a_tool_that_makes_its_records_itself_has_none_for_a_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDR_SECRET", "nobody-asks-5f20")
    guid = "5c1f0000-0000-4000-8000-0000000c11e7"
    lines = ["tieline: 1", "connections:", "  xdr:", "    tool: defender", "    environment: sandbox"]
    lines += ["    tenant: acme.example", f"    client_id: {guid}", "    client_secret: {env: XDR_SECRET}"]
    (tmp_path / "tieline.yaml").write_text("\n".join(lines), encoding="utf-8")
    assert run("adapter", "prove", "xdr", workspace=tmp_path)[0] == 1
    assert "defender makes its records itself" in capsys.readouterr().err


def test_an_instance_that_another_connection_uses_is_left_alone(
    snow: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    snow.connection("snow")
    snow.connection("real", environment="")
    assert f"real asks {snow.place}, too" in snow.refused(capsys)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://snow.example", "https://SNOW.example.:443/", True),
        ("https://snow.example", "https://snow.example:8443", False),
        ("https://snow.example", "https://snow2.example", False),
    ],
)
def test_a_place_is_the_same_however_it_is_written(snow: Bench, one: str, other: str, same: bool) -> None:
    snow.connection("snow")
    config, registry = load_workspace(snow.folder / "tieline.yaml")
    registry.close()
    named = config.connections[ConnectionName("snow")]
    places = [replace(named, settings=named.settings.model_copy(update={"url": url})) for url in (one, other)]
    assert (place_of(places[0]) == place_of(places[1])) is same


def test_a_report_that_cannot_be_written_is_told_before_anything_is_made(
    snow: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    snow.connection("snow")
    assert "nowhere" in snow.refused(capsys, "--report", str(snow.folder / "nowhere" / "report.json"))


def test_another_address_than_was_confirmed_is_left_alone(snow: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    snow.connection("snow")
    assert "nothing was made" in snow.refused(capsys, "--address", "prod.example")


def test_a_colleague_is_somebody_else(snow: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    snow.connection("snow")
    snow.connection("twin")
    assert "name another account" in snow.refused(capsys, "--colleague", "twin")


def test_what_is_in_use_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path, options={"left": "environment: sandbox"})
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    world.engine.store.close()
    world.engine.registry.close()
    assert run("adapter", "prove", "left", workspace=tmp_path)[0] == 1
    assert "left is in use" in capsys.readouterr().err


def test_while_a_daemon_runs_nothing_is_made(snow: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    snow.connection("snow")
    config, registry = load_workspace(snow.folder / "tieline.yaml")
    registry.close()
    with Store.open(config.store) as store:
        store.migrate()
        Heartbeat(store, "db1", alone=True, process={"pid": 1}).beat(datetime.now(UTC))
        assert "a daemon runs on this workspace" in snow.refused(capsys)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("GET https://acme.service-now.com/api answered 403: Jane Doe may not", "GET <address> answered 403"),
        ("ACME.SERVICE-NOW.COM: no connection", "<host>: no connection"),
        ("egress.acme.bank:3128 and rt.acme.info", "<host> and <host>"),
        ("no connection to [2001:db8::12]", "no connection to <address>"),
        ("there is no file /home/jdoe/ca.pem", "there is no file <path>"),
        ("raise Gone, not Rejected: owner 'Jane Doe'", "raise Gone, not Rejected: owner <value>"),
        ("Zoë.Smith@acme.example may not", "<e-mail> may not"),
        ("OPS-1234 and INC0010042 are gone", "<key> and <key> are gone"),
        ("9d385017c611228701d22104cc95c371 is not there", "<id> is not there"),
        ("project OPS has no field customfield_10042", "project <project> has no field <id>"),
        ("the record holds 'df says 100 %'", "the record holds <value>"),
    ],
)
def test_words_name_nobody(words: str, shown: str) -> None:
    assert hidden(words, {"OPS": "<project>"}) == shown


def test_what_settings_say_tells_whose_tool_it_is(snow: Bench) -> None:
    snow.connection("snow")
    config, registry = load_workspace(snow.folder / "tieline.yaml")
    registry.close()
    settings = next(iter(config.connections.values())).settings
    closed = settings.model_copy(update={"ca_file": Path("/srv/acme/ca.pem")})
    known = telling([settings, closed], {"Ann Avery": "<account>"})
    assert hidden(f"tieline at {snow.url}, beside Ann Avery", known) == "<username> at <url>, beside <account>"
    assert hidden("the authority of acme", known) == "the authority of <ca_file>"
