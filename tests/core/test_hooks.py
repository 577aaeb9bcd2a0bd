"""The hooks: their list, their signatures and their words are a contract with strangers."""

from __future__ import annotations

import inspect

import pytest

from tieline.core import hooks
from tieline.core.hooks import Committed, Hooks
from tieline.core.plugins import HOOKS

SIGNATURES = {
    "tieline_adapters": "(self) -> 'Sequence[AdapterKind]'",
    "tieline_offer": "(self) -> 'Offer'",
    "tieline_classify": "(self, signal: 'Signal', fields: 'Fields') -> 'Fields | None'",
    "tieline_committed": "(self, event: 'Committed') -> 'None'",
    "tieline_disclose": "(self, fields: 'Fields', audience: 'Audience | None', connection: 'ConnectionName', "
    "ceiling: 'Tlp', kind: 'RecordKind') -> 'frozenset[str]'",
    "tieline_group_key": "(self, signal: 'Signal') -> 'str | None'",
    "tieline_grouping": "(self) -> 'str | None'",
    "tieline_review": "(self, edited: 'Edited') -> 'Mapping[str, Objection]'",
    "tieline_metrics": "(self) -> 'bytes'",
}


def test_a_signature_changes_only_on_purpose() -> None:
    """A plugin names its arguments: a new name breaks every stranger's plugin that uses the old one."""
    assert {name: str(inspect.signature(getattr(Hooks, name))) for name in HOOKS} == SIGNATURES


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_every_hook_says_what_it_is_for_and_stands_in_the_list(name: str) -> None:
    assert inspect.getdoc(getattr(Hooks, name))
    assert name in (hooks.__doc__ or "").split("A plugin is")[0]


def test_an_event_cannot_be_changed_by_an_observer() -> None:
    event = Committed(1, "opened", None, None, "ann", "", {})
    with pytest.raises(AttributeError):
        event.kind = "closed"  # type: ignore[misc]  # that it cannot be done is what is tested
