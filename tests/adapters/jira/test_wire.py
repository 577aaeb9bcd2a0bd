"""HTTP: the library's traps are disarmed."""

from __future__ import annotations

import socket
import subprocess
import sys
import traceback
from dataclasses import replace
from datetime import timedelta

import pytest

from tieline.adapters.jira.adapter import JiraAdapter
from tieline.adapters.jira.settings import JiraSettings
from tieline.adapters.jira.simulated.desk import Desk
from tieline.adapters.jira.simulator import API_TOKEN, EMAIL, JiraSimulator
from tieline.adapters.jira.wire import error_words
from tieline.adapters.testing.simulation import Request, Response, Simulator, requests_transport
from tieline.core.clock import SystemClock
from tieline.core.errors import Gone, NeedsOperator, Rejected, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Ref, Token, Workbench
from tieline.core.secrets import Secret


class Gateway(Simulator):
    """Reaches a site by its cloud id, as scoped tokens do."""

    def __init__(self, site: JiraSimulator) -> None:
        super().__init__()
        self._site = site

    def respond(self, request: Request) -> Response:
        return self._site.answer(replace(request, path=request.path.removeprefix("/ex/jira/11-22")))


BODY = {"fields": {"summary": "Disk full"}}


def test_importing_the_plugin_imports_no_library() -> None:
    code = "import sys, tieline.adapters.jira.plugin; sys.exit(bool({'jira', 'requests'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_tried_again_by_the_library(desk: Desk, status: int) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.calls()
    desk.simulator.fail(status, headers={"Retry-After": "1"}, times=100)
    with pytest.raises(TryAgain):
        adapter.read(ref)
    assert len(desk.calls()) == 1


def test_the_scope_of_a_rate_limit_is_told() -> None:
    words = error_words('{"errorMessages": ["Rate limit exceeded."]}', {"RateLimit-Reason": "jira-burst-based"})
    assert words == "jira-burst-based; Rate limit exceeded."


def test_a_date_to_retry_after_is_understood(desk: Desk) -> None:
    """The library would have died of it: int('Mon, 23 Nov …')."""
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.simulator.fail(429, headers={"Retry-After": "Mon, 23 Nov 2026 19:05:37 GMT"})
    with pytest.raises(TryAgain) as told:
        adapter.read(ref)
    assert told.value.wait == timedelta(seconds=60)


def test_each_field_is_named_in_a_refusal(desk: Desk) -> None:
    with pytest.raises(Rejected, match=r"summary: .*priority: |priority: .*summary: "):
        desk.connect().create({"fields": {"summary": "x" * 256, "priority": {"name": "Blocker"}}}, Token("01J"))


def test_a_traceback_shows_no_header_of_the_library(desk: Desk) -> None:
    adapter = desk.connect()
    desk.simulator.fail(403, headers={"X-Secret-Session": "s3cr3t"})
    with pytest.raises(NeedsOperator) as told:
        adapter.read(Ref("1"))
    text = "".join(traceback.format_exception(told.value))
    assert "JIRAError" not in text and "s3cr3t" not in text and "headers" not in text


def test_a_redirect_is_not_followed(desk: Desk) -> None:
    adapter = desk.connect()
    desk.simulator.fail(302, headers={"Location": "https://elsewhere.example/login"})
    with pytest.raises(NeedsOperator, match="Redirects are not followed"):
        adapter.read(Ref("1"))


