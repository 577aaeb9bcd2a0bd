"""The library's traps, disarmed; and what each answer means."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tieline.adapters.pagerduty.adapter import PagerDuty, connect
from tieline.adapters.pagerduty.simulated.driver import KEY, PagerDutyDriver, settings_for_tests
from tieline.core.errors import NeedsOperator, Rejected, TryAgain
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Ref, Token
from tieline.core.secrets import Secret

LIMITED = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}


def test_a_rate_limit_is_told_once_and_never_waited_out(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.fail(429, body=LIMITED, headers={"ratelimit-reset": "17"}, times=99)
    before = tool.now()
    with pytest.raises(TryAgain) as caught:
        adapter.read(Ref("Q1"))
    assert caught.value.wait == timedelta(seconds=17)
    assert len(tool.simulator.requests) == 1
    assert tool.now() == before


def test_a_rate_limit_without_headers_has_no_wait(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.fail(429, body=LIMITED)
    with pytest.raises(TryAgain) as caught:
        adapter.read(Ref("Q1"))
    assert caught.value.wait is None


def test_the_tools_own_limit_is_met_as_an_error(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.calls_per_minute = 2
    ref = tool.make("Disk full")
    with pytest.raises(TryAgain, match="code 2020") as caught:
        for _ in range(3):
            adapter.read(ref)
    assert caught.value.wait == timedelta(seconds=60)


def test_a_note_whose_answer_was_lost_is_written_once(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ref = tool.make("Disk full")
    tool.simulator.lose(method="POST")
    with pytest.raises(TryAgain) as caught:
        adapter.add_comment(ref, "once", Audience.STAFF, Token("c-1"))
    assert caught.value.maybe_done
    assert [note.content for note in tool.account.incident(ref).notes] == ["once"]


def test_every_write_names_its_user_and_every_call_the_version(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    adapter.create({"title": "Disk full"}, Token("tl-1"))
    sent = tool.simulator.seen
    assert {request.headers["accept"] for request in sent} == {"application/vnd.pagerduty+json;version=2"}
    assert {request.headers["from"] for request in sent if request.method != "GET"} == {"tieline@example.org"}


def test_a_refused_key_is_never_shown_not_even_its_end(tool: PagerDutyDriver) -> None:
    with pytest.raises(NeedsOperator) as caught:
        tool.connect_refused().read(Ref("Q1"))
    assert "y/77" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_answer_that_quotes_the_key_is_not_repeated(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.fail(400, body={"error": {"message": f"no such key {KEY}", "code": 2001}})
    with pytest.raises(Rejected) as caught:
        adapter.read(Ref("Q1"))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["two words", "umlaut-ü", "line\r\nbreak"])
def test_a_key_that_no_header_can_carry_asks_for_a_person(tool: PagerDutyDriver, key: str) -> None:
    with pytest.raises(NeedsOperator, match="`api_key`") as caught:
        tool.connect(api_key=Secret.literal(key)).read(Ref("Q1"))
    assert key not in str(caught.value)


def test_a_key_that_cannot_be_found_asks_for_a_person(tool: PagerDutyDriver) -> None:
    with pytest.raises(NeedsOperator, match="TIELINE_NO_SUCH_VARIABLE"):
        tool.connect(api_key=Secret("env", "TIELINE_NO_SUCH_VARIABLE")).read(Ref("Q1"))


def test_a_plan_that_lacks_a_feature_asks_for_a_person(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.fail(402, body={"error": {"message": "Account does not have the abilities", "code": 2014}})
    with pytest.raises(NeedsOperator, match="plan"):
        adapter.read(Ref("Q1"))


def test_errors_may_be_listed_by_member(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    body = {"error": {"message": "Invalid Request", "code": 2001, "errors": {"incident.title": ["is too long"]}}}
    tool.simulator.fail(400, body=body)
    with pytest.raises(Rejected, match=r"incident\.title: .*is too long"):
        adapter.read(Ref("Q1"))


def test_an_oauth_token_is_sent_as_bearer(tool: PagerDutyDriver) -> None:
    ref = tool.make("Disk full")
    tool.connect(auth="bearer").read(ref)
    assert tool.simulator.seen[0].headers["authorization"] == f"Bearer {KEY}"


def test_importing_the_plugin_imports_no_library() -> None:
    code = (
        "import sys, tieline.adapters.pagerduty.plugin as p; p.tieline_adapters();"
        "print([m for m in ('pdpyras', 'requests') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_the_librarys_farewell_does_not_break_a_strict_run() -> None:
    code = "from tieline.adapters.pagerduty.wire import _import; _import()"
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, check=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "http://api.pagerduty.com"}, "in the open"),
        ({"url": "https://user:pass@api.pagerduty.com"}, "address alone"),
        ({"events_url": "ftp://events.pagerduty.com"}, "in the open"),
        ({"from_email": "nobody"}, "e-mail address"),
        ({"from_email": "a@b.c\r\nX-Evil: 1"}, "e-mail address"),
        ({"service": "../users"}, "service's id"),
        ({"page_size": 101}, "100"),
        ({"api_key": "in the open"}, "reference"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings_for_tests(**changes)


def test_settings_print_no_secret() -> None:
    assert KEY not in repr(settings_for_tests())
    assert KEY not in str(settings_for_tests().model_dump(mode="json"))


def test_neither_a_proxy_of_the_environment_nor_a_netrc_is_used(
    tool: PagerDutyDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    ref = tool.make("Disk full")
    with tool.simulator.serve() as url:
        adapter = connect(ConnectionName("pd-prod"), settings_for_tests(url=url), tool.workbench(None))
        assert adapter.read(ref).ref == ref
        adapter.close()


def test_a_redirect_is_not_followed(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.fail(302, headers={"location": "https://elsewhere.example/incidents"})
    with pytest.raises(NeedsOperator, match="Redirects are not followed"):
        adapter.read(Ref("Q1"))
    assert len(tool.simulator.requests) == 1


def test_a_list_that_is_not_there_is_not_an_empty_one(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ref = tool.make("Disk full")
    tool.simulator.fail(200, path="/notes", body={})
    with pytest.raises(TryAgain, match="without `notes`"):
        adapter.comments(ref)
