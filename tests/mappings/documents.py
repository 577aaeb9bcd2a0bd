"""Documents of all kinds of nodes in every dialect, made from a seed: what people and macros leave in a ticket."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tieline.mappings.document import TextDialect

WORDS = r"""
    disk full host db1 eu-west the of at 95 % restart checked orders fail customers cannot pay 5*3 a_b C:\temp {x}
    [ops] <1s & ünïcode 🔥 👩‍🚒 (see) #4 -v 10:15 | ~ ^ + ! https://example.org/a_b/c?d=e*f state=on
""".split()  # noqa: SIM905 - forty quoted words could not be read
NAMES = ("graph.png", "trace.log", "shot 1.png")


def phrase(random: Random, most: int = 6) -> str:
    """A few words on one line."""
    return " ".join(random.choice(WORDS) for _ in range(random.randint(1, most)))


# Atlassian documents --------------------------------------------------------------------------------------------------

_ADF_MARKS: tuple[dict[str, Any], ...] = (
    {"type": "strong"}, {"type": "em"}, {"type": "strike"}, {"type": "code"}, {"type": "underline"},
    {"type": "textColor", "attrs": {"color": "#ff0000"}}, {"type": "subsup", "attrs": {"type": "sub"}},
    {"type": "link", "attrs": {"href": "https://example.org/kb?id=1&v=2"}},
)  # fmt: skip


def adf(random: Random) -> dict[str, Any]:
    """A document."""
    return {"type": "doc", "version": 1, "content": _adf_blocks(random, 0, _TOP, random.randint(1, 5))}


def _adf_inline(random: Random) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "text", "text": phrase(random) + random.choice((" ", ""))}
    marks = random.sample(_ADF_MARKS, random.choice((0, 0, 1, 2)))
    if marks:
        text["marks"] = marks
    return random.choice(
        (
            text, text, text, text,
            {"type": "hardBreak"},
            {"type": "mention", "attrs": {"id": "5b10", "text": "@Mia", "accessLevel": ""}},
            {"type": "emoji", "attrs": {"shortName": ":fire:", "id": "1f525", "text": "🔥"}},
            {"type": "date", "attrs": {"timestamp": "1700000000000"}},
            {"type": "status", "attrs": {"text": "OPEN", "color": "red", "localId": "1"}},
            {"type": "inlineCard", "attrs": {"url": "https://example.org/card"}},
            {"type": "mediaInline", "attrs": {"id": "m1", "collection": "c", "type": "file"}},
            {"type": "inlineExtension", "attrs": {"extensionType": "x", "extensionKey": "toc"}},
            {"type": "hologram", "attrs": {"text": phrase(random)}},
        )
    )  # fmt: skip


def _adf_inlines(random: Random) -> list[dict[str, Any]]:
    return [_adf_inline(random) for _ in range(random.randint(0, 4))]


def _adf_paragraph(random: Random) -> dict[str, Any]:
    return {"type": "paragraph", "content": _adf_inlines(random)}


# What may stand in what, after Atlassian's schema of the format: Jira refuses a document that is nested otherwise.
_IN_QUOTE = ("paragraph", "paragraph", "codeBlock", "list", "mediaSingle", "mediaGroup")
_IN_ITEM = ("paragraph", "codeBlock", "list", "mediaSingle")
_IN_PANEL = (*_IN_QUOTE, "heading", "rule", "blockCard", "taskList", "decisionList")
_IN_CELL = (*_IN_PANEL, "panel", "blockquote", "extension", "nestedExpand")
_IN_EXPAND = (*_IN_CELL[:-1], "table", "bodiedExtension")
_IN_COLUMN = (*_IN_EXPAND, "expand")
_TOP = (*_IN_COLUMN, "layoutSection")
_DEEPEST = 4


def _adf_table(random: Random, depth: int) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for below in reversed(range(random.randint(1, 3))):
        kind = "tableHeader" if not rows and random.random() < 0.7 else "tableCell"
        spans: tuple[dict[str, Any], ...] = (
            {},
            {},
            {"colspan": 2},
            {"background": "#fff"},
            {"rowspan": 2} if below else {},
        )
        cells = [
            {"type": kind, "attrs": random.choice(spans),
             "content": _adf_blocks(random, depth + 1, _IN_CELL, random.choice((1, 1, 1, 2)))}
            for _ in range(random.randint(1, 3))
        ]  # fmt: skip
        rows.append({"type": "tableRow", "content": cells})
    return {"type": "table", "attrs": {"layout": "default"}, "content": rows}


def _adf_list(random: Random, depth: int) -> dict[str, Any]:
    items = [
        {"type": "listItem",
         "content": [_adf_paragraph(random), *_adf_blocks(random, depth + 1, _IN_ITEM, random.choice((0, 0, 1)))]}
        for _ in range(random.randint(1, 3))
    ]  # fmt: skip
    kind = random.choice(("bulletList", "orderedList"))
    attributes = {"attrs": {"order": random.choice((1, 3))}} if kind == "orderedList" else {}
    return {"type": kind, **attributes, "content": items}


def _adf_tasks(random: Random, kind: str, states: tuple[str, ...]) -> dict[str, Any]:
    items = [
        {"type": kind.replace("List", "Item"), "attrs": {"localId": "i", "state": random.choice(states)},
         "content": _adf_inlines(random)}
        for _ in range(random.randint(1, 2))
    ]  # fmt: skip
    return {"type": kind, "attrs": {"localId": "t"}, "content": items}


def _adf_blocks(random: Random, depth: int, kinds: tuple[str, ...], count: int) -> list[dict[str, Any]]:
    allowed = kinds if depth < _DEEPEST else ("paragraph",)
    return [_adf_block(random, random.choice(allowed), depth) for _ in range(count)]


def _adf_block(random: Random, kind: str, depth: int) -> dict[str, Any]:
    def inner(kinds: tuple[str, ...]) -> list[dict[str, Any]]:
        return _adf_blocks(random, depth + 1, kinds, random.randint(1, 2))

    match kind:
        case "heading":
            return {"type": kind, "attrs": {"level": random.randint(1, 6)}, "content": _adf_inlines(random)}
        case "codeBlock":
            text = "\n".join(phrase(random) for _ in range(random.randint(1, 3)))
            attributes = random.choice(({}, {"language": "sql"}, {"language": "c++", "uniqueId": "1"}))
            return {"type": kind, "attrs": attributes, "content": [{"type": "text", "text": text}]}
        case "rule":
            return {"type": kind}
        case "mediaSingle":
            media = {"type": "media", "attrs": {"id": "m2", "type": "file", "alt": random.choice(NAMES)}}
            return {"type": kind, "attrs": {"layout": "center"}, "content": [media]}
        case "mediaGroup":
            return {"type": kind, "content": [{"type": "media", "attrs": {"id": "m3", "type": "file"}}]}
        case "blockCard":
            return {"type": kind, "attrs": {"url": "https://example.org/card"}}
        case "extension":
            return {"type": kind, "attrs": {"extensionType": "x", "extensionKey": "chart", "text": "chart"}}
        case "taskList":
            return _adf_tasks(random, kind, ("TODO", "DONE"))
        case "decisionList":
            return _adf_tasks(random, kind, ("DECIDED",))
        case "list":
            return _adf_list(random, depth)
        case "table":
            return _adf_table(random, depth)
        case "panel":
            return {"type": kind, "attrs": {"panelType": "warning"}, "content": inner(_IN_PANEL)}
        case "blockquote":
            return {"type": kind, "content": inner(_IN_QUOTE)}
        case "expand" | "nestedExpand":
            return {"type": kind, "attrs": {"title": phrase(random)}, "content": inner(_IN_EXPAND)}
        case "layoutSection":
            columns = ({"type": "layoutColumn", "attrs": {"width": 50}, "content": inner(_IN_COLUMN)} for _ in range(2))
            return {"type": kind, "content": list(columns)}
        case "bodiedExtension":
            return {"type": kind, "attrs": {"extensionKey": "excerpt"}, "content": inner(_IN_PANEL)}
        case _:
            return _adf_paragraph(random)


# Texts ----------------------------------------------------------------------------------------------------------------


def _lines(random: Random, line: Callable[[], str], most: int = 3) -> str:
    return "\n".join(line() for _ in range(random.randint(1, most)))


def _joined(random: Random, makers: tuple[Callable[[], str], ...], gaps: tuple[str, ...] = ("\n\n",)) -> str:
    text = random.choice(makers)()
    for _ in range(random.randint(0, 4)):
        text += random.choice(gaps) + random.choice(makers)()
    return text


def wiki(random: Random) -> str:
    """Jira's wiki markup as people write it."""

    def words() -> str:
        return random.choice(("{}", "{}", "*{}*", "_{}_", "-{}-", "*_{}_*", "{{{{{}}}}}", "[{}|https://example.org/x]",
                              "{{color:red}}{}{{color}}", "+{}+", "{} [~mia] {}", "!graph.png|thumbnail! {}",
                              "see [^trace.log] {}", "{} !https://example.org/p.png!", "^{}^", "{} \\\\ {}")).replace(
            "{}", "disk {}").format(*(random.choice(("full", "of db1", "at 95 %")) for _ in range(3)))  # fmt: skip

    def line() -> str:
        return " ".join(words() for _ in range(random.randint(1, 3)))

    return _joined(
        random,
        (
            lambda: _lines(random, line), lambda: _lines(random, line), lambda: _lines(random, lambda: phrase(random)),
            lambda: f"h{random.randint(1, 6)}. {line()}",
            lambda: _lines(random, lambda: f"{random.choice(('*', '-', '#', '**', '*#'))} {line()}"),
            lambda: "||" + "||".join(words() for _ in range(2)) + "||\n"
            + _lines(random, lambda: "|" + "|".join(words() for _ in range(random.randint(1, 3))) + "|"),
            lambda: "{code:title=Foo.java|borderStyle=solid}\nint x;\n{code}",
            lambda: "{code:sql}\n" + _lines(random, lambda: phrase(random)) + "\n{code}",
            lambda: "{noformat}\n" + phrase(random) + "\n{noformat}",
            lambda: "{panel:title=Plan|bgColor=#fff}\n" + _lines(random, line) + "\n{panel}",
            lambda: "{quote}\n" + _lines(random, line) + "\n{quote}",
            lambda: "bq. " + line(),
            lambda: "----",
            lambda: "{anchor:here}" + line(),
        ),
        ("\n\n", "\n\n", "\n", "\r\n\r\n", "\n \n\n"),
    )  # fmt: skip