def test_a_page_of_somebody_else_does_not_prove_a_deletion(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.simulator.fail(404, raw=b"<html>no such host</html>")
    with pytest.raises(TryAgain, match="not Jira's; check `url`"):
        adapter.read(ref)


def test_a_reading_search_by_post_never_may_be_done(desk: Desk) -> None:
    adapter = desk.connect()
    desk.simulator.fail(503, path="bulkfetch")
    with pytest.raises(TryAgain) as told:
        adapter._wire.send("POST", "/issue/bulkfetch", body={"issueIdsOrKeys": ["10001"]}, reads=True)
    assert not told.value.maybe_done


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_lost_answer_to_a_write_may_be_done(desk: Desk, after_effect: bool) -> None:
    adapter = desk.connect()
    desk.simulator.lose(method="POST", path="/issue", after_effect=after_effect)
    with pytest.raises(TryAgain) as told:
        adapter.create(BODY, Token("01J"))
    assert told.value.maybe_done
    assert bool(desk.site.issues) is after_effect


def test_a_token_of_a_data_center_is_sent_as_bearer(data_center: Desk) -> None:
    assert data_center.connect().check().version == "9.12.4"


def test_a_hidden_login_page_is_not_an_answer(desk: Desk) -> None:
    adapter = desk.connect()
    desk.simulator.fail(200, raw=b"<html>log in", method="POST", path="/issue")
    with pytest.raises(TryAgain, match="login or maintenance page") as told:
        adapter.create(BODY, Token("01J"))
    assert told.value.maybe_done


def test_a_dead_address_is_no_connection_and_surely_not_done() -> None:
    """Over a real socket: nobody listens on the discard port."""
    settings = JiraSettings(
        url="http://127.0.0.1:9", project="OPS", email="a@b", api_token=Secret.literal("x"), timeout=5
    )
    adapter = JiraAdapter(ConnectionName("jira-ops"), settings, Workbench(SystemClock(), lambda seconds: None))
    with pytest.raises(TryAgain, match="no connection") as told:
        adapter.check()
    assert not told.value.maybe_done
    adapter.close()


def test_a_site_that_never_answers_does_not_hang_us() -> None:
    """The library's default is to wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = JiraSettings(
            url=f"http://127.0.0.1:{silent.getsockname()[1]}",
            project="OPS",
            email="a@b",
            api_token=Secret.literal("x"),
            timeout=0.3,
        )
        adapter = JiraAdapter(ConnectionName("jira-ops"), settings, Workbench(SystemClock(), lambda seconds: None))
        with pytest.raises(TryAgain, match="the answer was lost"):
            adapter.read(Ref("10001"))
        adapter.close()


def test_over_a_real_socket_a_broken_connection_is_a_lost_answer() -> None:
    desk = Desk()
    with desk.simulator.serve() as url:
        settings = JiraSettings(
            url=url, project="OPS", email="tieline@example.com", api_token=Secret.literal(API_TOKEN), timeout=10
        )
        adapter = JiraAdapter(ConnectionName("jira-ops"), settings, Workbench(desk.clock, desk.clock.sleep))
        assert adapter.check().account == "tieline@example.com"
        desk.simulator.lose(method="POST", path="/issue")
        with pytest.raises(TryAgain, match="the answer was lost") as told:
            adapter.create(BODY, Token("01J"))
        assert told.value.maybe_done
        found = adapter.find(Token("01J"))
        assert found is not None and found.token == "01J"
        adapter.close()


def test_readings_through_the_api_gateway_link_to_the_site(desk: Desk) -> None:
    ref = desk.person_makes("Disk full")
    gateway = Gateway(desk.simulator)
    bench = Workbench(desk.clock, desk.clock.sleep, requests_transport(gateway))
    settings = JiraSettings(
        url="https://api.example.com/ex/jira/11-22", project="OPS", email=EMAIL, api_token=Secret.literal(API_TOKEN)
    )
    adapter = JiraAdapter(ConnectionName("jira-ops"), settings, bench)
    assert adapter.read(Ref(ref)).url == "https://simulated.atlassian.net/browse/OPS-1"


def test_every_error_names_its_connection(desk: Desk) -> None:
    with pytest.raises(Gone) as told:
        desk.connect().read(Ref("99999"))
    assert told.value.connection == "jira-ops"
    assert str(told.value).startswith("jira-ops: ") and str(told.value).count("jira-ops: ") == 1
