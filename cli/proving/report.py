"""What a proof found, and the same for strangers: without what tells whose tool it was."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from tieline.adapters.testing.contract.trial import Verdict
from tieline.core.port import ConnectionSettings
from tieline.core.redaction import redacted

FORMAT: Final = "tieline-proof/1"
SHORTEST: Final = 3
"""Characters below which a setting is left alone: hiding `1` everywhere would hide the words around it."""

_NO_VERB: Final = "the driver has no verb"
_BESIDE: Final = "only somebody who does more in the tool than we could show it"

_VALUES: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_OF_TOOLS: Final = re.compile(r"(answered \d{3}).*", re.DOTALL)
"""From its status on, an error holds the tool's own words, which may name anybody."""

_TELLING: Final = (
    (re.compile(r"https?://[^\s'\"<>)]+"), "<address>"),
    (re.compile(r"(?<!\w)(/[\w.-]+){2,}"), "<path>"),
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b"), "<address>"),
    (re.compile(r"\[?\b[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){2,}\b\]?"), "<address>"),
    (re.compile(r"\b([\w-]+\.)+[a-z]{2,}\b(:\d+)?", re.IGNORECASE), "<host>"),
    (re.compile(r"\b[A-Z][A-Z0-9_]+-\d+\b"), "<key>"),
    (re.compile(r"\b[A-Z]{2,8}\d{4,}\b"), "<key>"),
    (re.compile(r"\b(?=[\w-]*\d)[0-9A-Za-z_-]{12,}\b"), "<id>"),
    (re.compile(r"\b\d{5,}\b"), "<id>"),
)
"""What tells of an installation in any tool's words, the most telling first."""


@dataclass(frozen=True)
class Proof:
    """What was found. `took` tells of each answered request whether it wrote, and its seconds; `closed` of what was
    made were closed, `left` were not, each with why."""

    tool: str
    version: str
    tieline: str
    mapping: str
    powers: Sequence[str]
    verdict: Verdict
    took: Sequence[tuple[bool, float]]
    closed: int
    left: Mapping[str, str]

    @property
    def holds(self) -> bool:
        """Whether nothing was otherwise."""
        return not self.verdict.broken and not self.verdict.crashed


def in_words(test: str) -> str:
    """A test's name as a sentence."""
    return test.removeprefix("test_").replace("_", " ")


def reasons(skipped: Mapping[str, str]) -> list[tuple[str, int]]:
    """Why tests were not asked, the commonest first, and of how many each reason is."""
    return Counter(_BESIDE if why.startswith(_NO_VERB) else why for why in skipped.values()).most_common()


def milliseconds(took: Iterable[tuple[bool, float]], *, writes: bool) -> tuple[int, int] | None:
    """The median and the slowest of what took so long; None where there was none."""
    found = [1e3 * seconds for wrote, seconds in took if wrote is writes]
    return (round(statistics.median(found)), round(max(found))) if found else None


def for_strangers(proof: Proof, known: Mapping[str, str]) -> dict[str, Any]:
    """The report as a document that names nobody: `known` is what is to be hidden, and what stands there instead."""

    def hide(words: str) -> str:
        return hidden(words, known)

    verdict = proof.verdict
    return {
        "format": FORMAT,
        "tieline": proof.tieline,
        "tool": proof.tool,
        "version": hide(proof.version),
        "mapping": proof.mapping,
        "powers": sorted(proof.powers),
        "milliseconds": {
            name: dict(zip(("median", "most"), found, strict=True))
            for name, writes in (("read", False), ("write", True))
            if (found := milliseconds(proof.took, writes=writes)) is not None
        },
        "kept": sorted(verdict.kept),
        "otherwise": {name: hide(words) for name, words in sorted(verdict.broken.items())},
        "crashed": {name: hide(words) for name, words in sorted(verdict.crashed.items())},
        "not_asked": {name: hide(words) for name, words in sorted(verdict.skipped.items())},
        "records": {"closed": proof.closed, "left": len(proof.left)},
    }


def telling(settings: Iterable[ConnectionSettings], others: Mapping[str, str]) -> dict[str, str]:
    """What tells whose tool it is, and what is shown for it: the settings' own words by their name, and others."""
    found = dict(others)
    for one in settings:
        for name, value in one:
            for word in _words(value):
                found.setdefault(word, f"<{name}>")
    return {word: shown for word, shown in found.items() if len(word) >= SHORTEST}


def hidden(words: str, known: Mapping[str, str]) -> str:
    """A sentence of the contract without values, without the tool's own words, and without what tells whose tool it
    is, as far as that can be told."""
    words = _VALUES.sub("<value>", _OF_TOOLS.sub(r"\1", redacted(words)))
    for word in sorted(known, key=len, reverse=True):
        words = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", known[word], words, flags=re.IGNORECASE)
    for pattern, shown in _TELLING:
        words = pattern.sub(shown, words)
    return words


def _words(value: object) -> Iterable[str]:
    if isinstance(value, Path):
        return [str(value), *value.parts]
    if isinstance(value, BaseModel):
        return [word for _name, one in value for word in _words(one)]
    if isinstance(value, str):
        return [value, *re.findall(r"[\w.-]+\.[\w.-]+", value), *value.split("/")]
    if isinstance(value, Mapping):
        return [word for one in value.values() for word in _words(one)]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [word for one in value for word in _words(one)]
    return []
