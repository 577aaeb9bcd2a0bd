"""One line of plain text: cleaning what came in, and fitting what goes out into a tool's limit."""

from __future__ import annotations

import re

from tieline.core.letters import whole_letters

ELLIPSIS = "…"
GUARD = "\u200b"  # zero width space: parts an `@` from a word that would wake a whole channel
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\ud800-\udfff\ufeff]+")
_RAW_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_GAPS = re.compile(r"\s+")
_LOUD = re.compile(r"@(?=(?:channel|here|everyone|all)\b)", re.IGNORECASE)


def clean_line(text: str) -> str:
    """One line: newlines folded, control characters and lone surrogates gone, spaces single."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    return _GAPS.sub(" ", _UNSAFE.sub(" ", text.replace(GUARD, ""))).strip()


def raw_lines(text: str) -> list[str]:
    """The lines of a text, each with the newline that it ends with, of whatever kind."""
    lines = _RAW_LINE.findall(text)
    return [*lines, ""] if not lines or lines[-1][-1:] in ("\n", "\r") else lines


def quiet(text: str) -> str:
    """Put a guard behind the `@` of `@channel` and the like; reading takes it out again."""
    return _LOUD.sub("@" + GUARD, text) if "@" in text else text


def units(text: str) -> int:
    """Length in UTF-16 units, which is how Java tools count: an emoji is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def line_out(text: str, limit: int | None) -> str:
    """What is written to a tool: clean, quiet, and at most `limit` units long."""
    whole = quiet(clean_line(text))
    fitted = fit_line(whole, limit)
    if fitted is not whole and quiet(fitted) != fitted:
        # The cut made "@all…" out of "@alliance": leave the half word out, or its guard would burst the limit.
        return fitted[: fitted.rindex("@")].rstrip() + ELLIPSIS
    return fitted


def fit_line(text: str, limit: int | None) -> str:
    """At most `limit` units, cut at a word with an ellipsis."""
    if limit is None or units(text) <= limit:
        return text
    head = cut_units(text, limit - 1)
    word_end = head.rfind(" ", len(head) * 2 // 3)
    return (head[:word_end] if word_end > 0 else head).rstrip() + ELLIPSIS


def cut_units(text: str, limit: int) -> str:
    """The longest beginning of at most `limit` units that does not part what people see as one character."""
    if text.isascii():
        return text[:limit]
    head = text.encode("utf-16-le", "surrogatepass")[: limit * 2].decode("utf-16-le", "ignore")
    return text[: whole_letters(text, len(head))]
