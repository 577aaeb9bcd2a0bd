"""T14: what a ticket says is text wherever it arrives: no script, no strange link, no ping, no terminal command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.threats.conftest import Tally, cases

from tieline.cli.output import escaped, harmless, table, text
from tieline.mappings.convert.text import from_tool, to_tool
from tieline.mappings.document import TextDialect

SCHEMES = [
    "javascript",
    "JaVaScRiPt",
    "java\tscript",
    "java\nscript",
    "\x01javascript",
    "vbscript",
    "data",
    "file",
    "x",
]
TARGETS = [f"{scheme}:alert(1)" for scheme in SCHEMES] + ["//evil", "data:text/html,<script>alert(1)</script>"]
SHAPES = [
    "[click]({})", "[click](<{}>)", "![x]({})", "<{}>", "[a]: {}\n\n[a]", "[click|{}]",
    "[{}]", "!{}!", "<a href='{}'>x</a>",
    '<img src="{}" onerror=alert(1)>', "[code]<a href='{}'>x</a>[/code]",
    "{{html}}<a href='{}'>{{html}}",
    "[x]({} 'title')",
    "[ok](https://example.com)[x]({})", "[[x]({})]({})", "<svg/onload=location='{}'>", "<iframe src={}>",
    "`[x]({})`",
    "> [x]({})", "- [x]({})", "# [x]({})", "| [x]({}) |\n|---|", "[x\\]({})",
    "<form action={}><input type=submit>",
]  # fmt: skip
PINGS = [
    "[~admin]", "[~accountid:5b10ac8d82e05b22cc7d4ef5]", "[~admin|x]", "hello [~admin] there", "\\[~admin]",
    "[~ admin]",
    "{mention:admin}",
    "@[~admin]", "[[~admin]]", "!secret.png!", "[^attachment.pdf]", "{include:Page}",
    "{color:red}x",
    "{panel}[~admin]{panel}", "||[~admin]||", "* [~admin]", "h1. [~admin]", "bq. [~admin]", "{html}<script>{html}",

    "{code}{code}[~admin]", "{quote}[~admin]{quote}", "{noformat}{noformat}[~admin]",
    "[code]<script>alert(1)</script>[/code]",
    "[CODE]<b onmouseover=alert(1)>[/CODE]", "[ code ]<img src=x onerror=alert(1)>[ /code ]",
    "[code][code]x[/code][/code]",
]  # fmt: skip
PICTURES = [
    "!http://evil.example/x.png!", "see !http://evil.example/x.png|width=1! there", "!secret.png|thumbnail!",
    "http://a.example/ !http://evil.example/x.png! http://c.example",
    "http://a.example!http://evil.example/x.png!http://c.example",
    "http://a.example/!http://evil.example/x.png!", "!**x**http://evil.example/x.png!",
    "![x](http://evil.example/x.png)!", "*!*http://evil.example/x.png*!*", "`x`!http://evil.example/x.png!`x`",
    "| !http://evil.example/x.png! |\n|---|", "- !http://evil.example/x.png!", "![[x](http://evil.example/x.png)]!",
    "+http://a.example+", "^http://a.example^", "~http://a.example~", "??http://a.example??", "+under+ ^up^ ~down~",
    "http://a.example +http://b.example+ http://c.example",
]  # fmt: skip
PAYLOADS = [shape.replace("{}", target) for shape in SHAPES for target in TARGETS] + PINGS + PICTURES
"""Markdown, wiki, HTML and journal markup around two hundred targets and mentions, and pictures from elsewhere."""


def links(document: Any) -> Iterator[str]:
    """Every link and every node that is more than text, in an ADF document."""
    more = ("mention", "inlineCard", "blockCard", "embedCard", "media", "extension", "inlineExtension")
    if isinstance(document, dict):
        if document.get("type") in more:
            yield f"node:{document['type']}"
        attributes = document.get("attrs") or {}
        if document.get("type") == "link":
            yield str(attributes.get("href"))
        for value in document.values():
            yield from links(value)
    elif isinstance(document, list):
        for value in document:
            yield from links(value)


_WEB = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
_WIKI_LINK = re.compile(r"(?<!\\)\[(?:[^\[\]\n|]*(?<!\\)\|)?([^\[\]\n|]+)(?<!\\)\]")
_WIKI_MENTION = re.compile(r"(?<!\\)\[~")
_WIKI_PICTURE = re.compile(r"(?<!\\)!([^\s!][^!\n]*)(?<!\\)!")
_WIKI_ADDRESS = re.compile(r"https?://[^\s|\[\]{}<>\"\\!]*[A-Za-z0-9/]")
_WIKI_EFFECT = re.compile(r"(?<![\w\\])(\+|\^|~|\?\?)(?=[^\s+^~?])[^\n]*?[^\s\\]\1(?!\w)")
_JOURNAL_CODE = re.compile(r"\[\s*/?\s*code\s*\]", re.IGNORECASE)


_HTML_TAG = re.compile(r"<[^<>]*>?")
_OUR_TAG = re.compile(
    r"</?(?:p|h[1-6]|pre|blockquote|[uo]l|li|table|t[rdh]|strong|em|s|code|a)>|<br>|<hr>"
    r'|<ol start="\d+">|<pre class="language-[A-Za-z0-9_+#.-]+">|<a href="(?:https?://|mailto:)[^"<>]*">',
    re.IGNORECASE,
)


def _strange(tag: str) -> bool:
    return not _OUR_TAG.fullmatch(tag)


def dangers(dialect: TextDialect, written: Any) -> list[str]:
    """What a tool would make more of than text."""
    match dialect:
        case TextDialect.JIRA_ADF:
            return [link for link in links(written) if not _WEB.match(link)]
        case TextDialect.JIRA_WIKI:
            bare = re.sub(r"\{code(?::[^}]*)?\}.*?\{code\}", "", str(written), flags=re.DOTALL)
            bare = re.sub(r"\{\{.*?\}\}", "", bare, flags=re.DOTALL)
            found = [target for target in _WIKI_LINK.findall(bare) if not _WEB.match(target)]
            found += [f"picture:{name}" for name in _WIKI_PICTURE.findall(bare)]
            found += [f"effect:{sign}" for sign in _WIKI_EFFECT.findall(_WIKI_ADDRESS.sub("A", bare))]
            return found + _WIKI_MENTION.findall(bare) + re.findall(r"(?<!\\)\{(?:html|include|mention|color)", bare)
        case TextDialect.SERVICENOW_HTML:
            return [*_JOURNAL_CODE.findall(str(written)), *filter(_strange, _HTML_TAG.findall(str(written)))]
        case TextDialect.SERVICENOW_JOURNAL:
            return _JOURNAL_CODE.findall(str(written))
        case _:
            return []


def crossings(payload: str) -> Iterator[tuple[str, list[str]]]:
    """The payload as each tool's text, taken in and written into each other tool."""
    for source in TextDialect:
        taken = from_tool(source, payload)
        for target in TextDialect:
            yield f"{source} → {target}: {payload!r}", dangers(target, to_tool(target, taken, 32_000))


