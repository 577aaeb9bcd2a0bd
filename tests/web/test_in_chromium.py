"""The console in a real browser: read by axe, by the keyboard, on a phone, in large type, and without a script; and
whatever strangers wrote runs nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import delete, insert, update
from tests.web import chromium, scene
from tests.web.chromium import DESK, PHONE
from tests.web.scene import ENDLESS, HOSTILE
from tests.web.staged import Stage, staged

from tieline.core import grants, tokens
from tieline.core.access import Grant, Role, Rule, Verdict, parse_scope
from tieline.core.identity import of_account
from tieline.core.model import Audience
from tieline.core.store import outputs
from tieline.core.store import tables as t

pytestmark = [pytest.mark.xdist_group("chromium"), pytest.mark.slow]

PAGES = (
    "/",
    "/incidents/INC-7",
    "/incidents/INC-2",
    "/connections",
    "/outputs/INC-7",
    "/do/edit?incident=INC-2",
    "/nothing",
    "/?after=x",
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    chromium.required()
    with staged(tmp_path_factory.mktemp("stage")) as made:
        written(made)
        yield made


def written(stage: Stage) -> None:
    """An output of two parts, of which all is long and a stranger's."""
    with stage.world.engine.store.write() as tx:
        wrote, at = f"{HOSTILE} {ENDLESS}\x1b[31m\n" * 400, stage.world.clock.now()
        outputs.keep(tx, 7, wrote, "0" * 64, at, is_cut=True, agrees=False)


@pytest.fixture(scope="module")
def browser(stage: Stage) -> Iterator[Browser]:
    with chromium.started() as made:
        yield made


def made_hostile(stage: Stage) -> None:
    """INC-8, of which all is long and a stranger's: its fields, a held one, and a comment."""
    world, words = stage.world, HOSTILE + ENDLESS
    named = {name: f"{name} {words}" for name in ("title", "description", "service", "team")}
    world.tools["snow-prod"].make({"status": "new", "severity": "info", "priority": "p2", **named})
    world.settle(2)
    world.edit("snow-prod", 8, priority="p1")
    world.edit("jira-ops", 8, priority="p3")
    world.tools["snow-prod"].comment(str(world.copy("snow-prod", 8).ref), words * 3, Audience.STAFF, author=words[:200])
    world.settle(2)
    scene.sign(world)


def in_trouble(stage: Stage) -> None:
    """Two tools are not asked as they should be, and a copy is parked: each says why at length."""
    words, now = f"it answered 403: {HOSTILE}{ENDLESS}", stage.world.clock.now()
    mine = t.replica.c.incident_id == 8, t.replica.c.connection == "pager"
    with stage.world.engine.store.write() as tx:
        tx.execute(update(t.replica).where(*mine).values(state="parked", parked=words))
        for name, state in (("pager", "stopped"), ("jira-ops", "waiting")):
            tx.execute(delete(t.connection).where(t.connection.c.name == name))
            row = {"name": name, "uid": f"c-{name}", "state": state, "reason": words, "since": now, "attempts": 1}
            tx.execute(insert(t.connection), row)


def nobody_of(stage: Stage) -> str:
    """The token of somebody for whom there is nothing yet."""
    now, store = stage.world.clock.now(), stage.world.engine.store
    whose, verdict = of_account("newcomer", "db1"), Verdict(True, Rule.ROLE)
    with store.write() as tx:
        grants.grant(tx, whose, Grant(Role.VIEWER, parse_scope("team:new")), at=now, actor=whose, verdict=verdict)
        terms = tokens.Terms("the tests", Role.VIEWER, (), None, now + timedelta(days=3))
        return tokens.issue(tx, whose, terms, at=now, actor=whose)[1]


def unfit(page: Page) -> list[str]:
    """What of a page is not as it has to be."""
    wide = ["it is wider than its window"] if chromium.is_wider_than_its_window(page) else []
    owned = ["what a stranger wrote ran"] if "owned" in page.title() and "<img" not in page.title() else []
    return [*chromium.violations(page), *wide, *owned]


