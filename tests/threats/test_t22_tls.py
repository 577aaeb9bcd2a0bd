"""T22: no adapter speaks to a server whose certificate does not prove it, and nobody can switch that off unseen."""

from __future__ import annotations

import json
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.threats.canaries import KINDS, TOOLS, connect, reply, serving
from tests.threats.conftest import Tally

from tieline.cli.main import cli
from tieline.core.errors import RemoteError
from tieline.core.store.store import Store

pytest.importorskip("cryptography.x509")
from tests.threats.authority import DAY, NOW, Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def bad_servers(authority: Authority) -> dict[str, ssl.SSLContext]:
    old = authority.server("old")
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    return {
        "self-signed": authority.server("self", self_signed=True),
        "for another host": authority.server("other", host="other.example.com"),
        "for another address": authority.server("address", host="127.0.0.9"),
        "expired": authority.server("expired", end=NOW - DAY),
        "TLS 1.1": old,
    }


CAUSES = {
    "self-signed": "shows a certificate that does not verify: self-signed certificate",
    "for another host": "shows a certificate that does not verify: ",
    "for another address": "shows a certificate that does not verify: ",
    "expired": "shows a certificate that does not verify: certificate has expired",
    "TLS 1.1": "does not speak TLS as it should",
    "an authority nobody named": "shows a certificate that does not verify: unable to get local issuer certificate",
}
"""What an operator is told of each, behind the address."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", TOOLS)
def test_what_is_wrong_with_a_certificate_is_told_with_the_address(name: str, authority: Authority) -> None:
    trusted = str(authority.bundle)
    tried = [(fault, context, {"verify_tls": trusted}) for fault, context in bad_servers(authority).items()]
    tried.append(("an authority nobody named", authority.server("unnamed"), {}))
    for fault, context, settings in tried:
        with serving(tls=context) as tool:
            with pytest.raises(RemoteError) as caught:
                connect(name, tool.url, **settings).check()
            assert f"{tool.url} {CAUSES[fault]}" in str(caught.value), fault


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", TOOLS)
def test_a_server_that_does_not_prove_itself_hears_nothing(name: str, authority: Authority, tally: Tally) -> None:
    escaped: list[str] = []
    servers = bad_servers(authority)
    for fault, context in servers.items():
        with serving(tls=context) as tool:
            with pytest.raises(RemoteError):
                connect(name, tool.url, verify_tls=str(authority.bundle)).check()
            escaped += [f"{fault}: {path}" for _method, path, _headers in tool.seen]
    with serving(tls=authority.server("unknown")) as tool:
        with pytest.raises(RemoteError):
            connect(name, tool.url).check()
        escaped += [f"an authority nobody named: {path}" for _method, path, _headers in tool.seen]
    tally(len(servers) + 1, escaped)


@pytest.mark.parametrize("name", TOOLS)
def test_a_server_that_proves_itself_is_spoken_to(name: str, authority: Authority) -> None:
    with serving(tls=authority.server("good")) as tool:
        with suppress(RemoteError):  # it is no real tool; that it was asked is what counts
            connect(name, tool.url, verify_tls=str(authority.bundle)).check()
        assert tool.seen


@pytest.mark.parametrize("tool", KINDS)
def test_verification_is_on_unless_its_own_option_says_otherwise(tool: str) -> None:
    field = KINDS[tool].settings.model_fields["verify_tls"]
    assert field.default is True


OPTIONS = {
    "servicenow": "username: tieline, password: {env: CANARY}",
    "jira": "email: t@example.com, api_token: {env: CANARY}, project: OPS",
    "jira-jsm": "email: t@example.com, api_token: {env: CANARY}, project: OPS",
    "jira-dc": "pat: {env: CANARY}, project: OPS",
    "pagerduty": "api_key: {env: CANARY}, from_email: t@example.com, service: PSERVICE",
    "alertmanager": "bearer_token: {env: CANARY}",
    "prometheus": "bearer_token: {env: CANARY}",
    "icinga": "username: tieline, password: {env: CANARY}",
    "nagios": "username: tieline, password: {env: CANARY}",
}


@pytest.mark.parametrize("tool", KINDS)
def test_whoever_looks_is_told_that_it_is_switched_off(tool: str, tmp_path: Path, monkeypatch) -> None:
    """Also while the tool does not answer: the risk is in the file, not in the answer."""
    monkeypatch.setenv("CANARY", "canary")
    with serving() as silent:
        silent.answer = lambda handler: reply(handler, 500, {}, b"")
        lines = ["tieline: 1", "plugins: [grouping, severity]", "connections:"]
        for name, more in (("careful", ""), ("careless", ", verify_tls: false")):
            lines.append(f"  {name}: {{tool: {tool}, url: '{silent.url}', {OPTIONS[tool]}{more}}}")
        (tmp_path / "tieline.yaml").write_text("\n".join(lines), encoding="utf-8")
        with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as store:
            store.migrate()
        status = CliRunner().invoke(cli, ["-w", str(tmp_path), "status", "--json"])
        check = CliRunner().invoke(cli, ["-w", str(tmp_path), "check", "--json"])
        shown = CliRunner().invoke(cli, ["-w", str(tmp_path), "status"], env={"COLUMNS": "200"})
    states = json.loads(status.output)["connections"]
    told = {one["connection"]: " ".join(one["notes"]) for one in json.loads(check.output)}
    assert "`verify_tls: false`" in " ".join(states["careless"]["risks"])
    assert states["careful"]["risks"] == []
    assert "`verify_tls: false`" in told["careless"]
    assert "verify_tls" not in told["careful"]
    assert shown.output.count("certificates are not verified") == 1
