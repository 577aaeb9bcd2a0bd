"""What people type, in the format of each tool, and the words of what a tool shows."""

from __future__ import annotations

import re
from typing import Any, Final

from tieline.cli.simulation.people import bare, without_board

_STRONG: Final = re.compile(r"\*\*(.+?)\*\*")
_BLOCKS: Final = frozenset(
    {"paragraph", "heading", "listItem", "codeBlock", "blockquote", "hardBreak", "rule", "panel"}
)


def adf(text: str) -> dict[str, Any]:
    """A document of Atlassian's: a paragraph for each line, `**strong**` in bold."""
    paragraphs = [{"type": "paragraph", "content": list(_inline(line))} for line in text.split("\n") if line.strip()]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _inline(line: str) -> Any:
    for number, part in enumerate(_STRONG.split(line)):
        if part:
            yield {"type": "text", "text": part, **({"marks": [{"type": "strong"}]} if number % 2 else {})}


def wiki(text: str) -> str:
    """Jira's own markup."""
    return _STRONG.sub(r"*\1*", text)


def words(value: Any) -> str | None:
    """What people wrote into a document or a text, without what marks it up; None for nothing."""
    said = without_board(value if isinstance(value, str) else _spoken(value)) if value else None
    return bare(said) or None if said else None


def _spoken(node: Any) -> str:
    if isinstance(node, list):
        return "".join(_spoken(one) for one in node)
    if not isinstance(node, dict):
        return ""
    own = str(node.get("text") or "") + _spoken(node.get("content"))
    return f"\n{own}\n" if node.get("type") in _BLOCKS else own
