"""What sys_audit tells of who did what: the values that our own writes replaced, and what the instance did by itself.

The instance audits the tables that its dictionary marks (incident is one): a row per field and save, with the user, the
old value as the database holds it and the record's `sys_mod_count` after the save (`record_checkpoint`). Reading it
takes a right of its own; without it, only the counter shows that somebody came between. Scheduled jobs save as a user
that no person is (`system`); a business rule saves as whoever caused it, and cannot be told from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tieline.adapters.servicenow.answers import Row
from tieline.adapters.servicenow.query import both, condition
from tieline.adapters.servicenow.wire import Listing, Wire
from tieline.core import gap
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.port import Ref

TABLE: Final = "sys_audit"
_FIELDS: Final = ("sys_id", "documentkey", "fieldname", "oldvalue", "user", "record_checkpoint")
_NO_RIGHT: Final = 403
"""The status of a right that lacks. Any other refusal is not about the table alone."""

MOST_ROWS: Final = 500
MOST_ASKED: Final = 20
"""Records asked for at once: their ids stand in the address, and their histories come in one answer."""


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a record since we looked. `replaced` is, by field, what our writes took away of what others
    wrote since then; `ours` are the fields that we were the last to change."""

    replaced: Mapping[str, str]
    ours: frozenset[str]


@dataclass(frozen=True, slots=True)
class Others:
    """What persons who are not us did to a record since we looked: whether they saved it, true as well where nobody can
    tell, and by field what stood there before them, of those that nobody changed after them."""

    wrote: bool = False
    before: Mapping[str, str] = field(default_factory=dict)


def since(wire: Wire, ref: Ref, count: int) -> History | str:
    """The history after the `count`-th save, or the sentence that says why it cannot be told."""
    rows = _entries(wire, ref, count)
    if isinstance(rows, str):
        return rows
    told = [gap.Entry(_is_ours(wire, row), str(row["fieldname"]), str(row.get("oldvalue", ""))) for row in rows]
    last = {entry.field: entry.ours for entry in told}
    return History(gap.replaced(told), frozenset(name for name, ours in last.items() if ours))


def others(wire: Wire, ref: Ref, since: int) -> Others:
    """What they did after the `since`-th save."""
    rows = _entries(wire, ref, since)
    if isinstance(rows, str):
        return Others(wrote=True)
    return Others(any(_is_a_persons(wire, row) for row in rows), _before_persons(wire, rows))


def before_others(wire: Wire, ref: Ref) -> dict[str, str] | None:
    """By field, what stood there before persons changed it, of those that nobody changed after them; None where that
    cannot be told."""
    rows = _entries(wire, ref, 0)
    if isinstance(rows, str):
        # A save that changes no field leaves no row. Nor does any in a table that is not audited: other records tell.
        return {} if _is_audited(wire) else None
    return _before_persons(wire, rows)


def _before_persons(wire: Wire, rows: Sequence[Row]) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        if _is_a_persons(wire, row):
            found.setdefault(str(row["fieldname"]), str(row.get("oldvalue", "")))
        else:
            found.pop(str(row["fieldname"]), None)
    return found


def set_by_itself(wire: Wire, rows: Sequence[Mapping[str, Any]]) -> dict[Ref, frozenset[str]]:
    """By record, the fields that the instance's own jobs changed last. Records that a person saved last are not asked
    for, and where the table cannot be read, nothing is told."""
    asked = [str(row["sys_id"]) for row in rows if _names(row.get("sys_updated_by")) & wire.settings.jobs]
    told: dict[Ref, frozenset[str]] = {}
    for first in range(0, len(asked), MOST_ASKED):
        told |= _set_by_jobs(wire, asked[first : first + MOST_ASKED])
    return told


def _set_by_jobs(wire: Wire, asked: Sequence[str]) -> dict[Ref, frozenset[str]]:
    query = both(condition("documentkey", "IN", ",".join(asked)), "ORDERBYDESCrecord_checkpoint")
    try:
        listing = _asked(wire, query, MOST_ASKED * MOST_ROWS)
    except (NeedsOperator, Gone, Rejected):
        return {}
    newest: dict[tuple[str, str], Row] = {}
    for row in sorted(listing.rows, key=_count, reverse=True):
        newest.setdefault((str(row.get("documentkey")), str(row.get("fieldname"))), row)
    by_jobs = [key for key, row in newest.items() if _names(row.get("user")) & wire.settings.jobs]
    return {Ref(ref): frozenset(name for key, name in by_jobs if key == ref and name) for ref in asked}


def _entries(wire: Wire, ref: Ref, since: int) -> list[Row] | str:
    """The changes of a record after its `since`-th save, oldest first; or why they cannot be told."""
    ask = f"grant the account read access to {TABLE}"
    try:
        query = both(condition("documentkey", "=", ref), f"record_checkpoint>{since}", "ORDERBYrecord_checkpoint")
        listing = _asked(wire, query, MOST_ROWS)
    except (NeedsOperator, Gone, Rejected) as error:
        return f"{TABLE} cannot be read ({error}); {ask}"
    if listing.total and not listing.rows:
        return f"{TABLE} hides its rows; {ask}"
    rows = [row for row in listing.rows if row.get("documentkey") == ref and _count(row) > since]
    if not rows:
        return f"{TABLE} tells nothing of it: have {wire.settings.table} audited (Audit in its dictionary entry)"
    return sorted((row for row in rows if row.get("fieldname")), key=_count)


def _asked(wire: Wire, query: str, limit: int) -> Listing:
    """Rows of it. What the table tells is asked for in one moment and missed for good, so that one refusal is not
    believed: it may be of a token that ran out, or of something in between. Raises what says that the table may not be
    read, and TryAgain where nothing else may be read either."""
    try:
        return wire.rows(TABLE, query, limit=limit, fields=_FIELDS)
    except (NeedsOperator, Gone):
        pass
    try:
        return wire.rows(TABLE, query, limit=limit, fields=_FIELDS)
    except (NeedsOperator, Gone) as error:
        if error.status != _NO_RIGHT:
            _prove(wire, error)
        raise


def _prove(wire: Wire, refusal: RemoteError) -> None:
    """Raises TryAgain where the instance refuses the records as well."""
    try:
        wire.rows(wire.settings.table, "", limit=1, fields=("sys_id",))
    except RemoteError:
        words = str(refusal).removeprefix(f"{wire.connection}: ")
        raise TryAgain(wire.connection, words, status=refusal.status) from None


def _is_ours(wire: Wire, row: Row) -> bool:
    return bool(_names(row.get("user")) & {wire.account().casefold()})


def _is_a_persons(wire: Wire, row: Row) -> bool:
    return not _is_ours(wire, row) and not _names(row.get("user")) & wire.settings.jobs


def _names(user: object) -> frozenset[str]:
    return frozenset({str(user or "").casefold()})


def readable(wire: Wire) -> bool:
    """Whether the account sees rows of it."""
    listing = _of_the_table(wire)
    return listing is not None and (bool(listing.rows) or not listing.total)


def _is_audited(wire: Wire) -> bool:
    listing = _of_the_table(wire)
    return listing is not None and bool(listing.rows)


def _of_the_table(wire: Wire) -> Listing | None:
    try:
        return wire.rows(TABLE, condition("tablename", "=", wire.settings.table), limit=1, fields=("sys_id",))
    except (NeedsOperator, Gone, Rejected):
        return None


def _count(row: Row) -> int:
    count = str(row.get("record_checkpoint", ""))
    return int(count) if count.isascii() and count.isdigit() else -1
