"""Bugs to plant in the shipped adapters: each leaves out one rule by which an adapter lives with its tool."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.alertmanager import alert as alertmanager_alert
from tieline.adapters.alertmanager import silences
from tieline.adapters.alertmanager import webhook as alertmanager_webhook
from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter
from tieline.adapters.jira import comments as jira_comments
from tieline.adapters.jira import history
from tieline.adapters.jira import webhook as jira_webhook
from tieline.adapters.jira import wire as jira_wire
from tieline.adapters.jira.adapter import JiraAdapter
from tieline.adapters.jira.jql import Place
from tieline.adapters.jira.made import Made
from tieline.adapters.jira.transitions import Walker
from tieline.adapters.pagerduty import doings, feed
from tieline.adapters.pagerduty import webhook as pagerduty_webhook
from tieline.adapters.pagerduty import wire as pagerduty_wire
from tieline.adapters.pagerduty.adapter import PagerDuty
from tieline.adapters.prometheus.adapter import PrometheusAdapter
from tieline.adapters.servicenow import journal, poll
from tieline.adapters.servicenow import webhook as servicenow_webhook
from tieline.adapters.servicenow import wire as servicenow_wire
from tieline.adapters.servicenow.adapter import ServiceNow
from tieline.adapters.servicenow.directory import People
from tieline.adapters.servicenow.query import both, condition
from tieline.adapters.servicenow.rows import version_of
from tieline.adapters.servicenow.wire import Wire as ServiceNowWire
from tieline.cli.simulation.bugs.planting import seen_by
from tieline.cli.simulation.people import SCRIBBLE
from tieline.core import redaction
from tieline.core.episodes import check_fingerprint
from tieline.core.errors import RemoteError, TryAgain
from tieline.core.listing import Understood
from tieline.core.model import Audience
from tieline.core.port import Act, Token
from tieline.core.sdk import Sdk
from tieline.sync.alerts import pins
from tieline.sync.comments import comments
from tieline.sync.intake.intake import Intake
from tieline.sync.limits import Budget
from tieline.sync.road import reconcile

Patches = Sequence[tuple[Any, str, Any]]


def _nothing(*_args: Any, **_others: Any) -> None:
    return None


class _Certain(Sdk[Any, Any]):
    """Tells a lost answer as if it said that nothing was done."""

    def unanswered(self, what: str, error: BaseException, *, writes: bool) -> RemoteError:
        told = super().unanswered(what, error, writes=writes)
        if isinstance(told, TryAgain):
            told.maybe_done = False
        return told


def _last_row_dropped() -> Patches:
    rows = ServiceNowWire.rows

    def short(self: Any, table: str, query: str, **options: Any) -> Any:
        listing = rows(self, table, query, **options)
        full = table == self.settings.table and len(listing.rows) == options["limit"] > 1
        return replace(listing, rows=listing.rows[:-1]) if full else listing

    return [(ServiceNowWire, "rows", short)]


def _servicenow_window_forgotten() -> Patches:
    batches = poll.batches

    def eager(connection: Any, settings: Any, start: Any, fetch: Any) -> Iterator[Any]:
        for batch in batches(connection, settings, start, fetch):
            ahead = poll.Place(max([batch.place.at, *(row["sys_updated_on"] for row in batch.rows)]))
            later = poll._next_second(ahead) if batch.rows else batch.place
            yield replace(batch, place=later)

    from tieline.adapters.servicenow import adapter

    return [(adapter, "batches", eager)]


def _servicenow_blind() -> Patches:
    def blind(self: Any, ref: Any, patch: Any, seen: Any) -> Any:  # noqa: ARG001 - that it is not looked at is the bug
        return update(self, ref, patch, version_of(self._row(ref)[0]))

    update = ServiceNow.update
    return [(ServiceNow, "update", blind)]


def _servicenow_untold() -> Patches:
    return [(ServiceNow, "replaced", _nothing)]


def _servicenow_shown_wider() -> Patches:
    return [(journal, "FIELD", dict.fromkeys(Audience, "comments"))]


def _servicenow_case() -> Patches:
    understood = journal._comment

    def strict(row: Any, account: str) -> Any:
        return replace(understood(row, account), ours=str(row.get("sys_created_by", "")) == account)

    return [(journal, "_comment", strict)]


def _servicenow_lost_answer_undone() -> Patches:
    return [(servicenow_wire, "Sdk", _Certain)]


def _forged_taken(module: Any) -> Callable[[], Patches]:
    return lambda: [(module, "verify", _nothing)]


def _jira_lag_forgotten() -> Patches:
    passed = Place.passed

    def hurried(self: Place, rows: Any, read: Any, overlap: timedelta, horizon: int | None) -> Place:
        after = passed(self, rows, read, overlap, None if horizon is None else horizon)
        return replace(after, at=after.at + overlap // timedelta(milliseconds=1))

    return [(Place, "passed", hurried)]


def _jira_look_remembered() -> Patches:
    read_on = Made._read_on

    def once(self: Any) -> None:
        if self._whole is None:
            read_on(self)

    return [(Made, "_read_on", once)]


def _jira_untold() -> Patches:
    return [(history, "replaced", lambda *_args: {})]


def _jira_shown_wider() -> Patches:
    request = jira_comments.request

    def public(body: Any, _visible: Any, token: Token, audience: Any, role: Any) -> Any:
        return request(body, Audience.CUSTOMERS, token, audience, role)

    return [(jira_comments, "request", public), (jira_comments.Comments, "_as_asked", lambda *_args: True)]


def _jira_walk_stops() -> Patches:
    step = Walker._step

    def short(self: Any, walk: Any, move: Any) -> None:
        step(self, walk, move)
        walk.ended = True

    return [(Walker, "_step", short)]


def _jira_lost_answer_undone() -> Patches:
    return [(jira_wire, "Sdk", _Certain)]


def _jira_token_left_out() -> Patches:
    return [(JiraAdapter, "find", _nothing)]


def _pagerduty_notes_untold() -> Patches:
    return [(feed.Feed, "_look", lambda self, ref, clocked, _noted: self._read(ref, clocked))]


def _pagerduty_overlap_forgotten() -> Patches:
    entries = feed.Log._entries

    def numbered(self: Any, rows: Any, until: datetime) -> Any:
        # One entry of a second stands for all of them.
        return list({entry.at: entry for entry in entries(self, rows, until)}.values())

    return [(feed.Log, "_entries", numbered)]


def _pagerduty_key_by_chance() -> Patches:
    numbers = itertools.count()

    def other(self: Any, first: Any, token: Token) -> Any:
        return raised(self, {**first, "incident_key": f"{token}-{next(numbers)}"}, token)

    raised = PagerDuty._raise
    return [(PagerDuty, "_raise", other), (PagerDuty, "find", _nothing)]


def _pagerduty_lost_answer_undone() -> Patches:
    return [(pagerduty_wire, "Sdk", _Certain)]


def _silence_stays() -> Patches:
    acknowledge = AlertmanagerAdapter.acknowledge

    def quiet(self: Any, ref: Any, act: Act, **others: Any) -> str:
        return acknowledge(self, ref, act, **others) if act is Act.ACKNOWLEDGE else ""

    return [(AlertmanagerAdapter, "acknowledge", quiet)]


def _silences_pile_up() -> Patches:
    return [(silences, "ours", lambda *_args: [])]


def _odd_alert_refuses_all() -> Patches:
    def all_or_nothing(items: Any, understand: Any, *_told: Any) -> Any:
        return Understood([understand(item) for item in items], [])

    return [(alertmanager_webhook, "understood", all_or_nothing)]


def _fingerprint_demanded() -> Patches:
    return [(alertmanager_alert, "identity", lambda _labels, told: check_fingerprint(told))]


def _other_versions_refused() -> Patches:
    return [(alertmanager_webhook, "VERSIONS", {"4": "Alertmanager"})]


def _heard_once_a_minute() -> Patches:
    def by_the_minute(self: Any, _tx: Any, batch: Any, now: datetime) -> Iterator[Any]:
        for name, received in batch:
            known = f"{received.delivery_id[:180]}@{now:%Y%m%d%H%M}"
            only_listens = self.engine.connections[name].only_listens
            yield name, replace(received, delivery_id=known) if only_listens else received

    return [(Intake, "_as_known", by_the_minute)]


def _address_by_its_case() -> Patches:
    def exact(self: Any, email: str) -> str | None:
        query = both(condition("email", "=", email), "active=true")
        rows = self._wire.rows("sys_user", query, limit=20, fields=("sys_id", "email")).rows
        return next((str(row["sys_id"]) for row in rows if row["email"] == email), None)

    return [(People, "person_id", exact)]


def _comment_known_by_its_words() -> Patches:
    def as_written(comment: Any, body: str, token: str) -> bool:
        return comments.is_copy(comment, body, token) and SCRIBBLE not in body

    return [seen_by(pins, "comments", is_copy=as_written)]


def _absence_believed() -> Patches:
    return [(PrometheusAdapter, "_ended", lambda self, missing, answer: [])]  # noqa: ARG005 - that nothing ever ends


def _clock_taken_for_a_person() -> Patches:
    return [(doings, "automatic", lambda *_args: frozenset())]


def _habit_taken_for_a_person() -> Patches:
    return [(reconcile, "_unlike_what_we_wrote", _nothing)]


def _budget_unspent() -> Patches:
    def generous(self: Any) -> None:
        self.permit()
        self.calls += 1

    return [(Budget, "spend", generous)]


def _secrets_shown() -> Patches:
    from tieline.core import errors

    shown: Callable[[str], str] = str
    return [(errors, "redacted", shown), (redaction, "redacted", shown)]


ADAPTER_MUTANTS: Final[Mapping[str, tuple[str, Callable[[], Patches], str]]] = {
    "servicenow-row-dropped": (
        "the last row of each full page is left out", _last_row_dropped, "servicenow,left"),
    "servicenow-window-forgotten": (
        "a cursor stands behind its last record, and not behind what may be committed late",
        _servicenow_window_forgotten, "servicenow,left"),
    "servicenow-blind": ("an update does not look at the version", _servicenow_blind, "servicenow,left"),
    "servicenow-untold": ("nobody asks the audit what a write replaced", _servicenow_untold, "servicenow,left"),
    "servicenow-shown-wider": ("work notes are written as comments", _servicenow_shown_wider, "servicenow,left"),
    "servicenow-case": ("our own entries are known by the exact case of our name", _servicenow_case, "servicenow,left"),
    "servicenow-lost-answer-undone": (
        "a lost answer counts as nothing done", _servicenow_lost_answer_undone, "servicenow,left"),
    "servicenow-forged-taken": (
        "a Business Rule's proof is not checked", _forged_taken(servicenow_webhook), "servicenow,left"),
    "jira-lag-forgotten": ("a cursor does not wait for the index", _jira_lag_forgotten, "jira,left"),
    "jira-look-remembered": ("an earlier look counts for a later create", _jira_look_remembered, "jira,left"),
    "jira-untold": ("the changelog is not asked what a write replaced", _jira_untold, "jira,left"),
    "jira-shown-wider": ("every comment is one for the customer", _jira_shown_wider, "jira-jsm,left"),
    "jira-walk-stops": ("a walk ends after its first step", _jira_walk_stops, "jira,left"),
    "jira-lost-answer-undone": ("a lost answer counts as nothing done", _jira_lost_answer_undone, "jira,left"),
    "jira-not-found": ("a search for a token finds nothing", _jira_token_left_out, "jira,left"),
    "jira-comment-known-by-its-words": (
        "our comment about alerts is not known again when somebody has edited it",
        _comment_known_by_its_words, "jira,left"),
    "jira-forged-taken": ("a webhook's signature is not checked", _forged_taken(jira_webhook), "jira,left"),
    "pagerduty-notes-untold": ("a poll does not tell of notes", _pagerduty_notes_untold, "pagerduty,left"),
    "pagerduty-second-dropped": (
        "of the log's entries in one second only the last is read", _pagerduty_overlap_forgotten, "pagerduty,left"),
    "pagerduty-key-by-chance": ("an incident's key is not its token", _pagerduty_key_by_chance, "pagerduty,left"),
    "pagerduty-lost-answer-undone": (
        "a lost answer counts as nothing done", _pagerduty_lost_answer_undone, "pagerduty,left"),
    "pagerduty-forged-taken": (
        "a webhook's signatures are not checked", _forged_taken(pagerduty_webhook), "pagerduty,left"),
    "alertmanager-silence-stays": ("a silence is not taken back", _silence_stays, "left,right,alertmanager"),
    "alertmanager-silences-pile-up": (
        "our own silences are not known again", _silences_pile_up, "left,right,alertmanager"),
    "alertmanager-odd-alert-refuses-all": (
        "one odd alert refuses the whole delivery", _odd_alert_refuses_all, "left,right,alertmanager-heard"),
    "alertmanager-fingerprint-demanded": (
        "an alert without a fingerprint is not understood", _fingerprint_demanded, "left,right,alertmanager-heard"),
    "alertmanager-other-versions-refused": (
        "a delivery of Grafana's is refused", _other_versions_refused, "left,right,alertmanager-heard"),
    "heard-once-a-minute": (
        "what fires on within a minute counts as a repeat", _heard_once_a_minute, "left,right,alertmanager-heard"),
    "servicenow-address-by-its-case": (
        "people are looked for by the case of their address", _address_by_its_case, "servicenow,left"),
    "prometheus-nothing-ends": (
        "an alert that is not listed any more fires on", _absence_believed, "left,right,prometheus"),
    "servicenow-habit-taken-for-a-person": (
        "what ServiceNow keeps or makes of our write is taken for an edit",
        _habit_taken_for_a_person, "servicenow,left"),
    "jira-habit-taken-for-a-person": (
        "what Jira leaves as it was is taken for an edit", _habit_taken_for_a_person, "jira,left"),
    "pagerduty-clock-taken-for-a-person": (
        "what PagerDuty's clock did is taken for an edit", _clock_taken_for_a_person, "pagerduty,left"),
    "pagerduty-habit-taken-for-a-person": (
        "what PagerDuty ignores is taken for an edit", _habit_taken_for_a_person, "pagerduty,left"),
    "budget-unspent": ("calls wait for no budget", _budget_unspent, "jira,servicenow"),
    "secrets-shown": ("what a tool quotes of our credentials is shown", _secrets_shown, "shipped"),
}  # fmt: skip
"""Each with its words, its patches, and the tools among which it shows."""
