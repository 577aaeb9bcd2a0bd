"""What sys_audit tells of our own writes: the values that they replaced.

The instance audits the tables that its dictionary marks (incident is one): a row per field and save, with the old value
as the database holds it and the record's `sys_mod_count` after the save (`record_checkpoint`). Reading it takes a right
of its own; without it, only the counter shows that somebody came between.
"""

from __future__ import annotations

from typing import Final

from tieline.adapters.servicenow.answers import Row
from tieline.adapters.servicenow.query import both, condition
from tieline.adapters.servicenow.wire import Wire
from tieline.core import gap
from tieline.core.errors import Gone, NeedsOperator, Rejected
from tieline.core.port import Ref

TABLE: Final = "sys_audit"
_FIELDS: Final = ("sys_id", "documentkey", "fieldname", "oldvalue", "user", "record_checkpoint")
MOST_ROWS: Final = 500


def replaced(wire: Wire, ref: Ref, since: int) -> dict[str, str] | str:
    """By field, what our writes after the `since`-th replaced of what others wrote after it; or the sentence that says
    why it cannot be told."""
    ask = f"grant the account read access to {TABLE}"
    try:
        listing = wire.rows(
            TABLE,
            both(condition("documentkey", "=", ref), f"record_checkpoint>{since}", "ORDERBYrecord_checkpoint"),
            limit=MOST_ROWS,
            fields=_FIELDS,
        )
    except (NeedsOperator, Gone, Rejected) as error:
        return f"{TABLE} cannot be read ({error}); {ask}"
    if listing.total and not listing.rows:
        return f"{TABLE} hides its rows; {ask}"
    rows = [row for row in listing.rows if row.get("documentkey") == ref and _count(row) > since]
    if not rows:
        return f"{TABLE} tells nothing of it: have {wire.settings.table} audited (Audit in its dictionary entry)"
    account = wire.settings.username.casefold()
    rows.sort(key=_count)
    return gap.replaced(
        gap.Entry(str(row.get("user", "")).casefold() == account, str(row["fieldname"]), str(row.get("oldvalue", "")))
        for row in rows
        if row.get("fieldname")
    )


def readable(wire: Wire) -> bool:
    """Whether the account sees rows of it."""
    try:
        listing = wire.rows(TABLE, condition("tablename", "=", wire.settings.table), limit=1, fields=("sys_id",))
    except (NeedsOperator, Gone, Rejected):
        return False
    return bool(listing.rows) or not listing.total


def _count(row: Row) -> int:
    count = str(row.get("record_checkpoint", ""))
    return int(count) if count.isascii() and count.isdigit() else -1
