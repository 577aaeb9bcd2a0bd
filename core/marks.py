"""What a tool has no member for, in what it does have: our token in a text, and our words as labels. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.port import Token

_MARK: Final = re.compile(r"(?:\r?\n){0,2}<!-- tieline: ([A-Za-z0-9_-]{1,200}) -->")


@dataclass(frozen=True, slots=True)
class Marks:
    """The prefixes of the labels that stand for members of a body; one that is empty stands for none."""

    prefixes: Mapping[str, str]

    def told(self, labels: Sequence[str]) -> dict[str, str | None]:
        """What the labels say, by member: the first of each prefix."""
        return {
            member: next((one[len(prefix) :] for one in labels if one.lower().startswith(prefix.lower())), None)
            for member, prefix in self._used()
        }

    def free(self, labels: Sequence[str]) -> list[str]:
        """The labels that stand for nothing but themselves."""
        used = tuple(prefix.lower() for _member, prefix in self._used())
        return [one for one in labels if not one.lower().startswith(used)] if used else list(labels)

    def written(self, labels: Sequence[str], told: Mapping[str, str | None]) -> list[str]:
        """The labels of an issue with those of these that stand for themselves, and what is told."""
        return [*self.free(labels), *(f"{prefix}{told[member]}" for member, prefix in self._used() if told.get(member))]

    def can_tell(self, member: str) -> bool:
        """Whether a label stands for a member."""
        return bool(self.prefixes.get(member))

    def _used(self) -> list[tuple[str, str]]:
        return [(member, prefix) for member, prefix in self.prefixes.items() if prefix]


def marked(text: str, token: Token) -> str:
    """A text with our mark."""
    return f"{text}\n\n<!-- tieline: {token} -->" if text else f"<!-- tieline: {token} -->"


def parted(text: str | None) -> tuple[str, Token | None]:
    """A text of ours without our mark, which is the last of several, and the token in it."""
    said = text or ""
    found = next(iter(reversed([*_MARK.finditer(said)])), None)
    return (said, None) if found is None else (said[: found.start()] + said[found.end() :], Token(found[1]))
