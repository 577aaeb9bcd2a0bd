"""What comes along from elsewhere is what the page of the dependencies says that it is."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "sync" / "web" / "static"


def test_the_files_that_come_along_are_those_that_are_told_of_with_their_licences():
    told = (ROOT / "docs" / "explanation" / "dependencies.md").read_text(encoding="utf-8")
    hashes = dict(re.findall(r"\[`sync/web/static/([a-z-]+\.js)`\].*?SHA-256 `([0-9a-f]{64})`", told))
    assert hashes == {name: sha256((STATIC / name).read_bytes()).hexdigest() for name in ("htmx.js", "htmx-sse.js")}
    for name in hashes:
        licence = (STATIC / f"{name.removesuffix('.js')}.LICENSE.txt").read_text(encoding="utf-8")
        assert "Permission to use, copy, modify, and/or distribute this software" in licence
