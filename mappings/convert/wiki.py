"""Jira wiki markup to and from the tree (Jira Data Center and REST v2). One pass over the text, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tieline.mappings.convert.lines import GUARD, quiet, raw_lines
from tieline.mappings.convert.rich import (
    PLAIN,
    Block,
    Blocks,
    CodeBlock,
    Heading,
    Items,
    Mark,
    Marks,
    Paragraph,
    Quote,
    Rule,
    Run,
    Runs,
    Table,
    even_lines,
    safe_href,
    tidy,
    words,
)

_HEADING = re.compile(r"[ \t]*h([1-6])\.[ \t]+(.*)")
_ITEM = re.compile(r"[ \t]*([*#-]{1,10})[ \t]+(.*)")
_BLOCK = re.compile(r"[ \t]*\{(code|noformat|quote|panel)(?::([^{}\n]{0,200}))?\}[ \t]*(.*)", re.IGNORECASE)
_RULE = re.compile(r"[ \t]*-{4,}[ \t]*")


class _Lines(list[str]):
    """The lines of a text, and where the last of them ends a block in braces: looked for once, however many open."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines)
        self._ends: dict[str, int] = {}

    def last_end(self, closing: str) -> int:
        """The last line that ends with `closing`, -1 where none does."""
        if closing not in self._ends:
            found = (place for place in range(len(self) - 1, -1, -1) if _is_end(self[place].strip(), closing))
            self._ends[closing] = next(found, -1)
        return self._ends[closing]


def parse(body: Any) -> Blocks:
    """The tree of a wiki text. Nothing is ever refused: what is no markup is text."""
    lines = _Lines(
        even_lines(str(body)).split("\n")
    )  # guards stay until the markup is found: they hide what looks like it
    blocks, _ = _blocks(lines, 0, "", 0)
    return tidy(blocks)


def spans(text: str) -> list[tuple[str, Blocks]]:
    """The text in the pieces that its blocks stand in, each with what follows it up to the next; and their blocks."""
    lines, raw = _Lines(even_lines(text).split("\n")), raw_lines(text)
    starts: list[tuple[int, int]] = []
    blocks, _ = _blocks(lines, 0, "", 0, starts)
    pieces: list[tuple[str, Blocks]] = []
    for place, (line, count) in enumerate(starts):
        end, last = starts[place + 1] if place + 1 < len(starts) else (len(lines), len(blocks))
        begin = line if place else 0
        pieces.append(("".join(raw[begin:end]), tuple(blocks[count:last])))
    return pieces


def _blocks(
    lines: _Lines, at: int, until: str, depth: int, starts: list[tuple[int, int]] | None = None
) -> tuple[list[Block], int]:
    """The blocks from line `at` up to a line that is `until`, and the line behind it. `starts` gathers the lines that
    they begin at, and how many came before."""
    blocks: list[Block] = []
    text: list[str] = []

    def begins(line: int) -> None:
        if starts is not None:
            starts.append((line, len(blocks)))

    def flush() -> None:
        if text:
            blocks.append(Paragraph(_inline("\n".join(text))))
            text.clear()

    while at < len(lines):
        line = lines[at]
        bare = line.strip()
        if until and _is_end(bare, until):
            if last := bare[: -len(until)].rstrip():
                text.append(last)
            at += 1
            break
        found, after = _special(lines, at, depth)
        if after > at:
            flush()
            begins(at)
            blocks += found
            at = after
            continue
        if not bare:
            flush()
        else:
            if not text:
                begins(at)
            text.append(line.lstrip(" \t"))
        at += 1
    flush()
    return blocks, at


