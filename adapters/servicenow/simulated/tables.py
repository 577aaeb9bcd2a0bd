"""The database of a simulated instance."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from tieline.adapters.servicenow.simulated.query import Query, Row
from tieline.adapters.servicenow.simulated.seed import (
    ACCOUNTS,
    CHOICES,
    COLUMNS,
    EXTENDS,
    GROUPS,
    REFERENCES,
    Account,
    Column,
)

TASKS = frozenset(EXTENDS) - {"task"}
PREFIX = {"incident": "INC", "problem": "PRB", "change_request": "CHG"}


class Tables:
    """Rows by table and sys_id; everything is text, stamps have whole seconds and no zone."""

    def __init__(self, clock: Callable[[], datetime], dice: random.Random) -> None:
        self._clock = clock
        self._dice = dice
        self._numbers = 10_000
        self.rows: dict[str, dict[str, Row]] = {table: {} for table in COLUMNS}
        self.accounts: dict[str, Account] = dict(ACCOUNTS)
        self.columns = {table: self._columns(table) for table in COLUMNS}
        self._seed()

    def now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def new_id(self) -> str:
        return f"{self._dice.getrandbits(128):032x}"

    def blank(self, table: str, user: str) -> Row:
        """A new row with its system fields, not stored yet."""
        now = self.now()
        row = dict.fromkeys(self.columns[table], "")
        row.update(sys_id=self.new_id(), sys_mod_count="0")
        row.update(sys_created_on=now, sys_updated_on=now, sys_created_by=user, sys_updated_by=user)
        if table in TASKS:
            self._numbers += 1
            row.update(number=f"{PREFIX[table]}{self._numbers:07d}", sys_class_name=table, opened_at=now)
            row["opened_by"] = self.user_id(user)
        return row

    def add(self, table: str, user: str = "system", /, **values: str) -> Row:
        """Store a plain row."""
        row = {**self.blank(table, user), **values}
        self.rows[table][row["sys_id"]] = row
        return row

    def touch(self, row: Row, user: str) -> None:
        """What every save does to a row."""
        row["sys_mod_count"] = str(int(row["sys_mod_count"]) + 1)
        row["sys_updated_on"], row["sys_updated_by"] = self.now(), user

    def user_id(self, user_name: str) -> str:
        found = (row["sys_id"] for row in self.rows["sys_user"].values() if row["user_name"] == user_name)
        return next(found, "")

    def group_id(self, name: str) -> str:
        return next(row["sys_id"] for row in self.rows["sys_user_group"].values() if row["name"] == name)

    def select(self, table: str, text: str, user: str = "", *, none_if_invalid: bool = False) -> list[Row]:
        """The rows that an encoded query of this user's finds; parts that name no field are ignored, or empty it."""
        query = Query.parse(text, lambda name: self._is_field(table, name), user)
        if query.invalid and none_if_invalid:
            return []
        return query.select(self.rows[table].values(), self.walk)

    def walk(self, row: Row, path: str) -> str | None:
        """The value behind a dot-walked name; None when the name leads nowhere."""
        head, dot, rest = path.partition(".")
        value = row.get(head)
        if not dot or value is None:
            return value
        target = self.rows.get(REFERENCES.get(head, ""), {}).get(value)
        return self.walk(target, rest) if target is not None else ""

    def _is_field(self, table: str, path: str) -> bool:
        head, dot, rest = path.partition(".")
        if head not in self.columns[table]:
            return False
        return not dot or (head in REFERENCES and self._is_field(REFERENCES[head], rest))

    def _columns(self, table: str) -> Mapping[str, Column]:
        inherited = self._columns(parent) if (parent := EXTENDS.get(table, "")) else {}
        return {**inherited, **{column.name: column for column in COLUMNS[table]}}

    def _seed(self) -> None:
        for name in GROUPS:
            self.add("sys_user_group", name=name, active="true")
        roles = {
            name: self.add("sys_user_role", name=name)["sys_id"] for name in ("admin", "itil", "sn_incident_write")
        }
        for name, account in self.accounts.items():
            self._add_user(name, account, roles)
        ids: dict[str, str] = {}
        for table, parent in EXTENDS.items():
            ids[table] = self.add("sys_db_object", name=table, super_class=ids.get(parent, ""))["sys_id"]
        for table in ("task", *sorted(TASKS)):
            self._describe(table, COLUMNS[table])
        for (table, element), choices in CHOICES.items():
            for value, label in choices.items():
                values = {"name": table, "element": element, "value": value, "label": label}
                self.add("sys_choice", **values, language="en", inactive="false")
        self.add("sys_properties", name="glide.buildname", value="Simulated")

    def _add_user(self, name: str, account: Account, roles: Mapping[str, str]) -> None:
        user = self.add(
            "sys_user",
            user_name=name,
            email=account.email,
            name=name.replace(".", " ").title(),
            time_zone=account.time_zone,
            active="true" if account.active else "false",
        )
        for role in account.roles:
            self.add("sys_user_has_role", user=user["sys_id"], role=roles[role])

    def _describe(self, table: str, columns: Iterable[Column]) -> None:
        for column in columns:
            self.add(
                "sys_dictionary",
                name=table,
                element=column.name,
                internal_type=column.type,
                max_length=str(column.length),
                column_label=column.label,
                mandatory="true" if column.mandatory else "false",
                read_only="true" if column.read_only else "false",
            )
