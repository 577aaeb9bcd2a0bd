"""Rows into readings, and values into rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tieline.adapters.servicenow.answers import Row
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.core.errors import Rejected
from tieline.core.listing import alone
from tieline.core.port import WHOLE, Body, Reading, Ref, Token, Version

STAMP = "%Y-%m-%d %H:%M:%S"
MARK = "Tieline"
"""What stands in correlation_display beside our token: it tells our token from another integration's."""

_OURS_TO_SET = frozenset({"correlation_id", "correlation_display"})
_VERSION = ("sys_mod_count", "sys_updated_on")
_THEIRS = frozenset({"sys_id", "sys_mod_count", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by"})


def stamp(moment: datetime) -> str:
    """A moment as database values and queries write it: UTC, whole seconds, no zone."""
    return moment.astimezone(UTC).strftime(STAMP)


def moment(text: str) -> datetime:
    """The moment behind a database value. Raises ValueError."""
    return datetime.strptime(text, STAMP).replace(tzinfo=UTC)


def is_sys_id(ref: str) -> bool:
    """Whether this can stand in a path as a record's id. (It is 32 hex digits, but imported records may differ.)"""
    return re.fullmatch(r"[0-9A-Za-z_-]{2,64}", ref) is not None


def version_of(row: Mapping[str, Any]) -> Version:
    """sys_mod_count counts writes but may be set back by an import; sys_updated_on has whole seconds. Both together."""
    return Version(f"{row.get('sys_mod_count', '')}@{row.get('sys_updated_on', '')}")


def writes_in(row: Mapping[str, Any]) -> int:
    """sys_mod_count as a number; 0 where it is empty (imported records)."""
    count = str(row.get("sys_mod_count", ""))
    return int(count) if count.isascii() and count.isdigit() else 0


def count_of(version: Version) -> int:
    """sys_mod_count of the record at this version."""
    return writes_in({"sys_mod_count": version.partition("@")[0]})


def sound(table: str, row: Mapping[str, Any]) -> Row:
    """The row, if it has what an adapter lives on. An access rule on a field leaves it out without a word, of all
    records or of some. Raises ValueError."""
    missing = [name for name in ("sys_id", "sys_updated_on", "sys_mod_count") if name not in row]
    if missing or not is_sys_id(str(row["sys_id"])):
        raise ValueError(
            f"a record of {table} comes without {', '.join(missing) or 'a usable sys_id'}; "
            "give the account read access to these fields."
        )
    try:
        moment(str(row["sys_updated_on"]))
    except ValueError:
        raise ValueError(
            f"{table}.sys_updated_on reads {str(row['sys_updated_on'])[:40]!r}, not a database time; "
            "a proxy or a property changes what sysparm_display_value=false means."
        ) from None
    return dict(row)


def proven(connection: str, table: str, row: Mapping[str, Any]) -> Row:
    """One sound row that was asked for by itself. Raises Rejected."""
    return alone(connection, str(row.get("number") or row.get("sys_id") or "a record"), lambda: sound(table, row))


def named(row: Mapping[str, Any]) -> tuple[Ref | None, str]:
    """What an odd row is called, as far as it says."""
    sys_id = str(row.get("sys_id") or "")
    return Ref(sys_id) if is_sys_id(sys_id) else None, str(row.get("number") or "")


def token_of(row: Mapping[str, Any]) -> Token | None:
    """Our create token, where the record carries one of ours."""
    value = str(row.get("correlation_id", ""))
    return Token(value) if value and row.get("correlation_display") == MARK else None


def people_ids(settings: ServiceNowSettings, rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The ids of the persons that rows refer to."""
    return frozenset(
        str(row[name]) for row in rows for name in settings.people_fields if is_sys_id(str(row.get(name) or ""))
    )


def editor_of(row: Row) -> str:
    """Who saved the record last, in lower case: user names differ in more than case."""
    return str(row.get("sys_updated_by", "")).casefold()


def without(theirs: Mapping[str, str], after: Row, before: Row) -> Row:
    """A row with `theirs` in the places that others have written to: an older version than the one that is read
    next."""
    back = {name: value for name, value in theirs.items() if name in after}
    return {**after, **back, **{name: before[name] for name in _VERSION}} if back else after


def reading_of(
    settings: ServiceNowSettings,
    row: Row,
    at: datetime | None,
    emails: Mapping[str, str],
    *,
    account: str,
    raced: bool = False,
    automatic: frozenset[str] = frozenset(),
) -> Reading:
    """A proven row as a reading; `at` is the tool's clock when it answered, `account` the name that we write under. A
    record that no person saved again is as it was born; of any other, the audit alone can tell."""
    age = None if at is None else max(at - moment(row["sys_updated_on"]), timedelta(0))
    untouched = row.get("sys_mod_count") == "0"
    annotations = {"editor": str(row.get("sys_updated_by", ""))}
    if raced:
        annotations["raced"] = "true"
    token = token_of(row)
    return Reading(
        ref=Ref(row["sys_id"]),
        version=version_of(row),
        body=row,
        key=str(row.get("number", "")),
        url=f"{settings.url}/{settings.table}.do?sys_id={row['sys_id']}",
        token=token,
        age=age,
        people={person: emails[person] for person in people_ids(settings, [row]) if person in emails},
        annotations=annotations,
        raced=raced,
        born=row if token is not None and (untouched or _was_saved_by_a_job_alone(settings, row)) else None,
        automatic=automatic,
        # Whoever saved it last may have written a comment, or another field: of a record that was saved again, only its
        # history tells who set a value.
        ours=WHOLE if untouched and editor_of(row) == account.casefold() else frozenset(),
    )


def _was_saved_by_a_job_alone(settings: ServiceNowSettings, row: Row) -> bool:
    """Whether the one save since the insert was the instance's own."""
    return row.get("sys_mod_count") == "1" and editor_of(row) in settings.jobs


def values_of(connection: str, body: Body) -> dict[str, str]:
    """A body as the Table API takes it: all text. None clears. Raises Rejected for what must not be written."""
    if "priority" in body:
        words = "`priority` is computed by ServiceNow from impact and urgency; map it to those two instead."
        raise Rejected(connection, words, refused={"priority": words})
    if forbidden := sorted((_OURS_TO_SET | _THEIRS) & body.keys()):
        words = f"the mapping writes {', '.join(forbidden)}, which is not a mapping's to write."
        raise Rejected(connection, words, refused=dict.fromkeys(forbidden, words))
    return {name: _text(connection, name, value) for name, value in body.items()}


def _text(connection: str, name: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case list() | tuple() if all(isinstance(item, str) for item in value):
            return ",".join(value)
        case _:
            words = f"`{name}` is a {type(value).__name__}; a field of ServiceNow takes text."
            raise Rejected(connection, words, refused={name: words})
