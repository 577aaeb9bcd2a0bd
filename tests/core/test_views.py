"""A list goes on after a key, whatever is added or removed meanwhile; what is no place in it is refused."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.arguments import Answer
from tieline.core.desk import Look
from tieline.core.views import Keyset, Listing, Paged, Row, Sparse, View, Views

PARTS = Keyset("parts", str, int)
keys = st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**63) + 1, 2**63 - 1))


class Part(Row):
    name: str


class Parts(Listing[Part]):
    """Parts."""


def parts(_look: Look, _ask: Paged) -> Parts:
    """Parts of something."""
    return Parts(items=())


@given(keys)
def test_a_cursor_stands_for_the_key_that_it_was_made_of(key: tuple[str, int]) -> None:
    assert PARTS.after(PARTS.cursor(*key)) == key


def written(json: str) -> str:
    return urlsafe_b64encode(json.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "_", "a" * 1_999, "W10", written("{}"), written("7"), written('"parts"'), written("[]")),
        *(written(one) for one in ('["parts"]', '["parts","a"]', '["parts","a","1"]', '["parts","a",1.0]')),
        *(written(one) for one in ('["parts","a",true]', '["parts","a",null]', '["parts","a",1,1]')),
        *(written(one) for one in ('["others","a",1]', f'["parts","a",{2**63}]', f'["parts","a",{-(2**63)}]')),
    ],
)
def test_what_is_no_place_in_the_list_is_refused_with_a_sentence(cursor: str) -> None:
    with pytest.raises(ValueError, match="that is no place in this list; take `next` of a page of `parts`, as it is"):
        PARTS.after(cursor)


@given(st.lists(keys, unique=True), st.lists(keys), st.integers(1, 5))
def test_pages_hold_each_row_that_stays_once_whatever_comes_and_goes_between_them(
    rows: list[tuple[str, int]], others: list[tuple[str, int]], limit: int
) -> None:
    seen: list[tuple[str, int]] = []
    present, coming, ask = sorted(rows), list(others), Paged(limit=limit)
    while True:
        found = [row for row in present if ask.after is None or row > PARTS.after(ask.after)]
        page, following = PARTS.page(found, ask, lambda row: row)
        seen += page
        if following is None:
            break
        # The row at which the page ended goes, and another one comes.
        present = sorted({*present, *coming[:1]} - {page[-1]})
        coming, ask = coming[1:], Paged(limit=limit, after=following)
    assert len(seen) == len(set(seen))
    assert set(rows) <= set(seen) <= {*rows, *others}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"limit": 10_001}, "limit: Input should be less than or equal to 10000"),
        ({"limit": "many"}, "limit: Input should be a valid integer"),
        ({"after": ""}, "after: String should have at least 1 character"),
        ({"after": "a" * 2_001}, "after: String should have at most 2000 characters"),
        ({"after": "a b"}, "after: String should match pattern"),
        ({"after": "WyJw="}, "after: String should match pattern"),
        ({"after": "\ud83d"}, "after: Input should be a valid string"),
        ({"page": 2}, "there is no argument 'page'; there are limit, after"),
    ],
)
def test_a_page_that_cannot_be_is_refused_with_a_sentence(given: dict[str, Any], says: str) -> None:
    with pytest.raises(Exception, match="parts: ") as refused:
        View("parts", parts, "incident.read").told(given)
    assert says in str(refused.value)


def test_a_view_says_what_it_answers_and_stands_under_its_name() -> None:
    offered = Views([View("parts", parts, "incident.read")])
    assert offered["parts"].answer is Parts
    with pytest.raises(LookupError, match="there is no view 'part'; did you mean 'parts'"):
        offered["part"]
    with pytest.raises(TypeError, match="the view 'parts' cannot be offered: another view is called so"):
        Views([offered["parts"], offered["parts"]])


def undescribed(_look: Look, _ask: Paged) -> Answer:
    raise NotImplementedError


def test_a_view_that_nobody_describes_cannot_be_offered() -> None:
    with pytest.raises(TypeError, match="its function has no docstring"):
        Views([View("parts", undescribed, "incident.read")])


class Tool(Sparse):
    name: str
    state: str | None = None
    tries: int = 0


def test_what_was_not_given_of_a_part_is_left_out_and_what_is_nothing_is_not() -> None:
    assert Tool(name="left").model_dump(mode="json") == {"name": "left"}
    assert Tool(name="left", state=None).model_dump(mode="json") == {"name": "left", "state": None}
    schema = Tool.model_json_schema(mode="serialization")
    assert (list(schema["properties"]), schema["required"]) == (["name", "state", "tries"], ["name"])
