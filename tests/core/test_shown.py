"""What is shown goes over a wire and comes back as what reads the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from tieline.cli.output import text
from tieline.core.shown import Fact, Note, Part, Table, as_facts, from_facts


class Size(StrEnum):
    LARGE = "large"


CELLS: list[Any] = [None, "", True, False, 3, 2**70, Size.LARGE, datetime(2026, 11, 23, 19, 4, tzinfo=UTC)]
CELLS += [("a", None), [], "x\x1b[31m", [True, Size.LARGE]]
PARTS: list[Part] = [
    Table("Dishes", ["dish"], [[cell] for cell in CELLS], "none", whole=True),
    Note("soup", "hot"),
    Fact("course", None),
    "That is all.",
]


def test_what_comes_back_reads_the_same() -> None:
    table, *others = from_facts(json.loads(json.dumps(as_facts(PARTS))))
    assert isinstance(table, Table)
    assert (table.title, table.columns, table.empty, table.whole) == ("Dishes", ["dish"], "none", True)
    assert [text(row[0]) for row in table.rows] == [text(cell) for cell in CELLS]
    assert others == PARTS[1:]


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        [1],
        [{}],
        [{"picture": "x"}],
        [{"sentence": 1}],
        [{"note": "x"}],
        [{"table": "x", "columns": [1], "rows": [], "empty": ""}],
        [{"table": "x", "columns": ["a"], "rows": ["b"], "empty": ""}],
        [{"table": "x", "columns": ["a"], "rows": [["b", "c"]], "empty": ""}],
    ],
)
def test_what_cannot_be_shown_is_refused(told: Any) -> None:
    with pytest.raises(ValueError):
        from_facts(told)
