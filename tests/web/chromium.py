"""Chromium of Debian, driven by Playwright: pages as people see them. A machine without it skips these tests, and
fails them where CI is true."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

PROGRAM = shutil.which("chromium") or "/usr/bin/chromium"
OPTIONS = [
    "--no-sandbox",  # a container's root has no other
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
]
MISSING = "Chromium is missing: `make servers` installs it, on Debian and as root"

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


def required() -> None:
    """Skip where there is no Chromium, and fail where there has to be."""
    if not Path(PROGRAM).exists():
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)


@contextmanager
def started() -> Iterator[Browser]:
    """A browser, for as long as this lasts."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, address: str, *, theme: str = "light", **options: Any) -> Iterator[Page]:
    """A window of a browser that knows nothing yet. What its pages run into is an error of the test."""
    options = {"viewport": DESK, "locale": "en-GB", "timezone_id": "UTC", **options}
    context: BrowserContext = browser.new_context(
        base_url=address, color_scheme="dark" if theme == "dark" else "light", ignore_https_errors=True, **options
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    wrong: list[str] = []

    def note(dialog: Dialog) -> None:
        wrong.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.extend([said.text] if said.type == "error" else []))
    page.on("dialog", note)
    try:
        yield page
    finally:
        context.close()
    assert [one for one in wrong if "status of 4" not in one and "status of 5" not in one] == []


def sign_in(page: Page, token: str, to: str = "/") -> None:
    """As a person does."""
    page.goto(to)
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in with the token").click()
    page.wait_for_load_state()


AXE = resources.files("axe_playwright_python").joinpath("axe.min.js")
"""Of axe-core, as a package of PyPI carries it."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(page: Page) -> list[str]:
    """What axe finds: the rule, and where."""
    # Whole: what stays at the edge of a window covers whatever happens to be below it, until somebody scrolls.
    height = int(page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": int(page.evaluate("innerWidth")), "height": max(900, height + 120)})
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("(rules) => axe.run(document, rules)", RULES)["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}" for one in found for node in one["nodes"]
    ]


def is_wider_than_its_window(page: Page) -> bool:
    """Whether a page has to be moved sideways to be read."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
