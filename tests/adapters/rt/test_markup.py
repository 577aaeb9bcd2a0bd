"""Pages of HTML, which strangers send: their words, in one pass."""

from __future__ import annotations

from typing import SupportsIndex

import pytest

from tieline.adapters.rt.ticket import text_of


class Counted(str):
    """A text that counts how much of it is searched."""

    searched = 0

    def find(self, sub: str, start: SupportsIndex | None = None, end: SupportsIndex | None = None, /) -> int:
        found = super().find(sub, start, end)
        self.searched += 1 + (len(self) if found < 0 else found) - int(start or 0)
        return found


def said(page: str) -> str:
    return text_of({"ContentType": "text/html"}, page)


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<", "< ", "</", "<!", "<!--", "<![", "<?", "<a b='", '<a b="', "<a>", "</a", "<script>", "<style></st",
     "&", "&#"],
)  # fmt: skip
def test_a_page_is_gone_through_once_whatever_it_is_made_of(piece: str) -> None:
    for ending in ("", ">", "-->", "</script>"):
        page = Counted(piece * 2000 + ending)

        said(page)

        assert 0 < page.searched <= 4 * len(page)


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("<p>df says <b>100&nbsp;%</b></p><p>now</p>", "df says 100\xa0%\nnow"),
        ("<STYLE>p {}</Style ><!-- <p>not this</p> -->shown", "shown"),
        ("<script>if (a </b) {}</script>shown", "shown"),
        ("shown<script>x()", "shown"),
        ("a < b, a <b", "a < b, a <b"),
        ("one<br/>two<BR>three", "one\ntwo\nthree"),
        ("<!DOCTYPE html><?xml?>shown", "shown"),
        (f"&lt;b&gt; &#228; &amp;lt;&#{'9' * 5000};", "<b> ä &lt;\ufffd"),
        ("<unheard-of>shown</unheard-of>", "shown"),
        ("İİİ<script>x()</script>shown", "İİİshown"),
    ],
)
def test_what_is_shown_is_what_a_browser_shows(page: str, shown: str) -> None:
    assert said(page) == shown
