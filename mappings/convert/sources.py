"""Changes a text in a tool's own markup and keeps to the letter what was not touched.

A piece of the source that nobody changed stays as its author wrote it, with all that our tree cannot say: colours,
pictures, macros. A piece that was changed is written line by line; a line that holds such a thing is not rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from types import MappingProxyType

from tieline.mappings.convert import html, markdown, plain, wiki
from tieline.mappings.convert.carrying import speak
from tieline.mappings.convert.lifting import Lift, Old
from tieline.mappings.convert.lines import quiet
from tieline.mappings.convert.rich import Block, Blocks, Paragraph, parted
from tieline.mappings.document import TextDialect

Spans = Callable[[str], list[tuple[str, Blocks]]]

_NEVER = re.compile(r"(?!)")
_WIKI_MORE = re.compile(
    r"(?<!\\)(?:\{(?!\{|code|noformat|quote)[A-Za-z][^{}\n]*\}|![^\s!][^!\n]*!|\[[~^]"
    r"|(?<!\w)(?:\+|\^|~|\?\?)(?=\S)[^\n]*?\S(?:\+|\^|~|\?\?)(?!\w))"
)
_MARKDOWN_MORE = re.compile(r"!\[")
_HTML_MORE = re.compile(
    r"<(?!/?(?:p|h[1-6]|pre|blockquote|[uo]l|li|table|tbody|thead|tr|td|th|strong|b|em|i|s|code|a|br|hr)\b)[A-Za-z]"
    r"|<[A-Za-z][^<>]*\b(?:style|colspan|rowspan|color|width|id)\s*="
    # A cell is shown as a line, whatever stands in it.
    r"|<t[dh]\b[^<>]*>(?:(?!</t[dh]\b)[\s\S])*?<(?:/p>\s*<p|[uo]l|pre|blockquote|h[1-6])\b",
    re.IGNORECASE,
)
_JOURNAL_MORE = re.compile(r"\[code\]", re.IGNORECASE)


_CLOSING = re.compile(r"(?:</\w+>)+$")
_BRACE = re.compile(r"\n?\{(?:quote|panel)\}$", re.IGNORECASE)
_TAG_END = re.compile(r"</\w+>")


def _closing(words: str, tags: str) -> int | None:
    """Where the same closing tags begin in a piece, whatever stands between them."""
    loose = r"\s*(?:</tbody>\s*)?".join(map(re.escape, _TAG_END.findall(tags)))
    found = re.search(rf"{loose}\s*$", words, re.IGNORECASE)
    return found.start() if found else None


@dataclass(frozen=True, slots=True)
class Source:
    """How a dialect's text is parted and written. `more` finds what our tree cannot say; `between` parts blocks, and
    `line` the lines of a paragraph."""

    spans: Spans
    render: Callable[[Blocks], str]
    more: re.Pattern[str] = _NEVER
    between: str = "\n\n"
    line: str = "\n"
    ends: tuple[str, ...] = ("",)
    """What may stand behind a paragraph's last words."""


SOURCES: Mapping[TextDialect, Source] = MappingProxyType(
    {
        TextDialect.MARKDOWN: Source(markdown.spans, lambda blocks: quiet(markdown.settled(blocks)[1]), _MARKDOWN_MORE),
        TextDialect.PLAIN: Source(plain.spans, plain.render),
        TextDialect.SERVICENOW_JOURNAL: Source(plain.journal_spans, plain.render_journal, _JOURNAL_MORE),
        TextDialect.SERVICENOW_HTML: Source(html.spans, html.render, _HTML_MORE, "\n", "<br>", ("</p>", "</div>", "")),
        TextDialect.JIRA_WIKI: Source(wiki.spans, wiki.render, _WIKI_MORE),
    }
)


_BARE_HTML = Source(html.spans, html.render_bare, _HTML_MORE)


