"""Pages: what people look at in a browser. Each shows what views answer, drawn by a template of the plugin's.

    Page("/connections", "Connections", "connections.html", views={"seen": "connections"}, icon="plug", key="c")

What its address says is told to each of its views that takes an argument of that name: `/incidents/{incident}`, and
whatever stands behind the question mark. Templates are of Jinja; whatever they write of an answer is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PATH: Final = re.compile(r"/(?:[a-z][a-z0-9_-]*(?:/\{[a-z_]+\})?)?")
"""Where a page may stand: `/`, `/things`, or `/things/{thing}`."""

TAKEN: Final = (
    "api",
    "do",
    "healthz",
    "live",
    "metrics",
    "readyz",
    "signin",
    "signout",
    "static",
    "theme",
    "welcome",
)
"""What stands at the beginning of other addresses."""


def in_no_order(_answers: Mapping[str, Any]) -> Sequence[str]:
    """There are no rows that could move under somebody's hand."""
    return ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `views` are the full names of what it shows, by what its template calls their answers. `live` are the
    parts that are drawn anew while it is open, each by a template that is given the same; while the `rows` that one of
    the name `list` shows come in another order, whoever looks is told of it instead. With an `icon` it stands in the
    menu, and `key` is the letter behind `g` that leads there."""

    path: str
    title: str
    template: str
    views: Mapping[str, str]
    live: Mapping[str, str] = field(default_factory=dict)
    rows: Callable[[Mapping[str, Any]], Sequence[str]] = in_no_order
    icon: str = ""
    key: str = ""

    @property
    def templates(self) -> tuple[str, ...]:
        """All that it is drawn by."""
        return (self.template, *self.live.values())

    def told(self, path: str) -> dict[str, str] | None:
        """What an address says, where it is one of this page; None where it is not."""
        pattern = re.sub(r"\\\{([a-z_]+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return None if found is None else found.groupdict()

    def faults(self, templates: Path | None) -> Iterator[str]:
        """Sentences: what of it cannot be offered."""
        if not PATH.fullmatch(self.path) or self.path.split("/")[1] in TAKEN:
            yield "it stands at no address like /things or /things/{thing} that is free"
        if not self.title.strip():
            yield "it has no title"
        if not self.views:
            yield "it shows no view"
        if templates is None:
            yield "the offer says not where its templates are"
        else:
            yield from (f"{name} is no template in {templates.name}" for name in self._missing(templates))

    def _missing(self, templates: Path) -> Iterator[str]:
        yield from (name for name in self.templates if not (templates / name).is_file())