def _special(lines: _Lines, at: int, depth: int) -> tuple[list[Block], int]:
    """The blocks that begin at a line with markup, and the line behind them; `at` itself for plain text."""
    line = lines[at]
    head = line.lstrip(" \t")[:1]
    if head == "h" and (heading := _HEADING.fullmatch(line)):
        return [Heading(int(heading[1]), _inline(heading[2]))], at + 1
    if head == "b" and line.lstrip().startswith("bq. "):
        return [Quote((Paragraph(_inline(line.lstrip()[4:])),))], at + 1
    if head == "-" and _RULE.fullmatch(line):
        return [Rule()], at + 1
    if head in ("*", "#", "-") and _ITEM.fullmatch(line):
        return _list(lines, at)
    if head == "|":
        return _table(lines, at)
    if head == "{" and (opening := _BLOCK.fullmatch(line)):
        return _braced(lines, at, opening, depth)
    return [], at


def _braced(lines: _Lines, at: int, opening: re.Match[str], depth: int) -> tuple[list[Block], int]:
    kind, closing = opening[1].lower(), "{" + opening[1].lower() + "}"
    language, title = _settings(opening[2] or "")
    head: list[Block] = [Paragraph((Run(title, frozenset({Mark.STRONG})),))] if title else []
    if kind in ("quote", "panel"):
        begin = at if opening[3] else at + 1
        if depth > 6 or lines.last_end(closing) < begin:
            return [], at
        lines[at] = opening[3]
        inner, after = _blocks(lines, begin, closing, depth + 1)
        return [Quote((*head, *inner))], after
    text, behind, after = _verbatim(lines, at, opening[3], closing)
    if after == at:
        return [], at
    rest: list[Block] = [Paragraph(_inline(behind))] if behind.strip() else []
    return [*head, CodeBlock(text, language if kind == "code" else ""), *rest], after


def _settings(said: str) -> tuple[str, str]:
    """The language and the title that stand behind the colon of an opening brace."""
    named = dict(one.split("=", 1) for one in said.split("|") if "=" in one)
    bare = next((one for one in said.split("|") if "=" not in one), "")
    return bare or named.get("language", ""), named.get("title", "").strip()


def _is_end(bare: str, closing: str) -> bool:
    """True for a line that ends with a closing brace, alone or behind the last words of its block."""
    return bare[-len(closing) :].lower() == closing and bare[-len(closing) - 1 : -len(closing)] != "\\"


def _verbatim(lines: _Lines, at: int, first: str, closing: str) -> tuple[str, str, int]:
    """The text up to `closing`, what stands behind it on its line, and the line after; `at` when it never comes."""
    text: list[str] = []
    for place in range(at, len(lines)):
        line = first if place == at else lines[place]
        end = line.lower().find(closing)
        if end >= 0:
            text.append(line[:end])
            return "\n".join(text), line[end + len(closing) :], place + 1
        text.append(line)
    return "", "", at


def _list(lines: _Lines, at: int) -> tuple[list[Block], int]:
    rows: list[tuple[str, Runs]] = []
    while at < len(lines) and (found := _ITEM.fullmatch(lines[at])) and not _RULE.fullmatch(lines[at]):
        text = [found[2]]
        at += 1
        while at < len(lines) and lines[at].strip() and _goes_on(lines[at]):
            text.append(lines[at].strip())
            at += 1
        rows.append((found[1], _inline("\n".join(text))))
    return list(_nest(rows, 0)), at


def _goes_on(line: str) -> bool:
    """True for a line that belongs to the item above it."""
    head = line.lstrip(" \t")
    starts = _ITEM.fullmatch(line) or _HEADING.fullmatch(line) or _BLOCK.fullmatch(line) or _RULE.fullmatch(line)
    return not starts and not head.startswith(("|", "bq. "))


