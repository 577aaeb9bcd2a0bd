"""The board: a block in a tool's text that says which alerts fire. It is Tieline's, and the text around it is people's.

The block stands between two lines, wherever somebody moved it; it is taken out before the text is read, and put back
when the text is written. What is written into it by hand is never taken for an edit, and goes with its next change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from tieline.core.model import Value
from tieline.core.port import Body
from tieline.mappings.convert import text
from tieline.mappings.convert.lines import units
from tieline.mappings.document import TextDialect
from tieline.mappings.paths import Getter, Path, getter, put
from tieline.mappings.reading import Read, Reader

ALERTS: Final = "alerts"
"""The canonical field that the block shows."""

BEGIN: Final = "--- alerts, kept by Tieline ---"
END: Final = "--- end of alerts ---"

_LINE = r"[^\S\n]*"
# Some tools make long dashes of short ones, or change the case of what they hold.
_FIRST, _LAST = (one.replace("---", "[-–—]+") for one in (BEGIN, END))
_MARKED = rf"^{_LINE}{_FIRST}{_LINE}(?:\n|\Z)"
_CLOSED = rf"(?P<closed>(?:(?!{_LINE}{_FIRST}).*\n)*?){_LINE}{_LAST}{_LINE}$"
# Where somebody took the last line away, what looks like the block's own lines is the block.
_OPEN = r"(?P<open>(?:\s*[^\n]*(?:\n|\Z))?(?:\n*- [^\n]*(?:\n|\Z))*)"
_BLOCK: Final = re.compile(rf"{_MARKED}(?:{_CLOSED}|{_OPEN})", re.MULTILINE | re.IGNORECASE)
_LONE_END: Final = re.compile(rf"^{_LINE}{_LAST}{_LINE}$\n?", re.MULTILINE | re.IGNORECASE)
_TRACE: Final = re.compile("kept by tieline|end of alerts", re.IGNORECASE)


def split(written: str) -> tuple[str, str | None]:
    """The text without its blocks, and what the first of them says; None where there is none."""
    if _TRACE.search(written) is None:
        return written, None
    even = _even(written)
    blocks = list(_BLOCK.finditer(even))
    pieces, at = [], 0
    for block in blocks:
        pieces.append(even[at : block.start()])
        at = block.end()
    pieces.append(even[at:])
    bare = (_LONE_END.sub("", piece).strip("\n") for piece in pieces)
    return "\n\n".join(piece for piece in bare if piece), _said(blocks[0]) if blocks else None


def joined(written: str, says: str | None) -> str:
    """The text with its block saying this, in the block's place, or at its end; without a block where it says nothing.
    Around it every letter stays."""
    if says is None:
        return split(written)[0]
    block = f"{BEGIN}\n{says}\n{END}"
    even = written if _TRACE.search(written) is None else _even(written)
    place = _BLOCK.search(even)
    if place is None:
        kept = split(written)[0].rstrip("\n")
        return f"{kept}\n\n{block}" if kept else block
    ending = "\n" if place.group().endswith("\n") and not place.group("closed") else ""
    return even[: place.start()] + block + ending + _BLOCK.sub("", even[place.end() :])


def _said(found: re.Match[str]) -> str:
    said = found.group("closed") if found.group("closed") is not None else found.group("open")
    return _stripped(said or "")


def _even(written: str) -> str:
    return written.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True, slots=True)
class Board:
    """Where one tool's text has its block, how it is written there, and how long the whole may be."""

    path: Path
    dialect: TextDialect
    limit: int | None
    get: Getter

    @classmethod
    def at(cls, path: Path, dialect: TextDialect, limit: int | None) -> Board:
        return cls(path, dialect, limit, getter(path))

    def reading(self, one: Reader) -> Reader:
        """The reader of the text, which does not see the block."""
        read: Read = one.read

        def around(body: Body, people: Any) -> Any:
            written = self.text_in(body)
            if _TRACE.search(written) is None:
                return read(body, people)
            bare: dict[str, Any] = {}
            put(bare, self.path, split(written)[0])
            return read(bare, people)

        return Reader(one.name, around)

    def said(self, body: Body) -> Value:
        """What the block says in this body; None without one."""
        return split(self.text_in(body))[1]

    def shown(self, alerts: Value, beside: str) -> str | None:
        """What the block will say of these alerts beside this text: all, only its first line where the tool has no room
        for more, or nothing."""
        if not isinstance(alerts, str) or not alerts:
            return None
        whole = _stripped(text.to_tool(self.dialect, alerts))
        return next((one for one in (whole, whole.split("\n", 1)[0]) if self.fits(beside, one)), None)

    def text_in(self, body: Body) -> str:
        """The text as it stands in a body, with its block; "" for none."""
        written = self.get(body)
        return written if isinstance(written, str) else ""

    def bare(self, body: Body) -> Any:
        """What stands there without the block; ABSENT in a body without the text."""
        written = self.get(body)
        return split(written)[0] if isinstance(written, str) else written

    def put_in(self, body: dict[str, Any], written: str, says: str | None) -> None:
        """Write the text with its block."""
        put(body, self.path, joined(written, says))

    def fits(self, beside: str, says: str) -> bool:
        """Whether the tool has room for both."""
        return self.limit is None or units(joined(beside, says)) <= self.limit


def _stripped(rendered: Any) -> str:
    return "\n".join(line.rstrip() for line in _even(str(rendered)).split("\n")).strip("\n")
