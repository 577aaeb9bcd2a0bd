"""`check()`: what must be true before this connection may run, and what an operator should know."""

from __future__ import annotations

from datetime import timedelta

from tieline.adapters.servicenow import audit, schema
from tieline.adapters.servicenow.query import both, condition, fields_in
from tieline.adapters.servicenow.wire import Listing, Wire
from tieline.core.clock import Clock
from tieline.core.errors import Gone, NeedsOperator, Rejected
from tieline.core.looks import Looks
from tieline.core.port import Health

_GMT = frozenset({"GMT", "UTC", "Etc/GMT", "Etc/UTC", "Etc/UCT", "Zulu"})
_WRITERS = frozenset({"admin", "itil", "sn_incident_write", "incident_manager"})
_NEEDED = ("sys_id", "sys_updated_on", "sys_mod_count", "sys_updated_by", "correlation_id", "correlation_display")
_NO_SUCH_FIELD = "u_tieline_probe_of_no_field"


def check(wire: Wire, clock: Clock) -> Health:
    """Raises NeedsOperator for what breaks the connection; the rest becomes a note."""
    name = wire.account()
    user, listing = _account(wire, name)
    skew = None if listing.at is None else listing.at - clock.now()
    looks, none = Looks(wire.connection), list[str]()
    notes = [
        *_token(wire),
        *_zone(name, user),
        *looks.at(lambda: _table(wire), none),
        *_roles(wire, user),
        *looks.at(lambda: _filter(wire), none),
    ]
    looks.conclude()
    notes += [
        *_invalid_queries(wire),
        *_journal(wire),
        *_audit(wire),
    ]
    if skew is not None and abs(skew) > timedelta(minutes=5):
        notes.append(f"the instance's clock is {skew.total_seconds():+.0f} s off ours; ours may be the wrong one.")
    return Health(name, _version(wire), skew, tuple(notes))


def _account(wire: Wire, name: str) -> tuple[dict[str, str], Listing]:
    listing = wire.rows(
        "sys_user", condition("user_name", "=", name), limit=2, fields=("sys_id", "user_name", "time_zone", "active")
    )
    own = [row for row in listing.rows if str(row.get("user_name", "")).casefold() == name.casefold()]
    return (own[0] if own else {}), listing


def _token(wire: Wire) -> list[str]:
    """A token that is bought without a log-in is the one's whom the instance, or a person's consent, gave it to."""
    owner, named = wire.account(), wire.settings.username
    if owner.casefold() == named.casefold():
        return []
    return [
        f"the token is {owner}'s, and `username` says {named}: what {owner} writes counts as ours, so that nobody else "
        f"may work under that name. Set `username` to {owner}, or have the token given to {named}."
    ]


def _zone(name: str, user: dict[str, str]) -> list[str]:
    if not user:
        return [f"the account {name} cannot read its own sys_user record, so that its time zone is not known."]
    zone = user.get("time_zone", "")
    if zone in _GMT:
        return []
    return [f"the time zone of {name} is {zone or 'the default of the instance'}; set it to GMT in its user record."]


def _table(wire: Wire) -> list[str]:
    table = wire.settings.table
    listing = wire.rows(table, "ORDERBYDESCsys_created_on", limit=1)
    if not listing.rows:
        if listing.total:
            raise NeedsOperator(
                wire.connection,
                f"{table} has {listing.total} records and shows none; grant the account read access to {table}.",
            )
        return [f"{table} is empty, so that read access could not be proved."]
    if missing := [name for name in _NEEDED if name not in listing.rows[0]]:
        raise NeedsOperator(
            wire.connection, f"{table} does not show {', '.join(missing)}; grant the account read access to them."
        )
    return []


def _roles(wire: Wire, user: dict[str, str]) -> list[str]:
    """Roles are the only sign of write access that can be had without writing."""
    if not user:
        return []
    try:
        listing = wire.rows(
            "sys_user_has_role", condition("user", "=", user["sys_id"]), limit=1000, fields=("role.name", "user")
        )
    except (NeedsOperator, Gone, Rejected):
        listing = None
    if listing is None or not listing.rows:
        return ["the account's roles cannot be read; write access will show with the first write."]
    roles = {str(row.get("role.name", "")) for row in listing.rows if row.get("user") == user["sys_id"]}
    if roles & _WRITERS:
        return []
    return [f"the account has none of the roles {', '.join(sorted(_WRITERS))}; writes may be refused."]


def _filter(wire: Wire) -> list[str]:
    """A misspelt field in `query` is ignored by the instance, or empties every answer; both without a word."""
    named = fields_in(wire.settings.query)
    if not named:
        return []
    try:
        known = schema.describe(wire).keys()
    except NeedsOperator:
        return ["sys_dictionary cannot be read, so that the field names in `query` could not be checked."]
    if unknown := sorted(named - known):
        raise NeedsOperator(
            wire.connection, f"`query` names {', '.join(unknown)}, which {wire.settings.table} does not have."
        )
    return []


def _invalid_queries(wire: Wire) -> list[str]:
    query = both(condition(_NO_SUCH_FIELD, "=", "1"))
    if not wire.rows(wire.settings.table, query, limit=1, fields=("sys_id",)).total:
        return []
    return [
        "the instance ignores conditions on unknown fields (glide.invalid_query.returns_no_rows is not true); "
        "Tieline checks every row against what it asked for."
    ]


def _journal(wire: Wire) -> list[str]:
    try:
        listing = wire.rows("sys_journal_field", condition("name", "=", wire.settings.table), limit=1)
    except (NeedsOperator, Gone, Rejected):
        listing = None
    if listing is None or (listing.total and not listing.rows):
        return ["sys_journal_field cannot be read: comments will not travel. Grant the account read access to it."]
    return []


def _audit(wire: Wire) -> list[str]:
    if audit.readable(wire):
        return []
    return [
        "sys_audit cannot be read: ServiceNow refuses no write on an old version, and what a write of ours replaced "
        "would be told without its value; and what a job of the instance changes (it closes what is resolved) counts "
        "as a person's doing. Grant the account read access to it."
    ]


def _version(wire: Wire) -> str:
    try:
        listing = wire.rows("sys_properties", condition("name", "=", "glide.buildname"), limit=1)
    except (NeedsOperator, Gone, Rejected):
        return "unknown"
    names = [str(row.get("value", "")) for row in listing.rows if row.get("name") == "glide.buildname"]
    return names[0] if names and names[0] else "unknown"
