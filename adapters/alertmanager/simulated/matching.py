"""Label matchers, as Alertmanager 0.25 reads them in filters, silences and inhibition rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MATCHER = re.compile(r'^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"{}!=~,\\\s]*))\s*$')


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; one that is missing counts as empty. Regular expressions match whole values."""

    name: str
    value: str
    regex: bool = False
    equal: bool = True

    def holds(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.name, "")
        found = re.fullmatch(self.value, value) is not None if self.regex else value == self.value
        return found is self.equal

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """`severity=~"critical|page"`. Raises ValueError."""
        found = _MATCHER.match(text)
        if found is None:
            raise ValueError(f"bad matcher format: {text}")
        name, operator, quoted, bare = found.groups()
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
        return cls(name, value, operator.endswith("~"), not operator.startswith("!"))

    @classmethod
    def of(cls, posted: Mapping[str, Any]) -> Matcher:
        """An element of a silence's `matchers`."""
        return cls(posted["name"], posted["value"], posted["isRegex"], posted.get("isEqual", True))

    def shown(self) -> dict[str, Any]:
        return {"isEqual": self.equal, "isRegex": self.regex, "name": self.name, "value": self.value}


def all_hold(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matcher.holds(labels) for matcher in matchers)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert matches `source`, those that match `target` and agree with it on `equal` are suppressed."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def applies(self, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
        return (
            all_hold(self.source, source)
            and all_hold(self.target, target)
            # An alert that is on both sides never inhibits itself or its like.
            and not all_hold(self.source, target)
            and all(source.get(name, "") == target.get(name, "") for name in self.equal)
        )