def markdown(random: Random) -> str:
    """Markdown as people write it."""

    def words() -> str:
        return random.choice(("{}", "{}", "**{}**", "*{}*", "__{}__", "~~{}~~", "***{}***", "`{}`",
                              "[{}](https://example.org/x)", "![{}](https://example.org/p.png)", "<b>{}</b>",
                              "<https://example.org/{}>")).format(random.choice(("full", "db1", "now")))  # fmt: skip

    def line() -> str:
        return " ".join(words() for _ in range(random.randint(1, 3)))

    return _joined(
        random,
        (
            lambda: _lines(random, line), lambda: _lines(random, line), lambda: _lines(random, lambda: phrase(random)),
            lambda: "#" * random.randint(1, 6) + " " + line(),
            lambda: _lines(random, lambda: f"{random.choice(('*', '-', '+'))} {line()}"),
            lambda: "3. " + line() + "\n4. " + line() + "\n   - " + line(),
            lambda: "- " + line() + "\n\n  " + line() + "\n\n  ```\n  code\n  ```",
            lambda: "| a | b |\n|:--|--:|\n" + _lines(random, lambda: f"| {words()} | {words()} |"),
            lambda: "```sql\n" + _lines(random, lambda: phrase(random)) + "\n```",
            lambda: "~~~\n" + phrase(random) + "\n~~~",
            lambda: _lines(random, lambda: "> " + line()),
            lambda: "***",
        ),
        ("\n\n", "\n\n", "\n\n\n"),
    )  # fmt: skip


