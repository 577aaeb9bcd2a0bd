"""Changes an Atlassian document and keeps to the letter the nodes that were not touched.

Containers are gone into: a changed line in a panel leaves the panel, a changed cell the table. A node that our tree has
no word for (a file, a mention, a macro) stays as it is; a change of the words that stand for it is told and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tieline.mappings.convert import adf
from tieline.mappings.convert.carrying import Row, speak
from tieline.mappings.convert.lifting import Lift, Old, aligned
from tieline.mappings.convert.rich import (
    Block,
    Blocks,
    CodeBlock,
    Heading,
    Items,
    Mark,
    Paragraph,
    Quote,
    Run,
    Runs,
    Table,
    spoken,
    tidy,
    words,
)
from tieline.mappings.convert.sharing import shared
from tieline.mappings.convert.wording import steps

Node = dict[str, Any]
Settled = Callable[[Blocks], Blocks]

_SAYABLE = frozenset(
    {"paragraph", "heading", "codeBlock", "blockquote", "bulletList", "orderedList", "listItem", "table", "tableRow",
     "tableHeader", "tableCell", "rule", "text", "hardBreak"}
)  # fmt: skip
_ATOMS = frozenset({"text", "hardBreak"})
_DEEPEST = 12


class _Row(list[Old[Any, Block]]):
    """Nodes that are read together, each with what is read of it alone."""


def _row(olds: Sequence[Old[Any, Block]]) -> _Row:
    return _Row(one for old in olds for one in (old.piece if isinstance(old.piece, _Row) else [old]))


@dataclass(slots=True)
class NodeWriter:
    """Writes one document anew. `held` gathers a sentence for each node that stays although it should be another."""

    settled: Settled
    """What is read of blocks, once they are in the form that both the tool and the incident say exactly."""
    held: list[str] = field(default_factory=list)

    def write(self, content: Sequence[Any], now: Blocks, depth: int = 0, *, narrow: bool = False) -> list[Any]:
        """The nodes that show `now`. `narrow` is inside of what is read as a quotation or an item."""
        lift: Lift[Any, Block] = Lift(
            lambda new: adf.render(new)["content"], lambda old, new: self._edit(old, new, depth), speak
        )
        parts = [((old,), old.shown) for old in self.olds(content, narrow=narrow)]
        olds = [
            old.piece[0] if len(old.piece) == 1 else Old(_row(old.piece), old.shown)
            for old in aligned(parts, self._whole(content, narrow=narrow))
        ]
        return [
            node for one in lift(olds, now) for node in ([old.piece for old in one] if isinstance(one, _Row) else [one])
        ]

    def olds(self, content: Sequence[Any], *, narrow: bool) -> list[Old[Any, Block]]:
        """Each node with what is read of it. Lists that stand next to each other are read as one, and stay together."""
        olds: list[Old[Any, Block]] = []
        for node in content:
            shown = self._read(node, narrow=narrow)
            at = next((place for place in range(len(olds) - 1, -1, -1) if olds[place].shown), -1)
            before = olds[at].shown if at >= 0 else ()
            if before and shown and len(tidy((*before, *shown))) < len(before) + len(shown):
                row = _row([*olds[at:], Old(node, shown)])
                olds[at:] = [Old(row, tidy((*before, *shown)))]
            else:
                olds.append(Old(node, shown))
        return olds

    def _read(self, node: Any, *, narrow: bool) -> Blocks:
        return self._whole([node], narrow=narrow)

    def _whole(self, content: Sequence[Any], *, narrow: bool) -> Blocks:
        """What is read of nodes that stand together."""
        blocks = adf.parse({"content": list(content)})
        if not narrow or not blocks:
            return self.settled(blocks)
        inner = self.settled((Quote(blocks),))
        return inner[0].blocks if len(inner) == 1 and isinstance(inner[0], Quote) else inner

    def _edit(self, old: Old[Any, Block], new: Blocks, depth: int) -> list[Any]:
        node = old.piece
        if isinstance(node, _Row):
            return self._edit_row(node, new, depth)
        if not isinstance(node, dict):
            return []
        changed = self._inside(node, old.shown, new, depth) if new and depth < _DEEPEST else None
        if changed is not None:
            return changed
        if holds_more(node):
            return [self._keep(node, old.shown)]
        return list(adf.render(new)["content"])

    def _edit_row(self, row: _Row, new: Blocks, depth: int) -> list[Any]:
        done: list[Any] = []
        for old, mine in zip(row, shared([old.shown for old in row], new), strict=True):
            done += [old.piece] if old.shown == mine else self._edit(old, mine, depth)
        return done

    def _keep(self, node: Node, shown: Blocks) -> Node:
        said = " ".join(map(speak, shown)).replace("\n", " ")[:60].strip()
        self.held.append(
            f"“{said}…” is a {node.get('type')} there that would be lost if it were written anew. Change it in the "
            "tool itself, or put the words back as they were."
        )
        return node

    def _inside(self, node: Node, shown: Blocks, new: Blocks, depth: int) -> list[Any] | None:
        content = node.get("content")
        if not isinstance(content, list):
            return None
        match node.get("type"), shown, new:
            case "paragraph", (Paragraph(), *_), (Paragraph(), *_) if len(shown) == len(new):
                said, runs = _parted_by_breaks(shown), _parted_by_breaks(new)
                return None if said is None or runs is None else self._inline(node, said, runs)
            case "heading", (Heading(before, said),), (Heading(level, runs),):
                changed = self._inline(node, said, runs)
                return changed if level == before or changed is None else [_with(changed[0], level=level)]
            case "heading", (Paragraph(said),), (Paragraph(runs),) if (
                _is_title(said) and _is_title(runs) and "\n" not in _plain(runs)
            ):
                # Where no heading can stand, it is read as a line of bold words.
                return self._inline(node, _unbold(said), _unbold(runs))
            case "codeBlock", (CodeBlock(_, spoken_in),), (CodeBlock(text, language),):
                made = adf.render((CodeBlock(text),))["content"][0]["content"]
                return [_with({**node, "content": made}, **({"language": language} if language != spoken_in else {}))]
            case "blockquote" | "panel", (Quote(),), (Quote(inner),):
                return [{**node, "content": self.write(content, inner, depth + 1, narrow=True)}]
            case "bulletList" | "orderedList", (Items() as was,), (Items() as now,) if was.ordered == now.ordered:
                return self._list(node, was, now, depth)
            case "taskList" | "decisionList", (Items() as was,), (Items() as now,) if (
                not was.ordered and not now.ordered
            ):
                return self._tasks(node, was, now)
            case "table", (Table(rows),), (Table(others),):
                return self._table(node, rows, others)
            case "expand" | "nestedExpand", (title, *_), (same, *inner) if title == same:
                return [{**node, "content": self.write(content, tuple(inner), depth + 1)}]
            case (("layoutColumn" | "bodiedExtension"), _, _):
                return [{**node, "content": self.write(content, new, depth + 1)}]
            case ("layoutSection", _, _):
                # Nothing stands between columns: what is new stands in the one before it.
                columns = _row(self.olds(content, narrow=False))
                return [{**node, "content": self._edit_row(columns, new, depth + 1)}]
        return None

    def _list(self, node: Node, was: Items, now: Items, depth: int) -> list[Any] | None:
        entries = [one for one in node["content"] if isinstance(one, dict)]
        olds = [Old(one, self._item_of({**node, "content": [one]})) for one in entries]
        if tuple(item for old in olds for item in old.shown) != was.items:
            return None

        def make(new: tuple[Blocks, ...]) -> list[Any]:
            return list(adf.render((Items(now.ordered, 1, new),))["content"][0]["content"]) if new else []

        def edit(old: Old[Any, Blocks], new: tuple[Blocks, ...]) -> list[Any]:
            if not new:
                return [self._keep(old.piece, old.shown[0])] if holds_more(old.piece) else []
            content = old.piece.get("content")
            inner = content if isinstance(content, list) else []
            written = self.write(inner, new[0], depth + 1, narrow=True)
            return [{**old.piece, "content": adf.begun(written)}, *make(new[1:])]

        lift: Lift[Any, Blocks] = Lift(make, edit, lambda item: "\n".join(words(item)))
        changed = {**node, "content": lift(olds, now.items)}
        return [changed if was.start == now.start else _with(changed, order=now.start)]

    def _item_of(self, node: Node) -> tuple[Blocks, ...]:
        """What is read of a list with one item."""
        read = self.settled(adf.parse({"content": [node]}))
        return read[0].items if len(read) == 1 and isinstance(read[0], Items) else ()

    def _tasks(self, node: Node, was: Items, now: Items) -> list[Any] | None:
        """Tasks whose words changed. The box in front of them is not ours to tick."""
        entries = [Old(entry, self._item_of({**node, "content": [entry]})) for entry in node["content"]]
        if tuple(item for old in entries for item in old.shown) != was.items or len(was.items) != len(now.items):
            return None
        done: list[Any] = []
        waiting = list(now.items)
        for old in entries:
            item = waiting.pop(0) if old.shown else ()
            changed = [old.piece] if not old.shown or old.shown[0] == item else self._task(old, item)
            if changed is None:
                return None
            done += changed
        return [{**node, "content": done}]

    def _task(self, old: Old[Any, Blocks], now: Blocks) -> list[Any] | None:
        said, runs = _parted_by_breaks(old.shown[0]), _parted_by_breaks(now)
        if said is None or runs is None:
            return None
        match old.piece:
            case {"type": "taskItem"}:
                return self._inline(old.piece, _unticked(said), _unticked(runs))
            case {"type": "decisionItem"}:
                return self._inline(old.piece, said, runs)
        return None

    def _table(self, node: Node, was: tuple[Row, ...], now: tuple[Row, ...]) -> list[Any] | None:
        rows = [one for one in node["content"] if isinstance(one, dict)]
        if len(rows) != len(was) or len(was[0]) != len(now[0]):
            return None
        olds: list[Old[Any, Row]] = [Old(row, (cells,)) for row, cells in zip(rows, was, strict=True)]

        def make(new: tuple[Row, ...]) -> list[Any]:
            return list(adf.render((Table((now[0], *new)),))["content"][0]["content"][1:]) if new else []

        def edit(old: Old[Any, Row], new: tuple[Row, ...]) -> list[Any]:
            cells = old.piece.get("content")
            if not new:
                return [self._keep_row(old)] if holds_more(old.piece) else []
            if not isinstance(cells, list) or len(cells) != len(new[0]):
                return [self._keep_row(old), *make(new[1:])]
            done = [self._cell(*three) for three in zip(cells, old.shown[0], new[0], strict=True)]
            return [{**old.piece, "content": done}, *make(new[1:])]

        lift: Lift[Any, Row] = Lift(make, edit, lambda row: " ".join(map(spoken, row)))
        return [{**node, "content": lift(olds, now)}]

    def _keep_row(self, old: Old[Any, Row]) -> Any:
        return self._keep(old.piece, tuple(map(Paragraph, old.shown[0])))

    def _cell(self, node: Any, was: Runs, now: Runs) -> Any:
        if was == now or not isinstance(node, dict):
            return node
        match node.get("content"):
            case [{"type": "paragraph" | "heading"} as inner]:
                changed = self._inline(inner, was, now, in_one_line=True)
                if changed is not None:
                    return {**node, "content": changed}
        if holds_more(node) or not _is_a_line(node.get("content") or ()):
            return self._keep(node, (Paragraph(was),))
        return {**node, "content": adf.render((Paragraph(now),))["content"]}

    def _inline(self, node: Node, was: Runs, now: Runs, *, in_one_line: bool = False) -> list[Any] | None:
        """A paragraph or heading with other words: the inline nodes whose words stay are kept. `in_one_line` says that
        its line breaks are read as spaces, as they are in a cell."""
        content = node.get("content")
        nodes = content if isinstance(content, list) else []
        changed = _reworded(nodes, was, now, " " if in_one_line else "\n")
        return None if changed is None else [{**node, "content": changed}]


def _is_a_line(content: Any) -> bool:
    """Whether a cell holds what it is shown as, and no list, code or quotation, which are shown as a line there."""
    return len(content) <= 1 and all(isinstance(one, dict) and one.get("type") == "paragraph" for one in content)


def _parted_by_breaks(blocks: Blocks) -> Runs | None:
    """Paragraphs as one: two line breaks in one are read as its end."""
    done: list[Run] = []
    for block in blocks:
        if not isinstance(block, Paragraph):
            return None
        done += [Run("\n\n"), *block.runs] if done else block.runs
    return tuple(done)


def _is_title(runs: Runs) -> bool:
    """Whether these words are as a heading's are where none can stand: bold, all of them. Beside code nothing is."""
    said = [run for run in runs if run.text.strip()]
    return any(Mark.STRONG in run.marks for run in said) and all({Mark.STRONG, Mark.CODE} & run.marks for run in said)


