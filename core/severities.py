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
    """Why a word says nothing, and what to do: a sentence. "" is no word at all."""
    if not word:
        return "nothing says how bad it is; give the alert's rule a label `severity`, or classify it by a rule here."
    teach = f"say it in tieline.yaml, as in signals: {{severity_words: {{{folded(word)[:40]!r}: critical}}}}"
    if _RANK.fullmatch(folded(word)):
        return f"{word[:40]!r} is a rank, and ranks run both ways; {teach}."
    return f"nobody knows how bad {word[:40]!r} is; {teach}."
