"""What answers mean, and what the SDK would do if it were let."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from requests.adapters import HTTPAdapter
from tests.adapters.strangers import stranger

from tieline.adapters.servicenow.adapter import ServiceNow, connect
from tieline.adapters.servicenow.settings import OAuthSettings, ServiceNowSettings
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.servicenow.simulated.seed import Account
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.core.clock import SystemClock
from tieline.core.errors import Gone, NeedsOperator, Rejected, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Ref, Token, Workbench
from tieline.core.secrets import Secret

TOKEN = Token("01JD8Z6W0G")
OAUTH = OAuthSettings(client_id="the client id", client_secret=Secret.literal("the client's own secret"))


def over_the_wire(driver: ServiceNowDriver, url: str, **changed: object) -> ServiceNow:
    """An adapter on a real socket."""
    settings: ServiceNowSettings = driver.settings(url=url, **changed)
    return connect(ConnectionName("snow"), settings, Workbench(SystemClock(), lambda _: None))


def test_a_hibernating_instance_asks_for_a_person(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    simulator.hibernating = True
    with pytest.raises(NeedsOperator, match="hibernates"):
        adapter.read(Ref("0" * 32))


def test_rows_with_an_error_beside_them_are_not_all_rows(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    row = dict(simulator.tables.rows["incident"][ref])
    error = {"message": "Transaction cancelled: maximum execution time exceeded", "detail": "Check logs"}
    simulator.fail(200, body={"result": [row], "error": error, "status": "failure"})
    with pytest.raises(TryAgain, match="maximum execution time exceeded"):
        list(adapter.changes(None))


def test_a_write_with_an_error_beside_its_result_may_have_been_done(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    seen = adapter.read(ref)
    simulator.fail(200, body={"result": {}, "error": {"message": "Transaction cancelled"}}, method="PATCH")
    with pytest.raises(TryAgain) as caught:
        adapter.update(ref, {"short_description": "x"}, seen.version)
    assert caught.value.maybe_done


def test_a_rate_limit_tells_how_long_to_wait(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    simulator.access.rate_limit = 2
    adapter.read(ref)
    with pytest.raises(TryAgain) as caught:
        for _ in range(3):
            adapter.read(ref)
    assert caught.value.wait == timedelta(seconds=3600 - driver.tool_now().timestamp() % 3600)
    assert not caught.value.maybe_done


def test_the_reset_of_a_rate_limit_stands_in_for_a_missing_wait(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    driver.skew(86_400)
    reset = int(driver.tool_now().timestamp()) + 42
    simulator.fail(429, headers={"X-RateLimit-Reset": str(reset)})
    with pytest.raises(TryAgain) as caught:
        adapter.read(Ref("0" * 32))
    assert caught.value.wait == timedelta(seconds=42)


def test_a_table_that_is_not_there_is_no_missing_record(driver: ServiceNowDriver) -> None:
    adapter = driver.connect(table="incidents")
    with pytest.raises(Rejected, match="Invalid table incidents"):
        list(adapter.changes(None))
    driver.simulator.fail(404, body={"error": {"message": "Requested URI does not represent any resource"}}, times=9)
    with pytest.raises(NeedsOperator, match="Check `url` and `table`"):
        list(adapter.changes(None))
    with pytest.raises(NeedsOperator, match="Check `url` and `table`"):
        adapter.read(Ref("0" * 32))


def test_a_search_that_is_not_found_proves_no_record_gone(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    simulator.fail(404)
    with pytest.raises(NeedsOperator, match="Check `url` and `table`"):
        list(adapter.changes(None))


@pytest.mark.parametrize("ref", ["", "../sys_user", "a/b", "x^NQ", "é" * 32, "a" * 65])
def test_what_cannot_be_a_sys_id_is_gone_without_a_request(
    adapter: ServiceNow, simulator: ServiceNowSimulator, ref: str
) -> None:
    with pytest.raises(Gone):
        adapter.read(Ref(ref))
    with pytest.raises(Gone):
        adapter.comments(Ref(ref))
    assert simulator.requests == []


def test_redirects_are_not_followed(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    simulator.fail(302, headers={"location": "https://elsewhere.example/"})
    with pytest.raises(NeedsOperator, match="Redirects are not followed"):
        adapter.read(Ref("0" * 32))
    assert len(simulator.requests) == 1


def test_half_an_emoji_becomes_text_that_can_be_stored(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    row = {**simulator.tables.rows["incident"][ref], "short_description": "cut here \ud83d"}
    raw = b'{"result": ' + str(row).replace("'", '"').encode("utf-8", "backslashreplace") + b"}"
    simulator.fail(200, raw=raw.replace(b"\\ud83d", b"\\uD83D"))
    title = adapter.read(ref).body["short_description"]
    assert title.encode() == "cut here \ufffd".encode()


def test_references_with_links_are_read_as_ids(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    row = dict(simulator.tables.rows["incident"][ref], location={"link": "https://x.example", "value": "berlin"})
    simulator.fail(200, body={"result": row}, path="/incident")
    assert adapter.read(ref).body["location"] == "berlin"


def test_many_threads_do_not_mix_their_queries(driver: ServiceNowDriver) -> None:
    """One Resource between threads mixes parameters: every call has its own."""
    with driver.simulator.serve() as url:
        adapter = over_the_wire(driver, url)
        made = {
            number: adapter.create({"short_description": f"disk {number}"}, Token(f"token-{number}")).ref
            for number in range(8)
        }

        def look(number: int) -> bool:
            found = adapter.find(Token(f"token-{number}"))
            return found is not None and found.ref == made[number]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(look, [number % 8 for number in range(160)]))
        adapter.close()


def test_a_created_record_comes_whole_after_a_narrow_search(
    adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    adapter.person_id("beth.anglin@example.com")
    assert len(adapter.create({"short_description": "disk full"}, TOKEN).body) > 50


def test_nobody_listening_means_that_nothing_was_done(driver: ServiceNowDriver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    adapter = over_the_wire(driver, f"http://127.0.0.1:{port}")
    with pytest.raises(TryAgain, match="no connection") as caught:
        adapter.create({"short_description": "disk full"}, TOKEN)
    assert not caught.value.maybe_done


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
)
def test_a_broken_answer_to_a_write_may_have_been_a_success(
    driver: ServiceNowDriver, answer: bytes, resets: bool
) -> None:
    with stranger(answer, resets=resets) as url:
        adapter = over_the_wire(driver, url)
        with pytest.raises(TryAgain) as caught:
            adapter.create({"short_description": "disk full"}, TOKEN)
        assert caught.value.maybe_done
        with pytest.raises(TryAgain) as caught:
            adapter.read(Ref("0" * 32))
        assert not caught.value.maybe_done


@pytest.mark.timeout(30)  # pysnow's own time-out is a minute
def test_a_silent_tool_is_given_up_after_the_timeout(driver: ServiceNowDriver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        adapter = over_the_wire(driver, f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.2)
        with pytest.raises(TryAgain, match="did not answer in time") as caught:
            adapter.create({"short_description": "disk full"}, TOKEN)
        assert caught.value.maybe_done


def test_an_answer_without_end_is_refused(driver: ServiceNowDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tieline.core.http.LARGEST_ANSWER", 1000)
    with pytest.raises(Rejected, match="more than 1000 bytes"):
        driver.connect().read(driver.make("disk full"))


def test_credentials_and_proxies_of_the_environment_are_ignored(
    driver: ServiceNowDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with driver.simulator.serve() as url:
        assert over_the_wire(driver, url).check().account == "tieline"


def test_a_password_in_any_script_is_sent_as_it_is(driver: ServiceNowDriver) -> None:
    driver.simulator.tables.accounts["tieline"] = Account("пароль-密码-ß", "tieline@example.com")
    assert driver.connect(password=Secret.literal("пароль-密码-ß")).check().account == "tieline"


def test_a_secret_that_is_not_there_asks_for_a_person(driver: ServiceNowDriver) -> None:
    adapter = driver.connect(password=Secret("env", "TIELINE_TEST_NO_SUCH_VARIABLE"))
    with pytest.raises(NeedsOperator, match="TIELINE_TEST_NO_SUCH_VARIABLE is not set"):
        adapter.check()


def bought(simulator: ServiceNowSimulator) -> int:
    return simulator.requests.count(("POST", "/oauth_token.do"))


def test_one_token_serves_many_calls(driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> None:
    adapter = driver.connect(oauth=OAUTH)
    ref = driver.make("disk full")
    for _ in range(5):
        adapter.read(ref)
    assert bought(simulator) == 1


def test_a_token_is_renewed_before_it_ends(driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> None:
    adapter = driver.connect(oauth=OAUTH)
    ref = driver.make("disk full")
    adapter.read(ref)
    driver.advance(simulator.access.desk.lifetime - 30)
    simulator.requests.clear()
    adapter.read(ref)
    assert [method for method, _ in simulator.requests][:2] == ["POST", "GET"]


def test_a_revoked_token_is_renewed_and_the_write_is_done_once(
    driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    adapter = driver.connect(oauth=OAUTH)
    adapter.read(driver.make("disk full"))
    simulator.access.desk.forget()
    adapter.create({"short_description": "disk full"}, TOKEN)
    assert bought(simulator) == 2
    assert len(simulator.control("list", {"query": f"correlation_id={TOKEN}"})) == 1


def test_an_instance_that_takes_no_token_is_asked_twice_and_no_more(
    driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    simulator.fail(401, path="/table/", times=100)
    with pytest.raises(NeedsOperator, match="401"):
        driver.connect(oauth=OAUTH).read(Ref("0" * 32))
    assert len(simulator.requests) == 4


def test_refused_oauth_credentials_ask_for_a_person_and_show_no_secret(driver: ServiceNowDriver) -> None:
    wrong = OAuthSettings(client_id="the client id", client_secret=Secret.literal("a wrong but secret secret"))
    with pytest.raises(NeedsOperator, match="gives no token") as caught:
        driver.connect(oauth=wrong).check()
    assert "wrong but secret" not in f"{caught.value!r} {caught.value}"


def test_without_a_token_no_write_was_sent(driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> None:
    adapter = driver.connect(oauth=OAUTH)
    for fault in (503, 429):
        simulator.fail(fault, path="/oauth_token.do")
        with pytest.raises(TryAgain) as caught:
            adapter.create({"short_description": "disk full"}, TOKEN)
        assert not caught.value.maybe_done
    simulator.lose(path="/oauth_token.do")
    with pytest.raises(TryAgain) as caught:
        adapter.create({"short_description": "disk full"}, TOKEN)
    assert not caught.value.maybe_done


def test_a_certificate_that_does_not_verify_asks_for_a_person(driver: ServiceNowDriver) -> None:
    import requests

    class Untrusted(HTTPAdapter):
        def send(self, *_arguments: object, **_options: object) -> requests.Response:
            unproved = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
            unproved.verify_message = "self-signed certificate"
            raise requests.exceptions.SSLError(unproved)

    adapter = connect(ConnectionName("snow"), driver.settings(), driver.workbench(Untrusted()))
    with pytest.raises(NeedsOperator, match="ca_file"):
        adapter.read(Ref("0" * 32))


def test_another_pysnow_is_refused(driver: ServiceNowDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that cannot satisfy 0.7.17 falls back to 0.7.9 without a word."""
    monkeypatch.setattr("tieline.adapters.servicenow.wire._installed", lambda: "0.7.9")
    with pytest.raises(NeedsOperator, match=r"pysnow 0\.7\.9 is installed, not 0\.7\.17"):
        driver.connect().check()
