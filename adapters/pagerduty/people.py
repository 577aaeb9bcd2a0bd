"""Users and priorities of the account, looked up once and kept for minutes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from tieline.adapters.pagerduty.incident import Refusal, reference
from tieline.adapters.pagerduty.wire import Wire
from tieline.core.clock import Clock
from tieline.core.errors import Gone, NeedsOperator

KEPT_FOR: Final = 600.0
"""Seconds that an answer about a user or the priorities is trusted."""

MOST_KEPT: Final = 10_000

Kind = TypeVar("Kind")


class _Kept(Generic[Kind]):
    """A bounded memory of answers, each trusted for `KEPT_FOR`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, tuple[float, Kind]] = {}

    def get(self, key: str) -> tuple[Kind] | None:
        """The answer in a tuple, because None is an answer too."""
        held = self._held.get(key)
        return (held[1],) if held is not None and self._clock.monotonic() - held[0] < KEPT_FOR else None

    def clear(self) -> None:
        self._held.clear()

    def put(self, key: str, value: Kind) -> Kind:
        if len(self._held) >= MOST_KEPT:
            self._held.clear()
        self._held[key] = (self._clock.monotonic(), value)
        return value


class Users:
    """Who is who: e-mail address to id and back."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._ids: _Kept[str | None] = _Kept(clock)
        self._addresses: _Kept[str | None] = _Kept(clock)

    def id_of(self, email: str) -> str | None:
        """The user with exactly this address, or None. `query` matches parts of names and addresses alike."""
        address = email.strip().lower()
        if "@" not in address:
            return None
        known = self._ids.get(address)
        if known is not None:
            return known[0]
        for user in self._wire.rows("/users", "users", {"query": address}):
            if str(user.get("email") or "").lower() == address and user.get("id"):
                self._addresses.put(str(user["id"]), address)
                return self._ids.put(address, str(user["id"]))
        return self._ids.put(address, None)

    def email_of(self, identity: str) -> str | None:
        """The address of a user, or None when the user was deleted."""
        known = self._addresses.get(identity)
        if known is not None:
            return known[0]
        path = f"/users/{quote(identity, safe='')}"
        try:
            user = self._wire.object_in(self._wire.get(path), "user", path)
        except Gone:
            return self._addresses.put(identity, None)
        address = str(user.get("email") or "").lower() or None
        return self._addresses.put(identity, address)

    def emails_of(self, identities: Iterable[str]) -> Mapping[str, str]:
        """Ids to addresses, without those that have none."""
        found = {identity: self.email_of(identity) for identity in identities}
        return {identity: address for identity, address in found.items() if address}


class Priorities:
    """The account's own priority scheme; empty where the plan has none."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._kept: _Kept[dict[str, str]] = _Kept(clock)

    def names(self) -> Mapping[str, str]:
        """Id to name, the most severe first."""
        known = self._kept.get("")
        if known is not None:
            return known[0]
        try:
            rows = self._wire.rows("/priorities", "priorities", {})
        except (Gone, NeedsOperator) as error:
            if isinstance(error, NeedsOperator) and "answered 402" not in str(error):
                raise
            rows = []  # 402 and 404: priorities are switched off or not part of the plan
        named = {str(row["id"]): str(row.get("name") or row.get("summary") or "") for row in rows if row.get("id")}
        return self._kept.put("", named)

    def forget(self) -> None:
        """The next question goes to the account."""
        self._kept.clear()

    def resolve(self, value: Any) -> Any:
        """A priority as writes take it, from a name, `{summary}`, `{name}` or `{id}`. Raises Refusal."""
        if value is None:
            return None
        if isinstance(value, Mapping) and value.get("id"):
            return reference(str(value["id"]), "priority_reference")
        name = str((value.get("summary") or value.get("name")) if isinstance(value, Mapping) else value)
        names = self.names()
        for identity, known in names.items():
            if known.casefold() == name.casefold():
                return reference(identity, "priority_reference")
        has = ", ".join(names.values()) or "none; switch them on or map `priority` away"
        raise Refusal(f"the account has no priority {name!r}; it has {has}", "priority")
