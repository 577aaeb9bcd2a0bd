"""ServiceNow in a world: a simulated instance, its people, and how its incidents look in canonical words."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from tieline.adapters.memory.shelf import Entry, Note, Row
from tieline.adapters.memory.tool import Refused
from tieline.adapters.servicenow.simulated.courier import message
from tieline.adapters.servicenow.simulated.incident import Refused as RefusedByServiceNow
from tieline.adapters.servicenow.simulated.seed import ACCOUNTS
from tieline.adapters.servicenow.simulator import JOURNALS, ServiceNowSimulator
from tieline.adapters.servicenow.webhook import SIGNATURE
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request
from tieline.cli.simulation.people import bare
from tieline.cli.simulation.shipped.seat import ShippedDesk, spoilt
from tieline.cli.simulation.shipped.texts import words
from tieline.cli.simulation.staff import PEOPLE
from tieline.cli.simulation.tickets import Oddities
from tieline.core.model import Audience, instant
from tieline.core.port import Delivery
from tieline.core.secrets import Secret
from tieline.mappings.board import split

ACCOUNT: Final = "tieline"
WEBHOOK_SECRET: Final = "the secret of the simulated Business Rule"  # noqa: S105 - of a simulator

COLUMNS: Final = {
    "title": "short_description",
    "description": "description",
    "status": "state",
    "priority": "priority",
    "severity": "severity",
    "assignee": "assigned_to",
    "category": "category",
    "close_notes": "close_notes",
}
NAMES: Final = {column: name for name, column in COLUMNS.items()}
STATES: Final = {"1": "new", "2": "in_progress", "3": "on_hold", "6": "resolved", "7": "closed", "8": "cancelled"}
MATRIX: Final = {"p1": ("1", "1"), "p2": ("1", "2"), "p3": ("2", "2"), "p4": ("2", "3"), "p5": ("3", "3")}
"""Impact and urgency as people set them, who know what comes of it."""
SEVERITIES: Final = {"1": "high", "2": "medium", "3": "low"}
CODED: Final = {"status": STATES, "severity": SEVERITIES, "priority": {str(n): f"p{n}" for n in range(1, 6)}}


class ServiceNowDesk(ShippedDesk):
    """The incident table of an instance."""

    account = ACCOUNT
    texts = ("title", "description", "category")
    clearable = ("description",)
    choices: ClassVar = {
        "status": ("new", "in_progress", "on_hold", "resolved"),
        "priority": ("p1", "p2", "p3", "p4"),
        "severity": ("low", "high"),
    }
    compared = ("title", "description", "status", "priority", "severity", "assignee", "category")
    never_empty = frozenset({"priority", "severity", "category"})
    skills = frozenset({"delete"})
    pins = False
    secrets: ClassVar = {
        "password": Secret.literal(ACCOUNTS[ACCOUNT].password),
        "webhook_secret": Secret.literal(WEBHOOK_SECRET),
    }
    simulator: ServiceNowSimulator

    def __init__(self, clock: ManualClock, dice: random.Random, oddities: Oddities) -> None:
        super().__init__(clock, dice, oddities)
        self.simulator = ServiceNowSimulator(self.clock.now)
        self.tables = self.simulator.tables
        self.simulator.listeners.append(self._announce)
        self._slow = False
        self._uncommitted: list[tuple[datetime, dict[str, str], bool]] = []
        """Rows that are stamped already and seen by nobody yet, each with the moment of its commit, and whether a
        webhook tells of it."""
        for email in PEOPLE:
            name = email.partition("@")[0]
            self.tables.add("sys_user", user_name=name, email=email, name=name.title(), time_zone="GMT", active="true")

    # What the line asks

    def before(self, verb: str, request: Request) -> None:
        self._commit()
        super().before(verb, request)

    def verb(self, request: Request) -> str:
        table = request.path.rstrip("/").split("/table/")[-1].split("/")[0]
        incident = request.path.endswith("/table/incident")
        match request.method, table:
            case "GET", "incident":
                return "changes" if incident else "read"
            case "GET", "sys_journal_field":
                return "comments"
            case "POST", "incident":
                return "create"
            case "PATCH", "incident":
                return "add_comment" if JOURNALS.keys() & (request.json() or {}).keys() else "update"
            case _:
                return "ask"

    def target(self, request: Request) -> str | None:
        _head, _, ref = request.path.partition("/table/incident/")
        return ref or None

    def wanted(self, request: Request) -> Mapping[str, Any]:
        return {NAMES.get(name, name): None for name in request.json() or {}}

    def turns_page(self, request: Request) -> bool:
        return request.query.get("sysparm_offset", "0") != "0"

    # What it shows

    def rows(self) -> list[Row]:
        self._commit()
        journal: dict[str, list[Note]] = defaultdict(list)
        for entry in self.tables.rows["sys_journal_field"].values():
            journal[entry["element_id"]].append(_note(entry))
        audit: dict[str, list[Entry]] = defaultdict(list)
        for row in self.tables.rows["sys_audit"].values():
            audit[row["documentkey"]].extend(_entry(row))
        found = [_row(row, journal[ref], audit[ref]) for ref, row in self.tables.rows["incident"].items()]
        return sorted(found, key=lambda row: (row.changed_at, row.key))

    def row(self, ref: str) -> Row:
        if ref not in self.tables.rows["incident"]:
            raise LookupError(ref)
        return _row(self.tables.rows["incident"][ref], [], [])

    def board(self, row: Row) -> str | None:
        return split(self.tables.rows["incident"][row.ref]["description"])[1]

    def scribble(self, ref: str, words: str) -> bool:
        row = self.tables.rows["incident"].get(ref)
        if row is None or "fire" not in (split(row["description"])[1] or ""):
            return False
        self._save(ref, {"description": row["description"].replace("fire", f"fire {words}", 1)})
        return True

    def addresses(self) -> Mapping[str, str]:
        return {ref: row["email"].lower() for ref, row in self.tables.rows["sys_user"].items()}

    def would_show(self, name: str, value: Any) -> Any:
        match name, value:
            case "title", str():
                return value[:160]
            case "description", str():
                return bare(value)
            case "severity", str():
                return {"critical": "high", "info": "low"}.get(value, value)
            case _:
                return value

    # What people do

    def make(self, body: Mapping[str, Any]) -> Row:
        self._slow = self.dice.random() < 0.5
        made = self._save("", {name: value for name, value in body.items() if name in COLUMNS})
        if self._slow:
            self._slow = False
            # An import runs no Business Rules, so that nobody is told when it ends.
            self._hold_back(made.ref, timedelta(seconds=self.dice.choice((5, 40, 40))), told=self.dice.random() < 0.5)
            # Others save at the same time: who reads theirs first must not take it that nothing older is to come.
            for other in sorted(self.tables.rows["incident"])[:1]:
                self.touch(other)
        return made

    def edit(self, ref: str, **values: Any) -> Row:
        self.row(ref)
        return self._save(ref, values)

    def comment(self, ref: str, text: str, audience: Audience, *, author: str) -> Note:  # noqa: ARG002 - it is one of its users
        self.row(ref)
        self.clock.tick()
        user = self.dice.choice(PEOPLE).partition("@")[0]
        said = {"record": ref, "text": text, "audience": audience, "user": user}
        return _note(self.simulator.control("comment", said))

    def delete(self, ref: str) -> None:
        self.row(ref)
        self.clock.tick()
        self.simulator.control("delete", {"record": ref})

    @property
    def spoilt(self) -> set[str]:
        return self.simulator.spoilt

    def touch(self, ref: str) -> None:
        row = self.tables.rows["incident"].get(ref)
        if row is not None:
            self.simulator.save("incident", ref, {"follow_up": self.tables.now()}, "ann")

    def stray(self) -> Delivery:
        return self._hook({"sys_id": "4" * 32, "sys_updated_on": self.tables.now(), "sys_mod_count": "0"})

    def forged(self, delivery: Delivery) -> Delivery:
        return spoilt(delivery, SIGNATURE)

    def signed(self, delivery: Delivery) -> Delivery:
        return self._hook(json.loads(delivery.body))

    def _hold_back(self, ref: str, length: timedelta, *, told: bool) -> None:
        """The transaction takes so long: until then nobody sees the record, and then it has an old stamp."""
        self._uncommitted.append((self.clock.elapsed() + length, self.tables.rows["incident"].pop(ref), told))

    def _commit(self, *, everything: bool = False) -> None:
        due = [one for one in self._uncommitted if everything or one[0] <= self.clock.elapsed()]
        for one in due:
            self._uncommitted.remove(one)
            _moment, row, told = one
            self.tables.rows["incident"][row["sys_id"]] = row
            # Where nobody polls, nobody would ever hear of it.
            if told or not self.oddities.polled():
                self._announce("incident", row)

    def settle_down(self) -> None:
        self._commit(everything=True)
        super().settle_down()

    def _announce(self, table: str, row: Mapping[str, str]) -> None:
        if table == "incident" and not self._slow:
            self.tell(self._hook(row))

    def _hook(self, row: Mapping[str, str]) -> Delivery:
        headers, body = message(dict(row), "incident", WEBHOOK_SECRET, int(self.clock.now().timestamp()))
        return Delivery(headers, body)

    def _ranked(self, priority: str) -> dict[str, str]:
        """The impact and urgency of which this instance makes this priority."""
        matrix, wanted = self.simulator.matrix, priority.removeprefix("p")
        usual = MATRIX[priority]
        chosen = usual if matrix[usual] == wanted else next(pair for pair, made in matrix.items() if made == wanted)
        return dict(zip(("impact", "urgency"), chosen, strict=True))

    def _save(self, ref: str, values: Mapping[str, Any]) -> Row:
        self.clock.tick()
        user = self.dice.choice(PEOPLE).partition("@")[0]
        sent: dict[str, str] = {}
        for name, value in values.items():
            sent |= self._ranked(value) if name == "priority" else _column(name, value)
        try:
            return _row(self.simulator.save("incident", ref, sent, user), [], [])
        except RefusedByServiceNow as refused:
            raise Refused(str(refused)) from None


def _column(name: str, value: Any) -> dict[str, str]:
    if name in CODED:
        value = next(code for code, meant in CODED[name].items() if meant == value)
    sent = {COLUMNS[name]: value or ""}
    match name, value:
        case "status", "3":
            return {**sent, "hold_reason": "4"}
        case "status", "6":
            return {**sent, "close_code": "Solution provided", "close_notes": "done by hand"}
        case _:
            return sent


def _row(row: Mapping[str, str], notes: list[Note], history: list[Entry]) -> Row:
    body: dict[str, Any] = {name: _shown(name, row[column]) for name, column in COLUMNS.items()}
    return Row(
        row["sys_id"],
        row["number"],
        body,
        made_at=_moment(row["sys_created_on"]),
        changed_at=_moment(row["sys_updated_on"]),
        version=int(row["sys_mod_count"]),
        token=row["correlation_id"] or None,
        notes=notes,
        history=history,
    )


def _shown(name: str, value: str) -> Any:
    if name in CODED:
        return CODED[name].get(value)
    return words(value) if name == "description" else value or None


def _note(entry: Mapping[str, str]) -> Note:
    visible = JOURNALS[entry["element"]].value
    return Note(entry["sys_id"], entry["value"], entry["sys_created_by"], _moment(entry["sys_created_on"]), visible)


def _entry(row: Mapping[str, str]) -> Iterator[Entry]:
    name = NAMES.get(row["fieldname"], "")
    if name in ServiceNowDesk.texts:
        before, after = _shown(name, row["oldvalue"]), _shown(name, row["newvalue"])
        yield Entry(int(row["record_checkpoint"]), row["user"], name, before, after)


def _moment(text: str) -> str:
    return instant(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC))