def test_no_payload_arrives_as_more_than_text(tally: Tally) -> None:
    assert len(PAYLOADS) >= 200
    found = [(where, danger) for payload in PAYLOADS for where, danger in crossings(payload) if danger]
    tally(len(PAYLOADS) * len(TextDialect) ** 2, found[:5])


@pytest.mark.timeout(0)
def test_no_mixture_of_payloads_does_either(tally: Tally) -> None:
    played: list[int] = []

    @settings(max_examples=cases(60, 10_000), deadline=None)
    @given(
        st.lists(st.sampled_from(PAYLOADS) | st.text(alphabet="[]()<>{}~|\\!+^?*_@ \nax:/", max_size=12), max_size=5)
    )
    def mixed(parts: list[str]) -> None:
        assert [(where, danger) for where, danger in crossings("".join(parts)) if danger] == []
        played.append(1)

    mixed()
    tally(len(played))


def test_the_search_for_dangers_finds_them() -> None:
    assert dangers(TextDialect.JIRA_WIKI, "[~admin] [x|javascript:alert(1)]")
    assert dangers(TextDialect.JIRA_WIKI, "a http://a.b !http://evil.example/x.png! b")
    assert dangers(TextDialect.JIRA_WIKI, "+http://x.y+")
    assert not dangers(TextDialect.JIRA_WIKI, "wow! C++ and a+b, 2^3^4, ~/bin http://x.y/~z really!")
    assert dangers(TextDialect.SERVICENOW_JOURNAL, "[code]<b>[/code]")
    assert dangers(TextDialect.SERVICENOW_HTML, "<p onclick=x>")
    assert dangers(TextDialect.SERVICENOW_HTML, '<a href="javascript:x">')
    assert not dangers(TextDialect.SERVICENOW_HTML, '<p>a &lt; b<br><a href="https://x.y/?a=1&amp;b=2">x</a></p>')
    assert dangers(TextDialect.JIRA_ADF, {"type": "link", "attrs": {"href": "javascript:alert(1)"}})
    assert dangers(TextDialect.JIRA_ADF, {"type": "mention"})


HOSTILE = [
    "\x1b[2J",
    "\x1b]0;owned\x07",
    "\x9b31m",
    "\x90q\x9c",
    "\r",
    "\x08",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200f",
    "\ufeff",
    "\x00",
]


def test_no_control_character_reaches_a_terminal(capsys: pytest.CaptureFixture[str], tally: Tally) -> None:
    bad: list[str] = []
    for words in HOSTILE:
        document = escaped(json.dumps({"title": f"a{words}b"}, ensure_ascii=False, indent=2))
        assert json.loads(document) == {"title": f"a{words}b"}, "what a program reads is what was there"
        table(f"T{words}", [f"c{words}"], [[f"a{words}b"], [[words]]], empty="")
        shown = capsys.readouterr().out
        said = f"{harmless(words)}{text(words)}{document}{shown}"
        bad += [repr(words) for char in words if not char.isprintable() and char in said]
    table("[link=https://evil.example]x[/link]", ["[bold]y"], [["[red]z[/red]"]], empty="")
    shown = capsys.readouterr().out
    assert "[link=https://evil.example]x[/link]" in shown.replace("\n", "")
    assert "[bold]y" in shown
    tally(len(HOSTILE), bad)