def _nest(rows: list[tuple[str, Runs]], level: int) -> Iterator[Block]:
    at = 0
    while at < len(rows):
        kind = rows[at][0][level] == "#"
        items: list[Blocks] = []
        while at < len(rows) and (rows[at][0][level] == "#") == kind:
            head: Blocks = ()
            if len(rows[at][0]) == level + 1:
                head = (Paragraph(rows[at][1]),)
                at += 1
            deeper = at
            while deeper < len(rows) and len(rows[deeper][0]) > level + 1 and (rows[deeper][0][level] == "#") == kind:
                deeper += 1
            items.append((*head, *_nest(rows[at:deeper], level + 1)))
            at = deeper
        yield Items(kind, 1, tuple(items))


def _table(lines: _Lines, at: int) -> tuple[list[Block], int]:
    rows: list[tuple[Runs, ...]] = []
    start = at
    while at < len(lines) and lines[at].lstrip().startswith("|"):
        cells = list(_cells(lines[at].strip()))
        if not cells:
            break
        rows.append(tuple(_inline(cell) for cell in cells))
        at += 1
    return ([Table(tuple(rows))], at) if rows else ([], start)


def _cells(row: str) -> Iterator[str]:
    """The texts between unescaped bars; a bar inside a link's brackets does not count."""
    cell: list[str] = []
    in_link = False
    at = len(row) - len(row.lstrip("|"))
    while at < len(row):
        letter = row[at]
        if letter == "\\" and at + 1 < len(row):
            cell.append(row[at : at + 2])
            at += 2
            continue
        in_link = letter == "[" or (in_link and letter != "]")
        if letter == "|" and not in_link:
            yield "".join(cell)
            cell = []
            at += 1 + row.startswith("||", at)
            continue
        cell.append(letter)
        at += 1
    if "".join(cell).strip():
        yield "".join(cell)


# Inline ---------------------------------------------------------------------------------------------------------------

_SIGNS = {"*": Mark.STRONG, "_": Mark.EM, "-": Mark.STRIKE}
# A `!` ends an address: Jira would embed the picture that a second one closes, even from the middle of an address.
_URL = r"https?://[^\s|\[\]{}<>\"\\!]+[^\s|\[\]{}<>\"\\.,;:!?)*_'+^~-]"
_PICTURE = r"!(?=\S)[^!\n|]{1,300}\.[A-Za-z0-9]{2,5}(?:\|[^!\n]{0,200})?!"
_PIECE = re.compile(
    _URL + rf"|(?<![^\W_]){_PICTURE}(?![^\W_])"  # a picture, attached or from elsewhere
    r"|\\\\(?!\S)"  # a line break
    r"|\\[!-/:-@\[-`{-~]"  # an escaped mark
    r"|\{\{(?:\\.|[^\\\n{}]|\{(?!\{)|\}(?!\})|\}(?=\}\})){1,2000}?\}\}(?!\})"  # monospaced
    r"|\[[^\[\]\n]{1,2000}\]"  # a link or a mention
    r"|\{[*_-]\}"  # a mark inside of a word
    r"|&#(?:38|92);"  # how `_escaped` writes & and \
    r"|\{(?:[Cc]olor|[Aa]nchor)(?::[^{}\n]{0,60})?\}"
    r"|[*_-]"
)


def _inline(text: str) -> Runs:
    """Marks pair up within a line: an opening one stands before a word, a closing one behind it."""
    pieces: list[Run] = []
    for index, line in enumerate(text.split("\n")):
        pieces += [Run("\n")] if index else []
        pieces += _line(line)
    return tuple(pieces)


def _line(line: str) -> list[Run]:
    out: list[Run | str] = []
    opened: dict[str, int] = {}
    pairs: dict[int, tuple[str, bool]] = {}
    at = 0
    for found in _PIECE.finditer(line):
        if found.start() > at:
            out.append(Run(line[at : found.start()]))
        at = found.end()
        sign = found.group()
        if sign in _SIGNS:
            _pair(sign, line, found.start(), out, opened, pairs)
        elif sign[0] == "{" and sign[1:-1] in _SIGNS:
            _pair_braced(sign, out, opened, pairs)
        else:
            out.append(_piece(sign))
    out.append(Run(line[at:]))
    return _marked(out, pairs)


