"""Comments: written through the journal fields of the record, read from sys_journal_field.

`comments` is what the caller reads, `work_notes` what the staff reads. On a GET both fields are empty by design; the
entries are rows of their own, which cannot be edited, and whose sys_id is the comment's id.
"""

from __future__ import annotations

from itertools import count
from typing import Any, Final

from tieline.adapters.servicenow.answers import Row, unread
from tieline.adapters.servicenow.query import both, condition
from tieline.adapters.servicenow.rows import is_sys_id, moment
from tieline.adapters.servicenow.wire import Wire
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError
from tieline.core.http import looking
from tieline.core.model import Audience
from tieline.core.port import Ref, RemoteComment

FIELD: Final = {Audience.CUSTOMERS: "comments", Audience.STAFF: "work_notes"}
_AUDIENCE = {field: audience for audience, field in FIELD.items()}
_FIELDS = ("sys_id", "element", "element_id", "value", "sys_created_on", "sys_created_by")


def comments(wire: Wire, ref: Ref) -> tuple[RemoteComment, ...]:
    """All comments, oldest first. Raises Gone: a deleted record may leave its entries behind."""
    if not is_sys_id(ref):
        raise Gone(wire.connection, f"{ref!r} is not a sys_id")
    wire.row(wire.settings.table, ref, fields=("sys_id",))
    return _entries(wire, ref)


def add_comment(wire: Wire, ref: Ref, body: Any, audience: Audience) -> RemoteComment:
    """Write one entry and find it again among the entries. The journal has no place for a token: a lost answer is
    settled by the entry's author and text."""
    if not isinstance(body, str) or not body.strip():
        raise Rejected(wire.connection, "a comment is text, and not an empty one")
    with looking(wire.connection):
        before = {comment.id for comment in comments(wire, ref)}
    wire.patch(wire.settings.table, ref, {FIELD[audience]: body})
    try:
        after = _entries(wire, ref)
    except RemoteError as error:
        raise unread(wire.connection, f"the comment was sent, but not seen again: {error}", error) from None
    new = [comment for comment in after if comment.id not in before and comment.ours]
    written = [comment for comment in new if comment.audience is audience and _same(comment.body, body)]
    written = written or [comment for comment in new if comment.audience is audience]
    if not written:
        raise Rejected(
            wire.connection,
            f"the record took no entry in `{FIELD[audience]}`: the account lacks write access to that field, or read "
            "access to sys_journal_field; grant both.",
        )
    return written[-1]


def _entries(wire: Wire, ref: Ref) -> tuple[RemoteComment, ...]:
    query = both(
        condition("element_id", "=", ref), "elementINcomments,work_notes", "ORDERBYsys_created_on", "ORDERBYsys_id"
    )
    # Entries are never edited, so that in this order an offset does not drift: new ones come last.
    found: dict[str, Row] = {}
    size = wire.settings.page_size
    for page in count():
        listing = wire.rows("sys_journal_field", query, limit=size, offset=page * size, fields=_FIELDS)
        if any(row.get("element_id") != ref or row.get("element") not in _AUDIENCE for row in listing.rows):
            raise NeedsOperator(
                wire.connection,
                "sys_journal_field answered with entries of other records: a part of the query was ignored. Give the "
                "account read access to its fields element, element_id and value.",
            )
        if not found and not listing.rows and (listing.total or 0) > 0 and not listing.more:
            raise NeedsOperator(
                wire.connection, "sys_journal_field hides its entries from the account; give it read access."
            )
        found.update({str(row["sys_id"]): row for row in listing.rows})
        if not listing.more and (listing.more is False or len(listing.rows) < size):
            break
    author = wire.account()
    return tuple(_comment(row, author) for row in sorted(found.values(), key=_order))


def _order(row: Row) -> tuple[str, str]:
    return str(row.get("sys_created_on", "")), str(row["sys_id"])


def _comment(row: Row, account: str) -> RemoteComment:
    author = str(row.get("sys_created_by", ""))
    try:
        created = moment(str(row.get("sys_created_on", "")))
    except ValueError:
        created = None
    return RemoteComment(
        id=str(row["sys_id"]),
        body=str(row.get("value", "")),
        author=author,
        created_at=created,
        audience=_AUDIENCE[str(row["element"])],
        ours=author.casefold() == account.casefold(),
    )


def _same(stored: str, sent: str) -> bool:
    return stored.replace("\r\n", "\n").strip() == sent.replace("\r\n", "\n").strip()
