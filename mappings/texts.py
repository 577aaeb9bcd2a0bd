"""A mapping's rich texts: what of a tool's own text is kept, how its edits are taken over, how it is written over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tieline.core.model import ABSENT, FieldSpec, FieldType
from tieline.core.port import Body
from tieline.mappings.convert import merging
from tieline.mappings.convert.merging import Carried, Over
from tieline.mappings.document import FieldRule, TextDialect
from tieline.mappings.paths import getter


@dataclass(frozen=True, slots=True)
class RichText:
    """One field that a tool holds as rich text, and that is written where it is read."""

    name: str
    dialect: TextDialect
    limit: int | None
    get: Callable[[Body], Any]

    def original(self, body: Body) -> Any:
        """The tool's own text where it holds more than we would write of it, None where it does not; ABSENT in a body
        without the field."""
        raw = self.get(body)
        if raw is ABSENT:
            return ABSENT
        return raw if merging.is_more(self.dialect, raw) else None

    def carried(self, text: str, before: str, theirs: str, *, prefer_theirs: bool) -> Carried:
        """The incident's text with an edit that this tool shows."""
        return merging.carried(self.dialect, text, before, theirs, self.limit, prefer_theirs=prefer_theirs)

    def over(self, original: Any, text: str, link: str) -> Over:
        """The incident's text written over the tool's own."""
        return merging.over(self.dialect, original, text, self.limit, link)


def rich_texts(specs: Mapping[str, FieldSpec], rules: Iterable[FieldRule]) -> dict[str, RichText]:
    """The rich texts of a mapping."""
    return {
        rule.name: RichText(rule.name, rule.text, rule.limit, getter(rule.read[0]))
        for rule in rules
        if specs[rule.name].type is FieldType.RICH_TEXT and len(rule.read) == 1 and rule.to == rule.read[0]
    }


def originals(texts: Mapping[str, RichText], body: Body, known: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a body's own texts, after `known` was kept of an earlier one."""
    kept = dict(known)
    for name, text in texts.items():
        original = text.original(body)
        if original is None:
            kept.pop(name, None)
        elif original is not ABSENT:
            kept[name] = original
    return kept
