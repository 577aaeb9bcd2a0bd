"""Words of monitoring for how bad an alert is: one table, whatever the case, and ranks are no words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tieline.core.config import load_text
from tieline.core.model import Severity
from tieline.core.severities import LONGEST_WORD, SHIPPED, WORDS, Severities, folded, why_unknown

SAID = {
    "Prometheus and Grafana": "critical=critical warning=medium info=info none=info page=critical ticket=medium",
    "syslog": "emerg=critical panic=critical alert=critical crit=critical err=high warn=medium notice=low debug=info",
    "Zabbix": "Disaster=critical High=high Average=medium Warning=medium Information=info",
    "Icinga and Nagios": "CRITICAL=critical WARNING=medium OK=info UP=info DOWN=critical UNREACHABLE=high",
    "Datadog": "Alert=critical error=high Warn=medium success=info",
    "PagerDuty": "critical=critical error=high warning=medium info=info",
    "Opsgenie": "Critical=critical High=high Moderate=medium Low=low Informational=info",
    "Splunk": "fatal=critical severe=critical error=high warn=medium informational=info",
    "Elastic and Sentinel": "Critical=critical High=high Medium=medium Low=low Informational=info",
    "Google Cloud": "EMERGENCY=critical ALERT=critical ERROR=high NOTICE=low",
    "ITU X.733": "critical=critical major=high minor=low warning=medium cleared=info",
}


@pytest.mark.parametrize("who", SAID)
def test_the_words_of_monitoring_are_known_whatever_their_case(who: str) -> None:
    for said in SAID[who].split():
        word, _, severity = said.partition("=")
        for spelt in (word, word.upper(), word.lower(), word.title(), f" {word} "):
            assert SHIPPED.of(spelt) == severity, spelt


def test_a_severity_is_a_word_for_itself() -> None:
    assert {SHIPPED.of(one.value) for one in Severity} == set(Severity)


def test_no_word_means_two_things() -> None:
    words = [word for said in WORDS.values() for word in said]
    assert len(words) == len(set(words))
    assert words == [folded(word) for word in words]


@pytest.mark.parametrize("rank", ["P1", "p5", "Sev-2", "SEV1", "s3", "sev_0", "priority 1", "1", "5", "0"])
def test_a_rank_is_no_word_for_it_runs_both_ways(rank: str) -> None:
    assert SHIPPED.of(rank) is None
    assert "runs both ways" in why_unknown(rank) or "run both ways" in why_unknown(rank)
    assert "severity_words" in why_unknown(rank)


@pytest.mark.parametrize("word", ["UNKNOWN", "Not classified", "indeterminate", "No Data", "purple", ""])
def test_what_nobody_knows_is_unknown_and_not_harmless(word: str) -> None:
    assert SHIPPED.of(word) is None
    assert why_unknown(word)


def test_an_installation_says_what_its_words_mean_and_its_own_go_first() -> None:
    ours = Severities({"p1": Severity.CRITICAL, "sev 2": Severity.HIGH, "warning": Severity.HIGH})
    assert ours.of("P1") is Severity.CRITICAL
    assert ours.of("SEV-2") is Severity.HIGH
    assert ours.of("Warning") is Severity.HIGH
    assert ours.of("fatal") is Severity.CRITICAL
    assert ours.of("P2") is None


@example("our worst level of all, which nobody may sleep through")
@example('it\'s "bad"')
@example("C:\\bad")
@example("bell\x07")
@example("tag\U000e0001")
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=LONGEST_WORD - 1))
def test_the_line_that_is_advised_makes_the_word_known(word: str) -> None:
    advised = re.search(r"signals: \{.*\}\}", why_unknown(word))
    if not folded(word):
        assert advised is None
        return
    assert advised is not None
    config, registry = load_text(f"tieline: 1\n{advised.group()}\n", Path("tieline.yaml"))
    registry.close()
    assert Severities(config.signals.severity_words).of(word) is Severity.CRITICAL


def test_of_a_word_that_may_be_cut_no_line_is_advised() -> None:
    cut = ("our level " * 20)[:LONGEST_WORD]
    assert "signals: {" not in why_unknown(cut)
    assert "add the whole word, as its source has it, to `signals.severity_words`" in why_unknown(cut)
    assert len(why_unknown(cut * 20)) < 300
