"""What stands on a page is for whoever reads it there."""

from __future__ import annotations

import pytest

from tieline.sync.web.drawing import beside_a_button, spoken


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("both sides changed priority; run `tieline conflicts settle` to choose", "both sides changed priority"),
        (
            "team was edited there: ann changed it; run `tieline conflicts settle`",
            "team was edited there: ann changed it",
        ),
        ("it was refused", "it was refused"),
        ("run `tieline check` and look", "run `tieline check` and look"),
        ("a `tieline x`; run `rm -rf`", "a `tieline x`; run `rm -rf`"),
    ],
)
def test_a_command_is_not_named_beside_the_button_that_does_it(sentence: str, shown: str) -> None:
    assert beside_a_button(sentence) == shown


def test_what_is_to_be_typed_stands_as_such_in_a_sentence_and_nothing_in_it_is_markup():
    assert spoken("run `tieline <work>`; <b>`") == "run <code>tieline &lt;work&gt;</code>; &lt;b&gt;`"
    assert spoken("`a\u202eb`") == "<code>a[U+202E]b</code>"
