"""What a page of HTML shows, as its plain text. Pure.

Anybody can send a queue a mail. The page is gone through once, whatever its tags are: each search begins where the last
one ended, and what is not found once is not looked for again.
"""

from __future__ import annotations

import re
from typing import Final

from tieline.core.entities import unescaped

_NAME: Final = re.compile(r"</?([A-Za-z][A-Za-z0-9]{0,20})|<[!?]")
_BREAKS: Final = frozenset({"br", "p", "div", "li", "tr"})
_UNSEEN: Final = frozenset({"script", "style"})


def text_in(page: str) -> str:
    """The words of a page. A comment or a script that never ends hides the rest, as in a browser; a tag that never ends
    is text."""
    held: list[str] = []
    at = 0
    while (begin := page.find("<", at)) >= 0:
        held.append(page[at:begin])
        if page.startswith("<!--", begin):
            at = _behind(page, "-->", begin + 4)
            continue
        tag = _NAME.match(page, begin)
        if tag is None:
            held.append("<")
            at = begin + 1
            continue
        end = page.find(">", begin)
        if end < 0:
            at = begin
            break
        at = end + 1
        name = (tag[1] or "").lower()
        if not page.startswith("</", begin):
            if name in _BREAKS:
                held.append("\n")
            elif name in _UNSEEN:
                at = _behind_the_end_of(page, name, at)
    held.append(page[at:])
    return "".join(unescaped(one) for one in held).strip()


def _behind(page: str, mark: str, at: int) -> int:
    end = page.find(mark, at)
    return len(page) if end < 0 else end + len(mark)


def _behind_the_end_of(page: str, name: str, at: int) -> int:
    while (end := page.find("</", at)) >= 0:
        at = end + 2
        if page[at : at + len(name)].lower() == name:
            return _behind(page, ">", at)
    return len(page)
