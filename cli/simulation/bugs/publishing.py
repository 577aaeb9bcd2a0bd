"""Bugs to plant where people have announcements be shown on a status page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, select

from tieline.adapters.statuspage.adapter import StatuspageAdapter
from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing
from tieline.core.store import tables as t
from tieline.plugins.publishing import acts
from tieline.sync.office.desk import EngineDesk
from tieline.sync.road import clearance


def _unapproved() -> Sequence[Patch]:
    def refusal(*args: Any) -> str:
        why = _plain_refusal(*args)
        return "" if "nobody has approved" in why else why

    def write(desk: Any, item: Any, row: Any, words: Mapping[str, Any], *, legal: bool) -> None:
        _plain_write(desk, item, row, words, legal=legal)
        desk.edit(item, words)

    return [(clearance, "refusal", refusal), (acts, "_write", write)]


_plain_refusal = clearance.refusal
_plain_write = acts._write


def _approved_before() -> Sequence[Patch]:
    first = (
        select(t.release.c.sha)
        .where(
            t.release.c.incident_id == bindparam("item"),
            t.release.c.connection == bindparam("connection_name"),
            t.release.c.since <= bindparam("now", type_=t.release.c.since.type),
        )
        .order_by(t.release.c.entry)
        .limit(1)
    )
    return [(clearance, "_IN_FORCE", first)]


def _by_the_writer() -> Sequence[Patch]:
    ask_first = EngineDesk.ask_first

    def asks(desk: Any, right: Any, why: str, **how: Any) -> None:
        ask_first(desk, right, why, **{**how, "authors": ()})

    return [(EngineDesk, "ask_first", asks)]


def _for_everybody() -> Sequence[Patch]:
    return [(clearance, "for_few", lambda _seen_in, _item: "")]


def _stop_unread() -> Sequence[Patch]:
    return [(clearance, "is_halted", lambda _seen_in: False)]


def _at_once() -> Sequence[Patch]:
    def now(desk: Any, item: Any, fields: Any, *, since: Any = None) -> None:  # noqa: ARG001 - it is what is forgotten
        _plain_release(desk, item, fields)

    return [(EngineDesk, "release", now)]


_plain_release = EngineDesk.release


def _withdrawal_waits() -> Sequence[Patch]:
    return [(clearance, "_is_withdrawal", lambda *_args: False)]


def _unsaid() -> Sequence[Patch]:
    edit = EngineDesk.edit

    def silent(desk: Any, item: Any, fields: Any) -> None:
        over = fields.get("status") == "retracted"
        edit(desk, item, {"status": fields["status"]} if over else fields)

    def as_it_stands(desk: Any, item: Any, fields: Any, *, since: Any = None) -> None:
        over = str(fields.get("description")).startswith("This announcement is withdrawn")
        _plain_release(desk, item, {"title": item.fields["title"]} if over else fields, since=since)

    return [(EngineDesk, "edit", silent), (EngineDesk, "release", as_it_stands)]


def _not_found() -> Sequence[Patch]:
    return [(StatuspageAdapter, "find", nothing)]


def _paged(words: str, patches: Callable[[], Sequence[Patch]]) -> Mutant:
    return Mutant(words, patches, upstairs=1.0)


MUTANTS: Final[Mapping[str, Mutant]] = {
    "shown-unapproved": _paged("what is written is shown before anybody approves it", _unapproved),
    "shown-as-approved-first": _paged("what was approved first may be shown for ever", _approved_before),
    "approved-by-its-writer": _paged("whoever wrote an announcement may approve it", _by_the_writer),
    "restriction-unread": _paged("what is restricted leaves for where everybody reads it", _for_everybody),
    "stop-unread": _paged("what was approved leaves although all was stopped", _stop_unread),
    "embargo-unread": _paged("what is to be shown later is shown at once", _at_once),
    "withdrawal-waits": _paged("while all is stopped, what stands there is not withdrawn", _withdrawal_waits),
    "withdrawal-unsaid": _paged("of what is withdrawn, nothing says so where it is shown", _unsaid),
    "page-not-searched": _paged("what was made on the page is not looked for there", _not_found),
}