def source_of(dialect: TextDialect, text: str) -> Source:
    """How a text of a dialect is written."""
    bare = dialect is TextDialect.SERVICENOW_HTML and not html.in_tags(text)
    return _BARE_HTML if bare else SOURCES[dialect]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the text: as it stood there, or new."""

    text: str
    new: bool = False


@dataclass(slots=True)
class SourceWriter:
    """Writes one text anew. `held` gathers a sentence for each piece that stays although it should be another; `advice`
    is what it says to do."""

    source: Source
    advice: str = "Change it in the tool itself, or put the words back as they were."
    held: list[str] = field(default_factory=list)

    def write(self, olds: list[Old[str, Block]], now: Blocks) -> str:
        """The text that shows `now`."""
        lift: Lift[_Part, Block] = Lift(self._make, self._edit, speak)
        parts = lift([Old(_Part(old.piece), old.shown) for old in olds], now)
        return self._together([part for part in parts if part.text])

    def _make(self, new: Blocks) -> list[_Part]:
        return [_Part(self.source.render(new), new=True)] if new else []

    def _edit(self, old: Old[_Part, Block], new: Blocks) -> list[_Part]:
        text = old.piece.text
        words = text.rstrip()
        sep = text[len(words) :]
        more = self.source.more.search(words)
        if not new:
            return self._keep(old) if more else []
        ways = (self._appended, self._within, self._relined)
        added = next((done for way in ways if (done := way(words, old.shown, new)) is not None), None)
        if added is not None:
            return [_Part(added + sep)]
        return self._keep(old) if more else [_Part(self.source.render(new), new=True)]

    def _keep(self, old: Old[_Part, Block]) -> list[_Part]:
        said = " ".join(map(speak, old.shown)).replace("\n", " ")[:60].strip()
        self.held.append(
            f"“{said}…” holds something that would be lost if it were written anew (a picture, a macro, a "
            f"colour). {self.advice}"
        )
        return [old.piece]

    def _appended(self, words: str, shown: Blocks, new: Blocks) -> str | None:
        """Lines added behind a paragraph's last one."""
        match shown, new:
            case (*before, Paragraph(was)), (*same, Paragraph(now)) if before == same:
                old_lines, lines = list(parted(was)), list(parted(now))
                if lines[: len(old_lines)] != old_lines:
                    return None
                begin, whole = (self.source.render((Paragraph(runs),)) for runs in (was, now))
                if self.source.line != "\n":
                    # A line's end stands in no mark: what was added is what lies behind it in the whole.
                    begin, whole = begin.removesuffix("</p>"), whole.removesuffix("</p>")
                if not whole.startswith(begin):
                    return None
                end = next(end for end in self.source.ends if words.lower().endswith(end))
                return words[: len(words) - len(end)] + whole[len(begin) :] + words[len(words) - len(end) :]
        return None

    def _within(self, words: str, shown: Blocks, new: Blocks) -> str | None:
        """What was added before that which closes the piece: tags, or a brace."""
        if self.source.line == "\n":
            return self._within_braces(words, shown, new)
        was, now = self.source.render(shown), self.source.render(new)
        closing = _CLOSING.search(was)
        for tag in _TAG_END.finditer(closing.group() if closing else ""):
            at = len(was) - len(closing.group() if closing else "") + tag.start()
            place = _closing(words, was[at:])
            if place is not None and now.startswith(was[:at]) and now.endswith(was[at:]):
                return words[:place] + now[at : len(now) - len(was) + at] + words[place:]
        return None

    def _within_braces(self, words: str, shown: Blocks, new: Blocks) -> str | None:
        was, now = self.source.render(shown), self.source.render(new)
        brace = _BRACE.search(was)
        closing = _BRACE.search(words)
        if brace is None or not now.startswith(was[: brace.start()]) or not now.endswith(brace.group()):
            return None
        added = now[brace.start() : len(now) - len(brace.group())]
        if closing is not None:
            return words[: closing.start()].rstrip() + added + "\n" + closing.group().lstrip()
        if words.rpartition("\n")[2].startswith("bq. "):
            # Such a line is a paragraph, and those below one another are one quotation.
            return words + "\nbq. ".join(lines.replace("\n", " \\\\ ") for lines in added.split("\n\n"))
        return None

    def _relined(self, words: str, shown: Blocks, new: Blocks) -> str | None:
        """The piece's own lines where they say the same, and new ones. None where it is not written so."""
        if self.source.line != "\n":
            return None
        own, was, now = (text.split("\n") for text in (words, self.source.render(shown), self.source.render(new)))
        if now[: len(was)] == was:
            return "\n".join([*own, *now[len(was) :]])
        if len(own) != len(was):
            return None
        lines: list[str] = []
        for tag, begin, end, first, last in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
            if tag == "equal":
                lines += own[begin:end]
            elif any(self.source.more.search(line) for line in own[begin:end]):
                return None
            else:
                lines += now[first:last]
        return "\n".join(lines)

    def _together(self, parts: list[_Part]) -> str:
        """The parts, with a gap around what is new where there is none."""
        text = ""
        for place, part in enumerate(parts):
            if place and (part.new or parts[place - 1].new):
                gap = self.source.between
                missing = next(n for n in range(len(gap) + 1) if text.endswith(gap[: len(gap) - n]))
                text += gap[len(gap) - missing :]
            text += part.text
        return text