def _pair(
    sign: str, line: str, at: int, out: list[Run | str], opened: dict[str, int], pairs: dict[int, tuple[str, bool]]
) -> None:
    """Note a mark: it closes an open one of its kind, or opens one, or is text."""
    before, after = line[at - 1 : at], line[at + 1 : at + 2]
    start = opened.get(sign)
    if start is not None and before not in ("", " ", "\t", sign) and not after.isalnum() and start != len(out) - 1:
        pairs[start] = (sign, True)
        pairs[len(out)] = (sign, False)
        # A mark opened inside of this pair and still open would cross it, so it is text.
        for other in [other for other, place in opened.items() if place >= start]:
            del opened[other]
    elif not (before.isalnum() or before == "\\") and after not in ("", " ", "\t", sign) and sign not in opened:
        opened[sign] = len(out)
    out.append(sign)


def _pair_braced(sign: str, out: list[Run | str], opened: dict[str, int], pairs: dict[int, tuple[str, bool]]) -> None:
    """A mark in braces may stand anywhere, inside of a word too."""
    start = opened.pop(sign, None)
    if start is None:
        opened[sign] = len(out)
    else:
        pairs[start], pairs[len(out)] = (sign[1:-1], True), (sign[1:-1], False)
        for other in [other for other, place in opened.items() if place >= start]:
            del opened[other]
    out.append(sign)


def _marked(out: list[Run | str], pairs: dict[int, tuple[str, bool]]) -> list[Run]:
    marks: Marks = PLAIN
    runs: list[Run] = []
    for index, piece in enumerate(out):
        if index in pairs:
            sign, opens = pairs[index]
            marks = marks | {_SIGNS[sign]} if opens else marks - {_SIGNS[sign]}
        elif isinstance(piece, str):
            runs.append(Run(piece, marks))
        else:
            runs.append(piece if Mark.CODE in piece.marks else Run(piece.text, marks, piece.href))
    return runs


_HIDDEN = re.compile(r"\\([!-/:-@\[-`{-~])|&#(38|92);")


def _revealed(found: re.Match[str]) -> str:
    return found[1] or chr(int(found[2]))


def _piece(text: str) -> Run:
    if text[0] == "h":
        return Run(text)
    if text == "\\\\":
        return Run("\n")
    if text[0] == "\\":
        return Run(text[1:])
    if text[0] == "&":
        return Run(chr(int(text[2:4])))
    if text[0] == "!":
        name = text[1:-1].split("|")[0]
        return Run(name, PLAIN, name) if safe_href(name) else Run(f"[{name}]")
    if text[0] == "{" and text[1] != "{":
        return Run("")
    if text[0] == "{":
        return Run(_HIDDEN.sub(_revealed, text[2:-2]), frozenset({Mark.CODE}))
    inner = text[1:-1]
    if inner.startswith("~"):
        return Run("@" + inner[1:].removeprefix("accountid:"))
    if inner.startswith("^"):
        return Run(f"[{inner[1:]}]")  # an attached file
    label, bar, target = inner.rpartition("|")
    target = target.split("|")[0]
    if safe_href(target):
        return Run(label if bar and label.strip() else target, PLAIN, target)
    return Run(text)


# Rendering ------------------------------------------------------------------------------------------------------------

# A sign at the edge of a run may stand beside the markup of its neighbour, so it is escaped as if beside a word.
_ESCAPED = re.compile(
    rf"(?P<address>{_URL})"
    r"|[{}\[\]|]"
    r"|\\(?=[!-/:-@\[-`{-~\s]|$)"
    r"|&(?=#(?:38|92);)"
    r"|!(?=https?://)|(?<![^\W_])[*_+^~!?-](?=\S|$)|(?<!\s)[*_+^~!?-](?![^\W_])",
    re.MULTILINE,
)
_IN_CODE = re.compile(r"[*_{}\[\]|\\!+^~?-]|&(?=#(?:38|92);)")
_BLOCK_SIGN = re.compile(r"^([*#-]+(?=\s)|-{4,}\s*$)")
_BLOCK_WORD = re.compile(r"^(h[1-6]|bq)(?=\.)")