def plain(random: Random) -> str:
    """Plain text: logs, lists with dashes, indented lines."""

    def line() -> str:
        return random.choice(("", "", "- ", "* ", "1. ", "    ", "> ", "# ", "\t")) + phrase(random)

    return _joined(random, (lambda: _lines(random, line, 4),), ("\n\n", "\n\n\n", "\n", "\r\n\r\n"))


def journal(random: Random) -> str:
    """A journal entry: plain text with pieces of HTML."""
    pieces = (
        lambda: plain(random),
        lambda: phrase(random) + " [code]<a href='https://example.org/kb'>KB1</a>[/code] " + phrase(random),
        lambda: "[code]" + hypertext(random) + "[/code]",
        lambda: phrase(random) + "[code]<br/>[/code]" + phrase(random),
    )
    return _joined(random, pieces)


def hypertext(random: Random) -> str:
    """HTML as editors leave it."""

    def words() -> str:
        said = html.escape(random.choice(("disk full", "of db1", "a < b", "at 95 %")))
        return random.choice(("{}", "{}", "<b>{}</b>", "<i>{}</i>", "<strong><em>{}</em></strong>", "<s>{}</s>",
                              '<a href="https://example.org/x?a=1&amp;b=2">{}</a>', "<code>{}</code>", "<u>{}</u>",
                              '<span style="color:red">{}</span>', '<img src="graph.png" alt="graph">{}',
                              "{}<br>{}", "{}&nbsp;{}")).format(said, said)  # fmt: skip

    def line() -> str:
        return " ".join(words() for _ in range(random.randint(1, 3)))

    def cells(tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{words()}</{tag}>" for _ in range(random.randint(1, 3))) + "</tr>"

    return _joined(
        random,
        (
            lambda: f"<p>{line()}</p>", lambda: f"<p>{line()}</p>", lambda: f"<div>{line()}</div>",
            lambda: f"<h2>{line()}</h2>",
            lambda: "<ul>" + "".join(f"<li>{line()}</li>" for _ in range(2)) + "</ul>",
            lambda: f"<ol start='3'><li>{line()}<ul><li>{line()}</li></ul></li></ol>",
            lambda: f'<table border="1"><tbody>{cells("th")}{cells("td")}</tbody></table>',
            lambda: f'<table><tr><td colspan="2">{words()}</td></tr>{cells("td")}</table>',
            lambda: f"<pre>{html.escape(phrase(random))}\n  two</pre>",
            lambda: f"<blockquote><p>{line()}</p></blockquote>",
            lambda: "<hr>",
            lambda: line(),
        ),
        ("\n", "", "\n\n"),
    )  # fmt: skip


MAKERS: Mapping[TextDialect, Callable[[Random], Any]] = {
    TextDialect.JIRA_ADF: adf,
    TextDialect.JIRA_WIKI: wiki,
    TextDialect.MARKDOWN: markdown,
    TextDialect.PLAIN: plain,
    TextDialect.SERVICENOW_JOURNAL: journal,
    TextDialect.SERVICENOW_HTML: hypertext,
}
