"""What the words of monitoring say about how bad an alert is: one table, whatever the case, for every tool.

A word that only ranks (`P1`, `sev-2`, a number) is not in it. Ranks run both ways (syslog's 0 is the worst, Zabbix's 5
is) and are given out by whoever set a rule up, so that nobody knows what one means before the installation says so:
`signals.severity_words` adds to the table. What stays unknown is never taken for harmless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tieline.core.letters import beginning
from tieline.core.model import Severity

WORDS: Final[Mapping[Severity, tuple[str, ...]]] = MappingProxyType(
    {
        Severity.CRITICAL: (
            *("critical", "crit", "fatal", "severe", "urgent", "highest", "blocker"),
            *("emergency", "emerg", "panic", "alert"),  # syslog, above critical
            *("disaster", "down", "page", "pager"),  # Zabbix; a host in Icinga; the convention of Sloth
        ),
        Severity.HIGH: ("high", "error", "err", "major", "important", "unreachable"),
        Severity.MEDIUM: ("medium", "warning", "warn", "moderate", "average", "ticket"),
        Severity.LOW: ("low", "minor", "notice", "trivial"),
        Severity.INFO: (
            *("info", "information", "informational", "debug", "trace", "verbose", "lowest"),
            *("ok", "up", "normal", "success", "clear", "cleared", "resolved"),  # a state that is none of the bad ones
            "none",  # kube-prometheus: Watchdog fires for as long as all is well
        ),
    }
)
"""Prometheus' and Grafana's conventions, and the words of syslog, Zabbix, Icinga and Nagios, Datadog, PagerDuty,
Opsgenie, Splunk, Elastic, Sentinel and Google Cloud."""

_MEANINGS: Final = {word: severity for severity, words in WORDS.items() for word in words}
LONGEST_WORD: Final = 80
"""Characters of a word that are kept of an alert; of a longer one its beginning."""

_SHOWN: Final = 40
"""Characters of it that a sentence shows."""

_BREAKS: Final = re.compile(r"[\s_-]+")
_RANK: Final = re.compile(r"(?:p|s|sev|severity|prio|priority|level|tier)? ?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Severities:
    """The table, with what an installation adds: its own words go before ours."""

    added: Mapping[str, Severity] = field(default_factory=dict)

    def of(self, word: str) -> Severity | None:
        """What a word says, whatever its case; None for one that nobody knows."""
        bare = folded(word)
        return self.added.get(bare) or _MEANINGS.get(bare)


SHIPPED: Final = Severities()


def folded(word: str) -> str:
    """A word as the table has it: without case, and with one space where it has hyphens and underscores."""
    return _BREAKS.sub(" ", word.casefold()).strip()


def why_unknown(word: str) -> str:
    """Why a word says nothing, and what to do: a sentence. "" is no word at all. A word of `LONGEST_WORD` characters or
    more may be the beginning of a longer one."""
    bare = folded(word)
    if not bare:
        said = f"{word!r} says nothing of how bad it is" if word else "nothing says how bad it is"
        return f"{said}; give the alert's rule a label `severity`, or classify it by a rule here."
    shown = beginning(word, _SHOWN)
    named = f"{shown!r}" if shown == word else f"{shown + '…'!r}"
    if _RANK.fullmatch(bare):
        return f"{named} is a rank, and ranks run both ways; {_lesson(word)}."
    return f"nobody knows how bad {named} is; {_lesson(word)}."


def _lesson(word: str) -> str:
    """How an installation says what a word means. A line that is advised is one that would do it."""
    if len(word) >= LONGEST_WORD:
        return (
            "add the whole word, as its source has it, to `signals.severity_words` in tieline.yaml (it is too long to "
            "be shown here), or have its source say a shorter one"
        )
    return f"say it in tieline.yaml, as in signals: {{severity_words: {{{_quoted(folded(word))}: critical}}}}"


def _quoted(word: str) -> str:
    """The word as YAML has it in quotes."""
    if "'" not in word and word.isprintable():
        return f"'{word}'"
    letters = (one if one.isprintable() and one not in '"\\' else f"\\U{ord(one):08x}" for one in word)
    return f'"{"".join(letters)}"'
