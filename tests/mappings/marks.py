"""What a conversion must keep of every word: all its marks, and the address that it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tieline.mappings.convert import markdown
from tieline.mappings.convert.rich import (
    PLAIN,
    Block,
    CodeBlock,
    Heading,
    Items,
    Marks,
    Paragraph,
    Quote,
    Rule,
    Runs,
    Table,
)
from tieline.mappings.convert.text import Dialect


def meaning(blocks: Iterable[Block]) -> Iterator[tuple[str, Marks, str]]:
    """Each word of a tree with all its marks and the address that it leads to: what a conversion must keep."""
    for block in blocks:
        match block:
            case Paragraph(runs) | Heading(_, runs):
                yield from _meant(runs)
            case CodeBlock(text):
                yield from ((word, PLAIN, "") for word in text.split())
            case Quote(inner):
                yield from meaning(inner)
            case Items(_, _, items):
                for item in items:
                    yield from meaning(item)
            case Table(rows):
                for row in rows:
                    for cell in row:
                        yield from _meant(cell)
            case Rule():
                pass


def _meant(runs: Runs) -> Iterator[tuple[str, Marks, str]]:
    yield from ((word, run.marks, run.href) for run in runs for word in run.text.split())


_MARKED = """**a** *b* ~~c~~ ***d*** ~~**e**~~ ~~*f*~~ ~~***g***~~ [h](https://e.org/h) **[i](https://e.org/i)** *[j](https://e.org/j)*

# **k** *l*

- **m** ***n***
- ~~o~~

> *p* **q**

| **r** | *s* |
| --- | --- |
| ~~***t***~~ | [u](https://e.org/u) |"""


def lost_marks(tool: Dialect) -> list[str]:
    """The words that come back from a dialect with other marks, or another address, than they went there with."""
    tree = markdown.parse(_MARKED)
    back = [*meaning(tool.parse(tool.render(tree)))]
    return [word for word, *rest in meaning(tree) if (word, *rest) not in back]
