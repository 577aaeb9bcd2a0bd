"""Writes the pictures of the console for its page: `python -m tests.web.shots docs/how-to/console`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.web import chromium
from tests.web.staged import staged

PICTURES: Final[tuple[tuple[str, str, str, dict[str, Any]], ...]] = (
    ("overview", "/", "light", {"viewport": {"width": 1280, "height": 860}}),
    ("incident", "/incidents/INC-7", "light", {"viewport": {"width": 1280, "height": 1180}}),
    ("connections", "/connections", "light", {"viewport": {"width": 1280, "height": 520}}),
    ("phone", "/", "dark", {"viewport": chromium.PHONE}),
)
"""File, address, theme and window of each."""


def main(folder: Path) -> None:
    """Write them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made, staged(Path(made)) as stage, chromium.started() as browser:
        for name, path, theme, options in PICTURES:
            with chromium.window(browser, stage.address, theme=theme, **options) as page:
                chromium.sign_in(page, stage.token, path)
                page.locator("#live").wait_for()
                page.wait_for_timeout(800)
                page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
