"""How the same words look in each tool."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tieline.mappings import load
from tieline.mappings.convert.cutting import is_cut
from tieline.mappings.convert.lines import units
from tieline.mappings.convert.merging import over
from tieline.mappings.convert.text import from_tool, project_text, to_tool
from tieline.mappings.document import TextDialect

MARKDOWN = """## Impact

Customers **cannot** pay, *see* [the graph](https://grafana.example.org/d/7) or ~~wait~~ `retry`.
Second line.

- carts
- cards
  - visa

1. restart

```sql
select 1;
```

> said Ada

| shop | lost |
| --- | --- |
| eu | 7 |

---

end"""

WIKI = """h2. Impact

Customers *cannot* pay, _see_ [the graph|https://grafana.example.org/d/7] or -wait- {{retry}}.
Second line.

* carts
* cards
** visa

# restart

{code:sql}
select 1;
{code}

{quote}
said Ada
{quote}

||shop||lost||
|eu|7|

----

end"""

PLAIN = """Impact

Customers cannot pay, see the graph (https://grafana.example.org/d/7) or wait retry.
Second line.

- carts
- cards
  - visa

1. restart

    select 1;

> said Ada

shop | lost
eu | 7

-----

end"""


@pytest.mark.parametrize("dialect", [TextDialect.JIRA_WIKI, TextDialect.JIRA_ADF, TextDialect.MARKDOWN])
def test_a_rich_text_goes_through_a_rich_dialect_unchanged(dialect: TextDialect) -> None:
    assert project_text(dialect, MARKDOWN) == MARKDOWN


def test_markdown_becomes_wiki_markup_and_back() -> None:
    assert to_tool(TextDialect.JIRA_WIKI, MARKDOWN) == WIKI
    assert from_tool(TextDialect.JIRA_WIKI, WIKI) == MARKDOWN


def test_markdown_becomes_plain_text_that_people_can_read() -> None:
    assert to_tool(TextDialect.PLAIN, MARKDOWN) == PLAIN


def test_markdown_becomes_a_document_of_known_nodes() -> None:
    document = to_tool(TextDialect.JIRA_ADF, MARKDOWN)

    assert (document["type"], document["version"]) == ("doc", 1)
    assert [node["type"] for node in document["content"]] == [
        "heading",
        "paragraph",
        "bulletList",
        "orderedList",
        "codeBlock",
        "blockquote",
        "table",
        "rule",
        "paragraph",
    ]
    assert {"type": "text", "text": "cannot", "marks": [{"type": "strong"}]} in document["content"][1]["content"]


def test_a_log_in_plain_text_is_taken_word_for_word() -> None:
    log = "ERROR *** disk <sda1> at 95% #1\n    at com.example.Disk(Disk.java:7)\n# 1. not a list_or_head `x` [a](b)"
    document = to_tool(TextDialect.JIRA_ADF, from_tool(TextDialect.PLAIN, log))
    shown = "\n".join(node.get("text", "") for node in document["content"][0]["content"] if node["type"] == "text")

    assert shown.replace("\u00a0", " ") == log
    assert to_tool(TextDialect.PLAIN, from_tool(TextDialect.PLAIN, log)) == log


def test_ordinary_prose_needs_no_backslash() -> None:
    prose = (
        "The disk_of_db1 is full (5 * 3 = 15). See https://example.org/a_b & tell [ops] - 100% sure!\nIt's <3 days > 2."
    )

    assert from_tool(TextDialect.PLAIN, prose) == prose


def test_a_bare_address_becomes_a_link_where_links_are_made() -> None:
    document = to_tool(TextDialect.JIRA_ADF, "see https://example.org/a, now")
    link = {"type": "link", "attrs": {"href": "https://example.org/a"}}

    assert document["content"][0]["content"][1] == {
        "type": "text",
        "text": "https://example.org/a",
        "marks": [link],
    }
    assert from_tool(TextDialect.JIRA_ADF, document) == "see https://example.org/a, now"


def test_an_unknown_node_keeps_its_words() -> None:
    body: dict[str, Any] = {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "hologram", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "inside"}]}]},
            {"type": "paragraph", "content": [{"type": "sticker", "attrs": {"text": "a sticker"}}]},
            {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"alt": "graph.png"}}]},
            {"type": "paragraph", "content": [{"type": "mention", "attrs": {"id": "5b", "text": "@Mia"}}]},
        ],
    }

    assert from_tool(TextDialect.JIRA_ADF, body) == "inside\n\na sticker\n\n[graph.png]\n\n@Mia"


def test_a_document_of_nonsense_is_read_without_an_error() -> None:
    for body in ({}, {"content": None}, {"content": ["x", 5]}, {"type": "doc", "content": [{"type": 5, "attrs": 7}]}):
        assert from_tool(TextDialect.JIRA_ADF, body) == ""


def test_a_document_nested_a_thousand_levels_deep_keeps_its_words() -> None:
    body: dict[str, Any] = {"type": "paragraph", "content": [{"type": "text", "text": "deep down"}]}
    for _ in range(150):
        body = {"type": "blockquote", "content": [body]}

    assert from_tool(TextDialect.JIRA_ADF, {"type": "doc", "content": [body]}).endswith("deep down")


@pytest.mark.parametrize("opening", [">" * 60, "- " * 60, "> - " * 40])
def test_markdown_nested_deeper_than_the_parser_goes_keeps_its_words(opening: str) -> None:
    assert "deep down" in to_tool(TextDialect.PLAIN, opening + "deep down")


def test_foreign_code_tags_are_shown_and_never_rendered_by_servicenow() -> None:
    text = "look: [code]<script>alert(1)</script>[/code] [ CODE ]"
    written = to_tool(TextDialect.SERVICENOW_JOURNAL, text)

    assert "[code]" not in written.lower()
    assert "[/code]" not in written.lower()
    assert "<script>" in written
    assert from_tool(TextDialect.SERVICENOW_JOURNAL, written).replace("\\", "") == text


def test_html_in_a_servicenow_code_block_reads_as_its_words() -> None:
    body = "before [code]<p>one &amp; two</p><ul><li>three</li></ul>[/code] after"

    assert from_tool(TextDialect.SERVICENOW_JOURNAL, body) == "before\n\none & two\n\n\\- three\n\nafter"


@pytest.mark.parametrize("dialect", list(TextDialect))
def test_nobody_is_called_by_a_copied_text(dialect: TextDialect) -> None:
    written = json.dumps(to_tool(dialect, "@channel and @HERE: ask [~admin]"), ensure_ascii=False)

    assert "@channel" not in written
    assert "@HERE" not in written
    assert project_text(dialect, "@channel is loud") == "@channel is loud"
    if dialect is TextDialect.JIRA_WIKI:
        assert "[~admin]" not in written.replace("\\\\[", "")


@pytest.mark.parametrize("dialect", list(TextDialect))
def test_a_script_link_is_never_a_link(dialect: TextDialect) -> None:
    written = json.dumps(to_tool(dialect, "[click](javascript:alert(1)) <javascript:alert(1)>"))

    assert '"href"' not in written
    assert "|javascript" not in written


@pytest.mark.parametrize("dialect", list(TextDialect))
def test_a_long_text_is_cut_between_blocks_and_says_where_it_goes_on(dialect: TextDialect) -> None:
    text = "\n\n".join(f"Paragraph {number} of a very long story, with some words." for number in range(2000))
    written = to_tool(dialect, text, 32767, "https://tieline.example.org/INC-7")
    length = units(written if isinstance(written, str) else json.dumps(written, separators=(",", ":")))
    read = from_tool(dialect, written, 32767)

    assert 30_000 < length <= 32_767
    assert "https://tieline.example.org/INC-7" in json.dumps(written)
    assert "INC-7" not in read
    assert is_cut(read)
    assert read.split("\n\n")[-2].endswith("some words.")
    assert read == project_text(dialect, text, 32767)


@pytest.mark.parametrize("dialect", list(TextDialect))
def test_one_endless_block_is_cut_inside(dialect: TextDialect) -> None:
    for text in ("word " * 20_000, "```\n" + "code\n" * 20_000 + "```", "- item\n" * 10_000, "🔥" * 40_000):
        written = to_tool(dialect, text, 32767)
        length = units(
            written if isinstance(written, str) else json.dumps(written, separators=(",", ":"), ensure_ascii=False)
        )

        assert 15_000 < length <= 32_767
        assert from_tool(dialect, written, 32767) == project_text(dialect, text, 32767)


@pytest.mark.parametrize("dialect", list(TextDialect))
@pytest.mark.parametrize(
    "text",
    ["[" * 9000, "![" * 4000, "**a*" * 2500, "`a " * 3000, "> a\n" * 2500, "|a|b|\n|-|-|\n" + "|x|y|\n" * 1500,
     "{code}\n" * 1500, "{quote}\n" * 1200, "{{" * 5000, "[code]" * 1600, "<b" * 5000, "\\" * 9000, " " * 9000 + "x",
     "{{7*7}}", "\u202eright to left", "شبكة 🔥 👩‍🚒"],
    ids=lambda text: text[:6],
)  # fmt: skip
def test_hostile_text_is_only_text(dialect: TextDialect, text: str) -> None:
    projected = project_text(dialect, text)

    assert from_tool(dialect, to_tool(dialect, text)) == projected
    assert projected


def test_a_mapping_speaks_the_dialect_of_its_tool() -> None:
    assert load("jira-issue").to_text("**x**")["type"] == "doc"
    assert load("jira-issue-wiki").to_text("**x**") == "*x*"
    assert load("servicenow-incident").to_text("**x** [code]") == "x [\u200bcode]"
    assert load("jira-issue-wiki").from_text("*x*") == "**x**"


def test_text_that_looks_like_wiki_markup_stays_text() -> None:
    for text in ("h1. no heading", "bq. no quote", "{code} no code", "|no|table|", "C:\\\\share\\\\", "{color:red}"):
        read = from_tool(TextDialect.PLAIN, text)

        assert project_text(TextDialect.JIRA_WIKI, read) == read


def test_an_address_in_brackets_stays_in_its_brackets() -> None:
    assert from_tool(TextDialect.PLAIN, "<http://a.b> <b>") == "\\<http://a.b> \\<b>"


@pytest.mark.parametrize(
    ("wiki", "meaning"),
    [
        ("{{${HOME}}} and {{a{b}c}}", "`${HOME}` and `a{b}c`"),
        ("{panel:title=Plan|borderStyle=solid}\nfirst\n{panel}", "> **Plan**\n>\n> first"),
        ("{panel:title=Plan}first\nsecond{panel}", "> **Plan**\n>\n> first\n> second"),
        ("{code:title=Foo.java|java}\nint x;\n{code}", "**Foo.java**\n\n```java\nint x;\n```"),
        ("{quote}said{quote}", "> said"),
        ("see !graph.png|thumbnail! and [^trace.log]", "see [graph.png] and [trace.log]"),
        ("!https://example.org/p.png!", "https://example.org/p.png"),
        ("wow! really! 5! = 120", "wow! really! 5! = 120"),
        ("half{*}bold{*}word", "half**bold**word"),
    ],
)
def test_what_people_write_in_wiki_markup_is_read(wiki: str, meaning: str) -> None:
    assert from_tool(TextDialect.JIRA_WIKI, wiki) == meaning


@pytest.mark.parametrize(
    "words", ["`${HOME}`", "`{a}`", "`{{7*7}}`", "`a}b`", "**5***3*", "`x` [`y`](https://e.org/y)"]
)
def test_inline_code_and_marks_within_words_come_back_from_wiki_markup(words: str) -> None:
    blocks = from_tool(TextDialect.MARKDOWN, words)

    assert "`" in words or project_text(TextDialect.JIRA_WIKI, blocks) == words
    assert project_text(TextDialect.JIRA_WIKI, words).count("`") in (words.count("`"), words.count("`") - 2)


@pytest.mark.parametrize(
    ("before", "behind", "words"),
    [
        ("see ", "now", "see https://example.org/x now"),
        ("see", ", now", "see https://example.org/x, now"),
        ("(", ") now", "(https://example.org/x) now"),
        ("a\n", ".b", "a\nhttps://example.org/x .b"),
        ("", "", "https://example.org/x"),
    ],
)
def test_text_right_beside_a_card_is_no_part_of_its_address(before: str, behind: str, words: str) -> None:
    card = {"type": "inlineCard", "attrs": {"url": "https://example.org/x"}}
    beside = [{"type": "text", "text": text} for text in (before, behind)]
    body = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [beside[0], card, beside[1]]}]}

    assert from_tool(TextDialect.JIRA_ADF, body) == words
    assert card in over(TextDialect.JIRA_ADF, body, f"{words} again").body["content"][0]["content"]


def test_cards_beside_one_another_stay_apart() -> None:
    cards = [{"type": "inlineCard", "attrs": {"url": f"https://example.org/{name}/"}} for name in "ab"]
    body = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": cards}]}

    assert from_tool(TextDialect.JIRA_ADF, body) == "https://example.org/a/ https://example.org/b/"


def test_cards_files_and_macros_are_shown_as_words_and_marked() -> None:
    def shown(*nodes: dict[str, Any]) -> str:
        return from_tool(TextDialect.JIRA_ADF, {"type": "doc", "version": 1, "content": list(nodes)})

    card = {"url": "https://example.org/card"}
    assert shown({"type": "blockCard", "attrs": card}) == "[https://example.org/card]"
    assert shown({"type": "paragraph", "content": [{"type": "inlineCard", "attrs": card}]}) == card["url"]
    assert shown({"type": "embedCard", "attrs": {"data": {"name": "Plan"}}}) == "[Plan]"
    assert shown({"type": "mediaGroup", "content": [{"type": "media", "attrs": {"id": "1"}}]}) == "[attachment]"
    assert shown({"type": "extension", "attrs": {"extensionKey": "toc"}}) == "[toc]"
    assert shown({"type": "expand", "attrs": {"title": "More"}, "content": []}) == "[More]"
    decision = {"type": "decisionItem", "content": [{"type": "hologram", "attrs": {"text": "go"}}]}
    assert shown({"type": "decisionList", "content": [decision]}) == "- go"