def render(blocks: Blocks) -> str:
    """The wiki text of a tidy tree."""
    return "\n\n".join(_render(block) for block in blocks)


def _render(block: Block) -> str:
    match block:
        case Paragraph(runs):
            return "\n".join(_line_start(line) for line in _text(runs).split("\n"))
        case Heading(level, runs):
            return f"h{level}. {_text(runs)}"
        case CodeBlock(text, language):
            # The closing tag inside the text would end it early.
            text = re.sub(r"\{(?=code\b)", "{" + GUARD, quiet(text), flags=re.IGNORECASE)
            return f"{{code:{language}}}\n{text}\n{{code}}" if language else f"{{code}}\n{text}\n{{code}}"
        case Quote(inner):
            return f"{{quote}}\n{render(inner)}\n{{quote}}"
        case Items():
            return "\n".join(_items(block, ""))
        case Table(rows):
            head, *rest = rows
            lines = ["||" + "||".join(_cell(cell) for cell in head) + "||"]
            return "\n".join([*lines, *("|" + "|".join(_cell(cell) for cell in row) + "|" for row in rest)])
        case Rule():
            return "----"


def _items(block: Items, above: str) -> Iterator[str]:
    """An item is its lines; wiki markup has no blocks in a list but further lists."""
    signs = above + ("#" if block.ordered else "*")
    for item in block.items:
        lines: list[str] = []
        for inner in item:
            if isinstance(inner, Items):
                yield from _item(signs, lines)
                lines = []
                yield from _items(inner, signs)
            elif isinstance(inner, Paragraph | Heading):
                lines += _text(inner.runs).split("\n")
            else:
                lines += (_escape(quiet(line)) for line in words((inner,)) if line.strip())
        yield from _item(signs, lines)


def _item(signs: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"{signs} " + "\n".join(_line_start(line.strip()) if index else line for index, line in enumerate(lines))


def _cell(cell: Runs) -> str:
    return _text(cell) or " "


def _text(runs: Runs) -> str:
    shown: list[str] = []
    for place, run in enumerate(runs):
        before = runs[place - 1].text[-1:] if place else ""
        after = runs[place + 1].text[:1] if place + 1 < len(runs) else ""
        shown.append(_run(run, inside=before.isalnum() or after.isalnum()))
    return "".join(shown)


def _run(run: Run, *, inside: bool) -> str:
    """A run with its marks; those `inside` of a word stand in braces."""
    text = quiet(run.text)
    if Mark.CODE in run.marks:
        shown = "{{" + _IN_CODE.sub(_escaped, text) + "}}"
    elif run.href:
        shown = f"[{_escape(text)}|{run.href}]"
    else:
        shown = _escape(text)
    signs = [f"{{{sign}}}" if inside else sign for sign, mark in _SIGNS.items() if mark in run.marks]
    head, tail = "".join(signs), "".join(reversed(signs))
    return "\n".join(head + line + tail if line else "" for line in shown.split("\n")) if signs else shown


def _escaped(found: re.Match[str]) -> str:
    """A backslash, except before a backslash: two of them at the end of a line would break it."""
    sign = found.group()
    return f"&#{ord(sign)};" if sign in "\\&" else "\\" + sign


def _escape(text: str) -> str:
    """Escapes what would be markup, and leaves addresses whole."""
    return _ESCAPED.sub(lambda found: found["address"] or _escaped(found), text)


def _line_start(line: str) -> str:
    line = _BLOCK_WORD.sub(r"\1" + GUARD, line)
    return _BLOCK_SIGN.sub(r"\\\1", line)
