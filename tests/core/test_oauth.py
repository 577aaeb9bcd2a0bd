"""Access tokens: one purchase at a time, renewed before they end; refresh tokens that are good for one use are kept."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request, Response, Simulator, requests_transport
from tieline.adapters.testing.tokens import Client, TokenDesk
from tieline.core.errors import NeedsOperator, RemoteError, TryAgain
from tieline.core.oauth import Endpoint, Granted, RefreshToken, Tokens, _seconds
from tieline.core.port import HttpSettings, Workbench
from tieline.core.redaction import redacted
from tieline.core.secrets import Secret

URL = "https://login.test/oauth/token"
SECRET = "a client's long secret"


class Shop(Simulator):
    """Nothing but a token endpoint, with refresh tokens that are good once."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock.now, 3)
        self.desk = TokenDesk(
            clock.now,
            lambda: f"given-{self.random.getrandbits(128):x}",
            lifetime=3600,
            grants=frozenset({"client_credentials", "refresh_token"}),
            rotates=True,
        )
        self.desk.clients["id"] = Client(SECRET, "tieline")
        self.seen: list[Request] = []

    def respond(self, request: Request) -> Response:
        self.seen.append(request)
        return self.desk.grant(request)


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.shop = Shop(self.clock)
        bench = Workbench(self.clock, lambda _seconds: None, requests_transport(self.shop))
        self.endpoint = Endpoint("jira", HttpSettings(), bench, URL, timeout=5)

    def buy(self, **more: str) -> Granted:
        grant: Mapping[str, str | Secret] = {"client_id": "id", "client_secret": Secret.literal(SECRET)}
        return self.endpoint.buy({"grant_type": "client_credentials", **grant, **more})

    def refresh(self, token: str) -> Granted:
        return self.buy(grant_type="refresh_token", refresh_token=token)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def kept(tmp_path: Path, bench: Bench) -> Path:
    """A refresh token in a file, good at the shop."""
    file = tmp_path / "refresh-token"
    file.write_text("the first refresh token\n", encoding="utf-8")
    file.chmod(0o600)
    bench.shop.desk.refresh_tokens["the first refresh token"] = "tieline"
    return file


def test_a_token_is_bought_when_needed_and_again_before_it_ends(bench: Bench) -> None:
    tokens = Tokens(bench.clock, bench.buy)
    assert not bench.shop.seen
    first = tokens.token()
    bench.clock.advance(3600 - 61)
    assert tokens.token() == first
    bench.clock.advance(2)
    assert bench.shop.desk.holder(first) is not None
    assert tokens.token() != first
    assert len(bench.shop.seen) == 2


def test_many_threads_buy_one_token(bench: Bench) -> None:
    started, gate = threading.Barrier(9), threading.Event()

    def slowly() -> Granted:
        gate.wait(5)
        return bench.buy()

    tokens = Tokens(bench.clock, slowly)
    found: list[str] = []

    def ask() -> None:
        started.wait(5)
        found.append(tokens.token())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    started.wait(5)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8 and len(set(found)) == 1 and len(bench.shop.seen) == 1


def test_of_many_that_hear_a_refusal_one_buys_anew(bench: Bench) -> None:
    tokens = Tokens(bench.clock, bench.buy)
    refused = tokens.token()
    assert tokens.renew(refused)
    second = tokens.token()
    assert tokens.renew(refused)  # one that was late: its token is gone already, and the new one stays
    assert tokens.token() == second
    assert not tokens.renew("")


def test_a_purchase_that_fails_leaves_no_old_token_behind(bench: Bench) -> None:
    tokens = Tokens(bench.clock, bench.buy)
    tokens.token()
    bench.clock.advance(4000)
    bench.shop.fail(503)
    with pytest.raises(TryAgain):
        tokens.token()
    assert bench.shop.desk.holder(tokens.token()) is not None


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (400, {"error": "invalid_grant"}, NeedsOperator, r"answered 400 \(invalid_grant\): the tool gives no token"),
        (401, {"error": "invalid_client"}, NeedsOperator, r"\(invalid_client\)"),
        (403, {}, NeedsOperator, "answered 403: the tool gives no token"),
        (404, {}, NeedsOperator, "which no token endpoint does"),
        (302, {}, NeedsOperator, "Redirects are not followed"),
        (429, {}, TryAgain, "429"),
        (503, {}, TryAgain, "503"),
        (200, {}, TryAgain, "without a token"),
        (200, {"access_token": "ünfit-token"}, NeedsOperator, "fits into no header"),
        (400, {"error": f"you sent {SECRET}"}, NeedsOperator, "answered 400: the tool"),
    ],
)
def test_what_an_endpoint_says_is_understood_and_shows_no_secret(
    bench: Bench, status: int, body: object, error: type[RemoteError], words: str
) -> None:
    bench.shop.fail(status, body=body)
    with pytest.raises(error, match=words) as caught:
        bench.buy()
    assert not getattr(caught.value, "maybe_done", False)
    assert SECRET not in f"{caught.value!r} {caught.value}"


