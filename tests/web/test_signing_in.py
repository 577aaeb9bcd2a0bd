"""Who is signed in, and who is not any more; and what keeps out those who guess, and other sites."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest
from tests.api.calling import ANN, BOB
from tests.web.browsing import OURS, Visitor, mark, tags, words

from tieline.core import journal
from tieline.core.access import Role
from tieline.core.sessions import IDLE, LASTS
from tieline.core.sessions import mark as kept_as
from tieline.core.store import tables as t
from tieline.sync.web.gate import ATTEMPTS_AT_ONCE, Cookies, back

SESSION = "tieline-session"


def sessions(visitor: Visitor) -> list[str]:
    with visitor.engine.store.read() as connection:
        return list(connection.execute(t.session.select().with_only_columns(t.session.c.id)).scalars())


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_and_back(visitor):
    led = visitor.open("/?after=x")
    assert (led.status_code, led.headers["location"]) == (303, "/signin?next=%2F%3Fafter%3Dx")
    gate = visitor.open(led.headers["location"])
    assert ("input", "/?after=x") in [(tag, found.get("value")) for tag, found in tags(gate)]
    back_again = visitor.send_form("/signin", gate, token=visitor.token, next="/?after=x")
    assert (back_again.status_code, back_again.headers["location"]) == (303, "/?after=x")


def test_a_token_signs_in_and_only_the_hash_of_what_the_browser_shows_is_kept(visitor):
    answered = visitor.sign_in()
    shown = visitor.cookies[SESSION]
    assert visitor.open("/").status_code == 200
    assert sessions(visitor) == [kept_as(shown)] != [shown]
    [cookie] = [one for one in answered.headers.get_list("set-cookie") if one.startswith(f"{SESSION}=")]
    assert re.fullmatch(rf"{SESSION}=[0-9a-f]{{64}}; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800", cookie)
    assert visitor.journal("signed_in") == [("signed_in", "ann", {"token": visitor.token.split("_")[1]})]


def test_under_tls_a_browser_takes_the_cookie_from_this_host_alone():
    assert Cookies(is_secure=True).session("x") == (
        "__Host-tieline-session=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800; Secure"
    )


@pytest.mark.parametrize("told", ["", "tl_nothing", f"tl_{'0' * 12}_{'0' * 64}", "é", "x" * 5000])
def test_a_wrong_token_is_refused_at_its_field_in_the_same_words(visitor, told):
    refused = visitor.send_form("/signin", visitor.open("/signin"), token=told)
    assert refused.status_code == 422
    assert "This is no token that stands." in words(refused)
    assert ("input", "true") in [(tag, found.get("aria-invalid")) for tag, found in tags(refused)]
    assert told == "" or told not in refused.text
    assert sessions(visitor) == []


def test_many_wrong_tokens_from_one_address_are_no_longer_looked_at(visitor):
    gate = visitor.open("/signin")
    found = [visitor.send_form("/signin", gate, token="tl_wrong").status_code for _ in range(ATTEMPTS_AT_ONCE + 1)]
    assert found == [422] * ATTEMPTS_AT_ONCE + [429]
    assert visitor.send_form("/signin", gate, token=visitor.token).status_code == 429
    visitor.world.clock.advance(61)
    assert visitor.send_form("/signin", gate, token=visitor.token).status_code == 303


def test_a_form_of_another_site_is_refused(visitor):
    gate = visitor.open("/signin")
    told = {"mark": mark(gate), "token": visitor.token}
    for headers in (
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "null"},
        {"origin": "http://["},
    ):
        assert visitor.request("POST", "/signin", data=told, headers=headers).status_code == 403
    assert visitor.request("POST", "/signin", data=told, headers=OURS).status_code == 303


def test_a_form_without_the_mark_of_this_sign_in_is_refused(visitor):
    visitor.sign_in()
    for wrong in ("", "0" * 64, "é", mark(visitor.open("/"))[:-1]):
        refused = visitor.request("POST", "/signout", data={"mark": wrong}, headers=OURS)
        assert refused.status_code == 403
    assert len(sessions(visitor)) == 1


def test_the_mark_of_one_sign_in_is_none_of_another(visitor):
    visitor.sign_in()
    before = visitor.open("/")
    visitor.cookies.clear()
    visitor.sign_in()
    assert visitor.send_form("/signout", before).status_code == 403


def test_what_was_written_before_somebody_signed_in_anew_is_shown_again_and_done_once_it_is_sent_again(visitor):
    visitor.sign_in()
    before = visitor.open("/do/comment?incident=INC-1")
    visitor.cookies.clear()
    visitor.sign_in()
    refused = visitor.send_form("/do/comment", before, incident="INC-1", body="A <long> update.", key="one")
    assert (refused.status_code, "you signed in anew since this was written" in words(refused)) == (403, True)
    assert "stands in the journal" not in words(refused)
    assert "A &lt;long&gt; update.</textarea>" in refused.text
    assert visitor.journal("acted") == visitor.journal("act_refused") == []
    done = visitor.send_form("/do/comment", refused, incident="INC-1", body="A <long> update.", key="one")
    assert (done.status_code, len(visitor.journal("acted"))) == (303, 1)


def test_whoever_is_signed_out_meanwhile_has_back_what_they_wrote(visitor):
    visitor.sign_in()
    form = visitor.open("/do/comment?incident=INC-1")
    visitor.cookies.clear()
    refused = visitor.send_form("/do/comment", form, incident="INC-1", body="A <long> update.")
    assert (refused.status_code, "sign in, and send it again" in words(refused)) == (401, True)
    assert "A &lt;long&gt; update.</textarea>" in refused.text


def test_whoever_is_not_signed_in_is_told_what_is_wrong_with_what_they_sent(visitor):
    gate = visitor.open("/signin")
    large = visitor.send_form("/signin", gate, token="x" * visitor.engine.config.web.body_limit)
    assert (large.status_code, "web.body_limit" in words(large)) == (413, True)
    foreign = visitor.request("POST", "/signin", data={"mark": mark(gate)}, headers={"origin": "https://evil.example"})
    assert (foreign.status_code, "a proxy in between has to pass `Host` on" in words(foreign)) == (403, True)
    assert "stands in the journal" not in words(foreign)


def test_whoever_signs_in_next_is_not_told_what_the_one_before_did(visitor):
    visitor.sign_in()
    said = {"incident": "INC-1", "body": "Between us."}
    assert visitor.send_form("/do/comment", visitor.open("/do/comment?incident=INC-1"), **said).status_code == 303
    assert "INC-1" in base64.urlsafe_b64decode(visitor.cookies["tieline-said"]).decode()
    visitor.send_form("/signout", visitor.open("/do/comment?incident=INC-1"))
    assert "tieline-said" not in visitor.cookies


def test_a_stream_is_opened_for_nobody_who_hears_nothing(visitor):
    visitor.sign_in()
    assert visitor.request("HEAD", "/").status_code == 200
    assert visitor.request("HEAD", "/live?page=%2F").status_code == 405


def test_whoever_signs_in_anew_is_signed_in_once(visitor):
    visitor.sign_in()
    before = visitor.cookies[SESSION]
    visitor.sign_in()
    assert sessions(visitor) == [kept_as(visitor.cookies[SESSION])] != [kept_as(before)]


def test_signing_out_ends_the_session_and_not_only_the_cookie(visitor):
    visitor.sign_in()
    shown = visitor.cookies[SESSION]
    out = visitor.send_form("/signout", visitor.open("/"))
    assert (out.status_code, out.headers["location"]) == (303, "/signin")
    visitor.cookies.set(SESSION, shown, domain="tieline.test")
    assert visitor.open("/").status_code == 303
    assert sessions(visitor) == []


def test_a_session_ends_when_it_is_not_used_for_long(visitor):
    visitor.sign_in()
    visitor.world.clock.advance(IDLE.total_seconds() - 60)
    assert visitor.open("/").status_code == 200
    visitor.world.clock.advance(IDLE.total_seconds() - 60)
    assert visitor.open("/").status_code == 200
    visitor.world.clock.advance(IDLE.total_seconds() + 1)
    assert visitor.open("/").status_code == 303


def test_a_session_ends_however_often_it_is_used(visitor):
    visitor.sign_in()
    for _ in range(int(LASTS / timedelta(hours=7)) - 1):
        visitor.world.clock.advance(7 * 3600)
        assert visitor.open("/").status_code == 200
    visitor.world.clock.advance(7 * 3600)
    assert visitor.open("/").status_code == 303


def test_a_session_ends_with_the_token_that_it_began_by(visitor):
    visitor.sign_in()
    visitor.revoke_token(visitor.token)
    assert visitor.open("/").status_code == 303


def test_a_session_ends_with_the_person(visitor):
    visitor.grant(BOB, Role.ADMIN)
    visitor.sign_in()
    journal.forget(visitor.engine.store, "os:ann@db1", at=visitor.world.clock.now(), actor=BOB)
    assert visitor.open("/").status_code == 303
    assert sessions(visitor) == []


def test_whoever_may_read_no_more_is_told_so_and_stays_signed_in(visitor):
    visitor.sign_in()
    visitor.revoke(ANN, Role.RESPONDER)
    refused = visitor.open("/")
    assert refused.status_code == 403
    assert "ann may not read incidents" in words(refused)
    assert "Sign out" in words(refused)


def test_two_cookies_of_one_name_are_none(visitor):
    visitor.sign_in()
    shown = visitor.cookies[SESSION]
    visitor.cookies.clear()
    assert visitor.open("/", cookie=f"{SESSION}={shown}").status_code == 200
    assert visitor.open("/", cookie=f"{SESSION}=other; {SESSION}={shown}").status_code == 303


@pytest.mark.parametrize(
    ("told", "led"),
    [
        ("/incidents/INC-1?a=b", "/incidents/INC-1?a=b"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("javascript:alert(1)", "/"),
        ("//[", "/"),
        ("/[", "/["),
        ("", "/"),
    ],
)
def test_nobody_is_led_away_from_here(told, led):
    assert back(told) == led


def test_a_stranger_learns_nothing_of_what_there_is(visitor):
    visitor.cookies.clear()
    known, unknown = visitor.open("/"), visitor.open("/nothing/here")
    assert (known.status_code, unknown.status_code) == (303, 303)
    assert visitor.request("POST", "/signout", data={"mark": "x"}, headers=OURS).status_code == 401
    assert visitor.open("/live?page=/").status_code == 401
    assert "Disk full" not in visitor.open("/signin").text


def test_every_answer_is_kept_by_nobody_and_framed_by_nobody(visitor):
    visitor.sign_in()
    for path in ("/", "/nothing", "/signin"):
        headers = visitor.open(path).headers
        assert headers["cache-control"] == "no-store"
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "etag" not in headers