def _unbold(runs: Runs) -> Runs:
    """The same words, not bold."""
    return tuple(replace(run, marks=run.marks - {Mark.STRONG}) for run in runs)


def _unticked(runs: Runs) -> Runs:
    """A task's words without the box that is shown before them."""
    first, *more = runs
    said = first.text.removeprefix("[x]").removeprefix("[ ]").lstrip(" ")
    return tuple(run for run in (Run(said, first.marks, first.href), *more) if run.text)


def _with(node: Node, **attributes: Any) -> Node:
    held = node.get("attrs")
    merged = {**(held if isinstance(held, dict) else {}), **attributes}
    return {**node, "attrs": merged} if merged else node


def holds_more(node: Any) -> bool:
    """True for a node that holds something our tree has no word for."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if not isinstance(here, Mapping):
            continue
        marks = here.get("marks")
        if here.get("type") not in _SAYABLE or not all(map(_is_known, marks if isinstance(marks, list) else ())):
            return True
        content = here.get("content")
        waiting += content if isinstance(content, list) else []
    return False


def _is_known(mark: Any) -> bool:
    return isinstance(mark, Mapping) and mark.get("type") in (*adf.MARKS, "link")


def _reworded(nodes: list[Any], was: Runs, now: Runs, line_break: str) -> list[Any] | None:
    """Inline nodes that were read as `was` and now read as `now`; None where a node cannot be parted. `line_break` is
    what a line break is read as."""
    each = adf.inline_runs([node if isinstance(node, Mapping) else {} for node in nodes])
    places = _places(each, was, line_break)
    if places is None:
        return None
    kept: set[tuple[int, int]] = set()
    added: dict[int, list[tuple[int, int]]] = {}  # behind which letter of `was`, and which letters of `now`
    before, after = _plain(was), _plain(now)
    marks_before, marks_after = _marks(was), _marks(now)
    for tag, begin, end, first, last in steps(before, after):
        if tag != "equal":
            added.setdefault(begin, []).append((first, last))
            continue
        for step in range(end - begin):
            if marks_before[begin + step] == marks_after[first + step]:
                kept.add(places[begin + step])
            else:
                added.setdefault(begin + step, []).append((first + step, first + step + 1))
    return _rebuilt(nodes, each, places, kept, added, now)


def _plain(runs: Runs) -> str:
    return "".join(run.text for run in runs)


def _marks(runs: Runs) -> list[tuple[Any, str]]:
    return [(run.marks, run.href) for run in runs for _ in run.text]


def _places(each: list[Runs], was: Runs, line_break: str) -> list[tuple[int, int]] | None:
    """For each letter of what is read, the node and the place in its words that it comes from."""
    read_as = {"\t": " ", "\n": line_break}
    letters = [
        (number, place, read_as.get(letter, letter))
        for number, runs in enumerate(each)
        for place, letter in enumerate(_plain(runs))
    ]
    places: list[tuple[int, int]] = []
    at = 0
    for letter in _plain(was):
        while at < len(letters) and letters[at][2] != letter:
            at += 1
        if at >= len(letters):
            return None
        places.append(letters[at][:2])
        at += 1
    return places


def _rebuilt(
    nodes: list[Any],
    each: list[Runs],
    places: list[tuple[int, int]],
    kept: set[tuple[int, int]],
    added: dict[int, list[tuple[int, int]]],
    now: Runs,
) -> list[Any] | None:
    read = set(places)
    done: list[Any] = []
    at = 0  # the letter of what is read that comes next

    def insert(*, ends: bool = False) -> None:
        for first, last in added.pop(at, ()):
            runs = _cut(now, first, last)
            # Line breaks at the end are not shown: what is added stands before them.
            place = _end_of_words(done) if ends else len(done)
            done[place:place] = adf.inline_nodes(runs)

    for number, node in enumerate(nodes):
        text = _plain(each[number])
        mine = [(number, place) for place in range(len(text))]
        gone = [place for place in mine if place in read and place not in kept]
        begins = at
        inner = [place for place in range(begins + 1, begins + len(read.intersection(mine))) if place in added]
        if not gone and not inner:
            if mine and begins in added and mine[0] in read:
                insert()
            at += len(read.intersection(mine))
            done.append(node)
            continue
        if not isinstance(node, dict) or node.get("type") not in _ATOMS:
            return None
        for place in mine:
            if place in read:
                insert()
                at += 1
            if place in kept or (place not in read and not gone):
                _spell(done, node, text[place[1]])
    insert(ends=True)
    return _sealed(done)


def _end_of_words(nodes: Sequence[Any]) -> int:
    """Where the line breaks begin that nothing follows."""
    end = len(nodes)
    while end and isinstance(nodes[end - 1], dict) and nodes[end - 1].get("type") == "hardBreak":
        end -= 1
    return end


def _spell(done: list[Any], node: Node, letter: str) -> None:
    """A letter of a node whose other letters may be gone."""
    last = done[-1] if done else None
    if node.get("type") == "hardBreak":
        done.append(node)
    elif isinstance(last, _Slice) and last.node is node:
        last.text += letter
    else:
        done.append(_Slice(node, letter))


@dataclass(slots=True)
class _Slice:
    """Part of a text node."""

    node: Node
    text: str


def _sealed(done: list[Any]) -> list[Any]:
    return [{**one.node, "text": one.text} if isinstance(one, _Slice) else one for one in done]


def _cut(runs: Runs, first: int, last: int) -> Runs:
    cut: list[Run] = []
    at = 0
    for run in runs:
        begin, end = max(first - at, 0), min(last - at, len(run.text))
        if begin < end:
            cut.append(Run(run.text[begin:end], run.marks, run.href))
        at += len(run.text)
    return tuple(cut)