def test_an_answer_that_is_lost_is_no_write_in_doubt(bench: Bench) -> None:
    bench.shop.lose()
    with pytest.raises(TryAgain, match="no answer") as caught:
        bench.buy()
    assert not caught.value.maybe_done


def test_no_message_shows_a_token(bench: Bench) -> None:
    bench.shop.desk.refresh_tokens["r"] = "tieline"
    granted = bench.refresh("r")
    assert granted.token not in repr(granted) and granted.refresh_token not in repr(granted)
    assert redacted(f"{granted.token} {granted.refresh_token}") == "*** ***"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (3600, 3600),
        ("3599", 3599),
        (10**9, 86_400),
        ("9" * 400, 86_400),
        (-5, 0),
        (float("nan"), 0),
        (None, 0),
        (True, 0),
        ("soon", 0),
    ],
)
def test_a_lifetime_is_believed_within_reason(said: object, meant: float) -> None:
    assert _seconds(said) == meant


def test_a_refresh_token_gives_way_to_the_next_in_its_file(bench: Bench, kept: Path) -> None:
    tokens = Tokens(bench.clock, lambda: RefreshToken("jira", Secret("file", str(kept))).use(bench.refresh))
    for _ in range(3):
        before = kept.read_text(encoding="utf-8")
        assert tokens.renew(tokens.token())
        assert kept.read_text(encoding="utf-8") != before
        assert kept.stat().st_mode & 0o777 == 0o600
    assert [*bench.shop.desk.refresh_tokens] == [kept.read_text(encoding="utf-8")]
    assert [path.name for path in kept.parent.iterdir() if path.suffix == ".new"] == []


def test_another_process_goes_on_with_the_token_that_one_kept(bench: Bench, kept: Path) -> None:
    daemon, command = (RefreshToken("jira", Secret("file", str(kept))) for _ in range(2))
    for one in (daemon, command, daemon, daemon, command):
        one.use(bench.refresh)


def test_two_at_once_do_not_spend_the_same_refresh_token(bench: Bench, kept: Path) -> None:
    failures: list[Exception] = []

    def use() -> None:
        try:
            for _ in range(5):
                RefreshToken("jira", Secret("file", str(kept))).use(bench.refresh)
        except RemoteError as error:
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failures
    assert [*bench.shop.desk.refresh_tokens] == [kept.read_text(encoding="utf-8")]


def test_a_token_that_could_not_be_kept_is_not_spent(bench: Bench, tmp_path: Path) -> None:
    """Root may write anywhere, so that the folder is one that nobody can write to: none at all."""
    nowhere = RefreshToken("jira", Secret("file", str(tmp_path / "none" / "token")))
    with pytest.raises(NeedsOperator, match=r"cannot be kept: .*none"):
        nowhere.use(bench.refresh)
    with pytest.raises(NeedsOperator, match=r"env:TOKEN cannot take a new value; write \{file"):
        RefreshToken("jira", Secret("env", "TOKEN")).use(bench.refresh)
    assert not bench.shop.seen


def test_a_refused_refresh_token_stays_where_it_is_and_asks_for_a_person(bench: Bench, kept: Path) -> None:
    bench.shop.desk.refresh_tokens.clear()
    with pytest.raises(NeedsOperator, match=r"invalid_grant.*consented"):
        RefreshToken("jira", Secret("file", str(kept))).use(bench.refresh)
    assert kept.read_text(encoding="utf-8") == "the first refresh token\n"


def test_a_token_put_there_by_a_person_comes_before_one_that_could_not_be_written(bench: Bench, kept: Path) -> None:
    class ReadOnly(Secret):
        """A secret that cannot take the next one."""

        def keep(self, value: str) -> None:
            raise LookupError("a new value cannot be kept: Read-only file system")

    token = RefreshToken("jira", ReadOnly("file", str(kept)))
    with pytest.raises(NeedsOperator, match="Read-only"):
        token.use(bench.refresh)
    bench.shop.desk.refresh_tokens.clear()  # the app's consent was taken back, and given anew
    bench.shop.desk.refresh_tokens["the token of a second consent"] = "tieline"
    kept.write_text("the token of a second consent", encoding="utf-8")
    with pytest.raises(NeedsOperator, match="Read-only"):
        token.use(bench.refresh)
    assert "the token of a second consent" not in bench.shop.desk.refresh_tokens  # it was spent


def test_one_that_came_but_could_not_be_written_is_used_and_written_later(bench: Bench, kept: Path) -> None:
    class Full(Secret):
        """A secret on a disk that is full for a while."""

        full = True

        def keep(self, value: str) -> None:
            if Full.full:
                raise LookupError("a new value cannot be kept: No space left on device")
            super().keep(value)

    token = RefreshToken("jira", Full("file", str(kept)))
    with pytest.raises(NeedsOperator, match="No space left"):
        token.use(bench.refresh)
    Full.full = False
    token.use(bench.refresh)
    assert [*bench.shop.desk.refresh_tokens] == [kept.read_text(encoding="utf-8")]
