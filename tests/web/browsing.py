"""Browsing in process: the whole application over a world's engine, with the cookies of one browser, and without a
script."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from html.parser import HTMLParser
from typing import Any, TypeVar

import httpx
from tests.api.calling import Caller
from tests.sync.world import World

from tieline.sync.web.front import Front

T = TypeVar("T")

HERE = "http://tieline.test"
OURS = {"origin": HERE, "sec-fetch-site": "same-origin"}


class Visitor(Caller):
    """A browser without scripts, beside the programs that call. It keeps cookies and follows nothing by itself."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        transport = httpx.ASGITransport(Front(self), raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=HERE)

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def open(self, path: str, **headers: str) -> httpx.Response:
        """Look at a page."""
        return self.request("GET", path, headers={name.replace("_", "-"): told for name, told in headers.items()})

    def send_form(self, path: str, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send a form of a page, with the mark that stands in it, from our own site."""
        return self.request("POST", path, data={"mark": mark(page), **fields}, headers=OURS)

    def at_once(self, ask: Callable[[httpx.AsyncClient], Coroutine[Any, Any, T]]) -> T:
        """Have several things be asked for at the same time."""
        return self._loop.run(ask(self._client))

    def sign_in(self, told: str | None = None, back: str = "/") -> httpx.Response:
        """Sign in with a token; Ann's without one."""
        page = self.open("/signin")
        return self.send_form("/signin", page, token=told or self.token, next=back)


def mark(page: httpx.Response) -> str:
    """What the forms of a page carry."""
    found = re.search(r'name="mark" value="([0-9a-f]+)"', page.text)
    return found[1] if found else ""


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def words(page: httpx.Response) -> str:
    """What a page says, without its marks."""
    parser = _Words()
    parser.feed(page.text)
    return " ".join(" ".join(parser.said).split())


def tags(page: httpx.Response) -> list[tuple[str, dict[str, str | None]]]:
    """The elements of a page, each with its attributes."""
    parser = _Words()
    parser.feed(page.text)
    return parser.tags


__all__ = ["HERE", "OURS", "Visitor", "mark", "tags", "words"]
