"""Local accounts: a password that nobody but its owner knows, and that stands nowhere."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text
from tests.api.calling import ANN, BOB
from tests.web.browsing import OURS, Visitor, mark, words

from tieline.core import journal, local_accounts, passwords
from tieline.core.access import Role
from tieline.core.errors import NotAllowed
from tieline.core.identity import Someone
from tieline.sync.office.account_acts import ACTS
from tieline.sync.office.asking import Asker
from tieline.sync.office.performing import perform
from tieline.sync.web.gate import ATTEMPTS_AT_ONCE, DEVICE_AT_ONCE, NAME_AT_ONCE, PAIR_AT_ONCE, Guesses

WORDS = "correct horse battery staple"
EVA = Someone("eva", "account:eva")


@pytest.fixture
def admin(visitor: Visitor) -> Iterator[Visitor]:
    visitor.grant(ANN, Role.ADMIN)
    visitor.grant(EVA, Role.RESPONDER)
    yield visitor


def does(visitor: Visitor, name: str, person: str | None = "account:eva", who: Someone = ANN, key: str = "") -> str:
    act = next(one for one in ACTS if one.name == f"account {name}")
    told = act.told({} if person is None else {"person": person})
    asker = Asker(who, False, visitor.world.clock.now())
    return perform(visitor.engine, act, told, asker, key=key).sentence


def code_of(sentence: str) -> str:
    return str(re.findall(r"tc_[0-9a-f]{32}", sentence)[0])


def choose(visitor: Visitor, code: str, password: str = WORDS, name: str = "eva", again: str | None = None) -> int:
    page = visitor.open("/welcome")
    told = {"name": name, "code": code, "password": password, "again": password if again is None else again}
    return visitor.send_form("/welcome", page, **told).status_code


def enter(visitor: Visitor, password: str = WORDS, name: str = "eva") -> int:
    return visitor.send_form("/signin", visitor.open("/signin"), name=name, password=password).status_code


def test_whoever_was_handed_a_code_chooses_a_password_once_and_signs_in_by_it(admin):
    code = code_of(does(admin, "add"))
    assert choose(admin, code) == 303
    assert "Signed in as account:eva" in words(admin.open("/"))
    admin.cookies.clear()
    assert choose(admin, code, "another horse entirely") == 422
    assert enter(admin, "wrong") == 422
    assert enter(admin) == 303
    assert enter(admin, name=" EVA ") == 303


def test_what_is_secret_stands_nowhere(admin, tmp_path):
    code = code_of(does(admin, "add", key="once"))
    assert code not in does(admin, "add", key="once"), "it is told once"
    choose(admin, code)
    enter(admin)
    kinds = [kind for kind, _who, _facts in admin.journal() if kind.startswith(("account", "password", "signed"))]
    assert kinds == ["account_added", "password_chosen", "signed_in", "signed_in"]
    told = repr(admin.journal())
    assert code not in told
    assert WORDS not in told
    assert "eva" not in repr([facts for _kind, _who, facts in admin.journal("acted", "account_added")])
    for file in tmp_path.glob("world.db*"):
        assert WORDS.encode() not in file.read_bytes()
        assert code.encode() not in file.read_bytes()


@pytest.mark.parametrize("weak", ["short", "a" * 40, "eva eva eva eva", "x" * 1001])
def test_a_password_that_can_be_guessed_is_refused_and_the_code_stays(admin, weak):
    code = code_of(does(admin, "add"))
    assert choose(admin, code, weak) == 422
    assert choose(admin, code, again="not the same") == 422
    assert choose(admin, code) == 303


def test_nobody_learns_which_names_there_are(admin):
    choose(admin, code_of(does(admin, "add")))
    admin.cookies.clear()
    page = admin.open("/signin")
    answers = [
        words(admin.send_form("/signin", page, name=name, password="wrong wrong wrong")) for name in ("eva", "nobody")
    ]
    assert answers[0] == answers[1]
    codes = [choose(admin, "tc_" + "0" * 32, name=name) for name in ("eva", "nobody")]
    assert codes == [422, 422]


def test_who_guesses_is_kept_out_and_the_owner_is_not(admin):
    choose(admin, code_of(does(admin, "add")))
    device = admin.cookies["tieline-device"]
    admin.cookies.clear()
    found = [enter(admin, "wrong") for _ in range(PAIR_AT_ONCE + 1)]
    assert found == [422] * PAIR_AT_ONCE + [429]
    assert enter(admin) == 429
    others = ATTEMPTS_AT_ONCE - PAIR_AT_ONCE - 1  # one was the code
    assert [enter(admin, "wrong", "nobody") for _ in range(others + 1)] == [422] * others + [429]
    admin.cookies.set("tieline-device", device, "tieline.test")
    assert enter(admin, "wrong") == 422
    assert enter(admin) == 303
    assert [enter(admin, "wrong", "nobody"), enter(admin, "wrong", "eva")] == [429, 422]
    admin.world.clock.advance(60)
    code = code_of(does(admin, "password"))
    assert enter(admin) == 422, "it is known by the password, and that is gone"
    assert choose(admin, code) == 303


def test_from_many_addresses_a_name_waits_longer_and_longer():
    for every in (5, 60, 300, 900):  # seconds between two tries
        guesses, looked_at = Guesses(), 0
        for now in range(0, 4 * 86_400, every):
            address = f"198.51.{now // 250 % 250}.{now % 250}"
            if not guesses.wait(address, "eva", now):
                guesses.take(address, "eva", now)
                looked_at += 1
        assert NAME_AT_ONCE < looked_at < NAME_AT_ONCE + 4 * 300
        assert guesses.take_device("her browser", "eva", 4.0 * 86_400)


def test_a_name_is_counted_as_its_account_is_found():
    guesses, ways = Guesses(), ("eva", " EVA\t", "eva\0", "e\0va", "\0 Eva \0", "eva")
    assert {local_accounts.account_name(way) for way in ways} == {"eva"}
    long = ("a" * 60, "A" * 60 + "b")
    for address, tried in (("198.51.100.7", ways), ("198.51.100.8", long * (PAIR_AT_ONCE // 2))):
        for way in tried:
            guesses.take(address, way, 0)
        assert all(guesses.wait(address, way, 1) > 0 for way in tried)


def test_a_form_with_a_nul_is_refused(visitor):
    page = visitor.open("/signin")
    for told in ({"name": "e\0va", "password": WORDS}, {"name": "eva", "password": "\0"}, {"x\0": "y"}):
        answer = visitor.send_form("/signin", page, **told)
        assert answer.status_code == 400
        assert "holds a NUL" in words(answer)


def test_whoever_copied_what_a_browser_shows_waits_longer_and_longer():
    guesses, looked_at = Guesses(), 0
    for now in range(0, 4 * 86_400, 15):
        looked_at += guesses.take_device("her browser", ("eva", "EVA")[looked_at % 2], now)
    assert DEVICE_AT_ONCE < looked_at < DEVICE_AT_ONCE + 4 * 300
    assert guesses.wait("203.0.113.9", "eva", 4 * 86_400) == 0, "elsewhere she waits for nothing"


def test_what_was_right_and_what_is_unknown_keeps_no_browser_waiting():
    guesses = Guesses()
    for _ in range(2 * DEVICE_AT_ONCE):
        assert guesses.take_device("her browser", "eva", 0)
        guesses.right_device("her browser", "eva")
    for _ in range(2 * DEVICE_AT_ONCE):
        assert guesses.take_device("her browser", "bob", 0)
        guesses.unknown_device("her browser", "bob")
    tried = [guesses.take_device("her browser", "eva", 0) for _ in range(DEVICE_AT_ONCE + 1)]
    assert tried == [True] * DEVICE_AT_ONCE + [False]


def test_a_browser_that_has_to_wait_counts_as_any_other(admin):
    choose(admin, code_of(does(admin, "add")))
    for _ in range(DEVICE_AT_ONCE):
        assert enter(admin, "wrong") == 422
    assert [enter(admin, "wrong") for _ in range(PAIR_AT_ONCE + 1)] == [422] * PAIR_AT_ONCE + [429]
    assert enter(admin) == 429
    admin.world.clock.advance(86_400)
    assert enter(admin) == 303


def test_a_browser_is_known_for_half_a_year(admin):
    choose(admin, code_of(does(admin, "add")))
    shown, now = admin.cookies["tieline-device"], admin.world.clock.now()
    drawn, day, made = shown.split(".")
    later = f"{drawn}.{int(day) + 100}.{made}"
    with admin.engine.store.read() as connection:
        for days, told, known in (
            (0, shown, True),
            (180, shown, True),
            (181, shown, False),
            (181, later, False),
            (0, f"{drawn}.{made}", False),
            (0, f"{drawn}.{'9' * 5_000}.{made}", False),
            (0, "", False),
        ):
            at = now + timedelta(days=days)
            assert local_accounts.knows_device(connection, " EVA ", told, at) is known, (days, told)


def test_one_address_alone_has_no_name_wait_elsewhere():
    guesses = Guesses()
    for now in range(0, 4 * 86_400, 15):
        if not guesses.wait("198.51.100.7", "eva", now):
            guesses.take("198.51.100.7", "eva", now)
        assert guesses.wait("203.0.113.9", "eva", now) == 0


def test_a_code_is_over_in_time_and_with_the_next_one(admin):
    first = code_of(does(admin, "add"))
    second = code_of(does(admin, "password"))
    assert choose(admin, first) == 422
    admin.world.clock.advance(3 * 86_400 + 1)
    assert choose(admin, second) == 422
    assert choose(admin, code_of(does(admin, "password"))) == 303


def test_a_password_that_is_chosen_anew_ends_what_began_by_the_one_before(admin):
    choose(admin, code_of(does(admin, "add")))
    assert admin.open("/").status_code == 200
    code = code_of(does(admin, "password", None, EVA))
    assert admin.open("/").status_code == 303
    assert enter(admin) == 422
    assert choose(admin, code, "an entirely new password") == 303


def test_an_account_that_is_taken_away_signs_out_whoever_used_it(admin):
    choose(admin, code_of(does(admin, "add")))
    does(admin, "remove")
    assert admin.open("/").status_code == 303
    assert enter(admin) == 422
    with pytest.raises(LookupError, match="there is no account 'eva'"):
        does(admin, "remove")


def test_an_account_goes_with_its_person(admin):
    choose(admin, code_of(does(admin, "add")))
    journal.forget(admin.engine.store, "account:eva", at=admin.world.clock.now(), actor=ANN)
    assert admin.open("/").status_code == 303
    assert enter(admin) == 422
    with admin.engine.store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM local_account")).scalar() == 0


def test_there_is_one_account_of_a_name_and_only_for_who_can_have_one(admin):
    does(admin, "add")
    with pytest.raises(ValueError, match="there is an account 'eva' already"):
        does(admin, "add")
    with pytest.raises(Exception, match="can have no account"):
        does(admin, "add", "token:grafana")


def test_who_is_no_admin_adds_nobody_and_no_token_does(admin):
    with pytest.raises(NotAllowed):
        does(admin, "add", who=BOB)
    assert admin.post("account/add", {"person": "account:eva"}).status_code == 404


def test_a_password_is_told_from_another_and_none_is_none():
    kept = passwords.hash_of(WORDS)
    assert kept.startswith("$argon2id$v=19$m=32768,t=3,p=1$")
    assert passwords.fits(kept, WORDS)
    assert not passwords.fits(kept, WORDS + " ")
    assert not passwords.fits("", "the password of nobody")
    assert not passwords.fits("nonsense", WORDS)


def test_whoever_guesses_passwords_keeps_no_page_waiting(visitor):
    visitor.sign_in()
    gate = visitor.open("/signin")
    said = {"mark": mark(gate), "password": WORDS}

    async def guess_and_look(client: httpx.AsyncClient) -> tuple[list[int], list[int]]:
        for _ in range(passwords.AT_ONCE):
            passwords.TURN.acquire()  # nothing is hashed until it is given back
        try:
            named = [{**said, "name": f"n{number}"} for number in range(8)]
            tries = [asyncio.ensure_future(client.post("/signin", data=one, headers=OURS)) for one in named]
            pages = [(await asyncio.wait_for(client.get("/"), 20)).status_code for _ in range(3)]
        finally:
            passwords.TURN.release(passwords.AT_ONCE)
        return pages, [one.status_code for one in await asyncio.gather(*tries)]

    assert visitor.at_once(guess_and_look) == ([200] * 3, [422] * 8)