@pytest.mark.parametrize(("theme", "size"), [("light", DESK), ("dark", PHONE)], ids=["light desk", "dark phone"])
def test_every_page_and_state_can_be_read_by_everybody(
    browser: Browser, stage: Stage, theme: str, size: object
) -> None:
    with chromium.window(browser, stage.address, theme=theme, viewport=size) as page:
        found = {}
        page.goto("/signin")
        found["sign-in"] = unfit(page)
        page.goto("/welcome")
        found["welcome"] = unfit(page)
        chromium.sign_in(page, "tl_wrong")
        found["sign-in refused"] = unfit(page)
        chromium.sign_in(page, stage.token)
        for path in PAGES:
            page.goto(path)
            found[path] = unfit(page)
        page.goto("/do/comment?incident=INC-7")
        page.locator("form[action='/do/comment']").evaluate("form => { form.noValidate = true; form.submit(); }")
        page.get_by_text("Not done").wait_for()
        found["a form refused"] = unfit(page)
        page.goto("/")
        page.keyboard.press("?")
        found["keys"] = unfit(page)
    assert {where: wrong for where, wrong in found.items() if wrong} == {}


def test_what_is_in_trouble_hostile_or_not_there_yet_can_be_read_by_everybody(browser: Browser, tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        made_hostile(stage)
        in_trouble(stage)
        newcomer, found = nobody_of(stage), {}
        for theme, size in (("light", PHONE), ("dark", DESK)):
            with chromium.window(browser, stage.address, theme=theme, viewport=size) as page:
                chromium.sign_in(page, stage.token)
                for path in ("/", "/connections", "/incidents/INC-8"):
                    page.goto(path)
                    expect(page.locator("#main")).to_contain_text("it answered 403")
                    found[f"{path} {theme}"] = unfit(page)
            with chromium.window(browser, stage.address, theme=theme, viewport=size) as page:
                chromium.sign_in(page, newcomer)
                expect(page.locator("#list")).to_contain_text("No incident is open")
                found[f"nothing there {theme}"] = unfit(page)
        assert {where: wrong for where, wrong in found.items() if wrong} == {}


def test_text_of_twice_the_size_still_fits_on_a_phone(browser: Browser, stage: Stage) -> None:
    with chromium.window(browser, stage.address, viewport=PHONE) as page:
        chromium.sign_in(page, stage.token)
        wide = []
        for path in PAGES:
            page.goto(path)
            page.evaluate("document.documentElement.style.fontSize = '200%'")
            wide += [path] if chromium.is_wider_than_its_window(page) else []
        assert wide == []


def test_eight_pages_of_one_browser_are_there_and_all_kept_up_to_date(browser: Browser, stage: Stage) -> None:
    with chromium.window(browser, stage.address) as page:
        chromium.sign_in(page, stage.token)
        pages = [page, *(page.context.new_page() for _ in range(7))]
        for one in pages[1:]:
            one.goto("/")
        number = int(page.locator(".list-meta .nowrap").first.inner_text().removeprefix("INC-"))
        stage.world.edit("snow-prod", number, title="Checkout: eight people look")
        stage.world.settle(2)
        for one in pages:
            expect(one.locator(".list-title").first).to_have_text("Checkout: eight people look", timeout=20_000)
        held = page.evaluate("navigator.locks.query().then((found) => found.held.length)")
        assert held == 3


def test_what_happens_shows_by_itself_and_no_row_moves_under_a_hand(browser: Browser, stage: Stage) -> None:
    world = stage.world
    with chromium.window(browser, stage.address) as page:
        chromium.sign_in(page, stage.token)
        first = page.locator(".list-title").first
        before = int(page.locator(".standing b").first.inner_text())
        number = int(page.locator(".list-meta .nowrap").first.inner_text().removeprefix("INC-"))
        world.edit("snow-prod", number, title="Checkout: all payments fail")
        world.settle(2)
        expect(first).to_have_text("Checkout: all payments fail")
        expect(page.locator("#moved")).to_be_hidden()
        world.tools["snow-prod"].make({"title": "Newer and as bad", "status": "new", "severity": "critical"})
        world.settle(2)
        expect(page.locator("#moved")).to_be_visible()
        expect(first).to_have_text("Checkout: all payments fail")
        expect(page.locator(".standing a").first).to_have_text(re.compile(f"Critical\\s*{before + 1}$"))
        page.keyboard.press(".")
        expect(page.locator(".list-title").first).to_have_text("Newer and as bad")
        expect(page.locator("#moved")).to_be_hidden()


def test_whoever_uses_only_keys_gets_everywhere(browser: Browser, stage: Stage) -> None:
    with chromium.window(browser, stage.address) as page:
        page.goto("/")
        field = page.get_by_label("Token")
        for _ in range(10):  # a key that comes before the page is drawn goes nowhere
            page.keyboard.press("Tab")
            if field.evaluate("one => one === document.activeElement"):
                break
        expect(field).to_be_focused()
        page.keyboard.type(stage.token)
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the page")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        page.keyboard.press("?")
        expect(page.locator("dialog#keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("dialog#keys")).to_be_hidden()
        page.keyboard.press("g")
        page.keyboard.press("c")
        page.wait_for_url("**/connections")
        page.keyboard.press("g")
        page.keyboard.press("i")
        page.wait_for_url("**/")
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(page.locator(".list-title").nth(1)).to_be_focused()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url("**/incidents/INC-*")
        page.keyboard.press("n")
        expect(page.locator("#note-words")).to_be_focused()
        page.keyboard.type("j and ? are letters here.")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".toast")).to_contain_text("goes into every copy")
        expect(page.locator("#comments")).to_contain_text("j and ? are letters here.")


def test_single_keys_can_be_switched_off(browser: Browser, stage: Stage) -> None:
    with chromium.window(browser, stage.address) as page:
        chromium.sign_in(page, stage.token)
        page.locator("summary.user").click()
        page.get_by_role("button", name="Single keys: on").click()
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        expect(page.locator("dialog#keys")).to_be_hidden()
        page.get_by_role("link", name="Keys ?").click()
        expect(page.locator("dialog#keys")).to_be_visible()


def test_without_a_script_everything_can_be_read_and_done(browser: Browser, stage: Stage) -> None:
    with chromium.window(browser, stage.address, java_script_enabled=False) as page:
        chromium.sign_in(page, stage.token, "/incidents/INC-6")
        page.get_by_label("Note", exact=True).fill("Written without a script.")
        page.get_by_role("button", name="Add it").click()
        expect(page.locator("#comments")).to_contain_text("Written without a script.")
        page.get_by_role("link", name="Change fields").click()
        page.get_by_label("Severity").select_option("critical")
        page.get_by_role("button", name="Change fields of an incident").click()
        expect(page.locator(".toast")).to_contain_text("INC-6 changed; its copies follow")
        page.locator("summary.user").click()
        page.get_by_role("button", name="Dark").click()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        page.locator("summary.user").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_page_whose_sign_in_ended_says_that_it_is_no_longer_kept_up_to_date(browser: Browser, stage: Stage) -> None:
    with chromium.window(browser, stage.address) as page, chromium.window(browser, stage.address) as other:
        chromium.sign_in(page, stage.token)
        expect(page.locator("#live-words")).to_have_text("As of")
        for one in page.context.cookies():
            other.context.add_cookies(
                [{"name": one.get("name", ""), "value": one.get("value", ""), "url": stage.address}]
            )
        other.goto("/connections")
        other.locator("summary.user").click()
        other.get_by_role("button", name="Sign out").click()
        stage.world.edit("snow-prod", 1, title="Certificate of staging ends in 8 days")
        stage.world.settle(2)
        expect(page.locator("#live")).to_have_class("live live--lost")


def test_on_paper_there_is_what_was_looked_at_and_nothing_to_press(browser: Browser, stage: Stage) -> None:
    with chromium.window(browser, stage.address) as page:
        chromium.sign_in(page, stage.token, "/incidents/INC-7")
        page.emulate_media(media="print")
        for what in (".side", ".top", ".compose", ".acts"):
            expect(page.locator(what).first).to_be_hidden()
        expect(page.locator("#timeline")).to_be_visible()


def test_who_wants_no_motion_sees_none(browser: Browser, stage: Stage) -> None:
    with chromium.window(browser, stage.address, reduced_motion="reduce") as page:
        page.goto("/signin")
        assert page.locator(".btn").first.evaluate("one => getComputedStyle(one).transitionDuration") in (
            "0s",
            "1e-05s",
        )


def test_what_is_drawn_anew_takes_no_focus(browser: Browser, stage: Stage) -> None:
    with chromium.window(browser, stage.address) as page:
        chromium.sign_in(page, stage.token)
        link = page.get_by_role("link", name="Nightly export to the warehouse")
        link.focus()
        stage.world.edit("snow-prod", 4, title="Nightly export to the warehouse is late")
        stage.world.settle(2)
        expect(page.get_by_role("link", name="Nightly export to the warehouse is late")).to_be_focused()
