"""The people of the world, who work in the tools: they make records, edit, comment, delete, merge and move them.

Each verb draws what it needs from the world's dice, writes into the chronicle what the tool then showed, and answers
with the sentence that a minimal story tells of it, or "" when there was nothing to do.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from tieline.adapters.memory.shelf import Row
from tieline.adapters.memory.tool import Refused
from tieline.cli.simulation.desk import Desk
from tieline.cli.simulation.people import Chronicle, Remark
from tieline.core.model import Audience

PEOPLE: Final = ("ann@example.com", "bob@example.com")


class Staff:
    """Everybody who works in the tools of one world."""

    def __init__(self, dice: random.Random, desks: Mapping[str, Desk], chronicle: Chronicle) -> None:
        self._dice = dice
        self._desks = desks
        self._chronicle = chronicle
        self._names = tuple(desks)

    def make(self) -> str:
        """Somebody makes a record."""
        dice, name, number = self._dice, self._dice.choice(self._names), self._number
        # The service tells the checker which case a record is a copy of; nobody edits it.
        body: dict[str, Any] = {"title": f"made {number} in {name}", "status": "new", "service": f"case {number}"}
        if dice.random() < 0.5:
            body["description"] = f"text {number}"
        if dice.random() < 0.1:
            body["status"] = "resolved"
        if dice.random() < 0.3:
            body["tags"] = [self._tag(number)]
        row = self._desks[name].make(body)
        # What the tool fills in with it counts as theirs: it is what they see when they have saved it.
        for field, value in row.body.items():
            self._chronicle.wrote(name, row.ref, field, value)
        self._chronicle.tagged(name, row.ref, (), row.body.get("tags") or ())
        return f"somebody makes record {row.ref} in {name}: {body}"

    def edit(self) -> str:
        """Somebody edits a record."""
        found = self._some_record()
        return self.edit_record(found[0], found[1].ref) if found else ""

    def edit_record(self, name: str, ref: str, *, but: frozenset[str] = frozenset()) -> str:
        """Somebody edits this record, in fields other than these."""
        try:
            row = self._desks[name].row(ref)
        except LookupError:
            return ""
        values = self._new_values(name, row)
        return "" if values.keys() & but else self._edit(name, row, values)

    def edit_field(self, name: str, ref: str, field: str) -> str:
        """Somebody edits this text of this record."""
        try:
            row = self._desks[name].row(ref)
        except LookupError:
            return ""
        return self._edit(name, row, {field: f"e{self._number} in {name}"})

    def try_habits(self, dice: random.Random, unruly: Mapping[str, frozenset[str]]) -> str:
        """Somebody writes, in another tool, what one of these tools has a habit with."""
        habitual = [(name, field) for name in self._names for field in sorted(unruly.get(name, ()))]
        if not habitual:
            return ""
        odd, field = dice.choice(habitual)
        name = dice.choice([one for one in self._names if one != odd] or [odd])
        desk, rows = self._desks[name], self._standing(name)
        if not rows or field not in desk.compared:
            return ""
        row = dice.choice(rows)
        words = self._edit(name, row, {field: self._value_for(dice, name, row, field)})
        return f"; {words}" if words else ""

    def _value_for(self, dice: random.Random, name: str, row: Row, field: str) -> Any:
        desk = self._desks[name]
        match field:
            case _ if field in desk.choices:
                return dice.choice(desk.choices[field])
            case "assignee":
                return desk.person(dice.choice(PEOPLE))
            case "tags":
                return [*(row.body.get("tags") or []), self._tag(self._number)]
            case _:
                return f"e{self._number} in {name}"

    def leave(self, dice: random.Random) -> None:
        """At the end of a day, some hand back what alerts have opened and they have taken up."""
        for name in self._names:
            for row in self._of_alerts(name):
                if row.body.get("status") == "in_progress" and dice.random() < 0.5:
                    self._edit(name, row, {"status": "new"})

    def take_up(self, dice: random.Random) -> str:
        """Somebody begins to work on what an alert has opened, or leaves it as it was."""
        name = dice.choice(self._names)
        turned = {"new": "in_progress", "in_progress": "new"}
        open_ones = [row for row in self._of_alerts(name) if row.body.get("status") in turned]
        if not open_ones:
            return ""
        row = dice.choice(open_ones)
        words = self._edit(name, row, {"status": turned[str(row.body["status"])]})
        return f"; {words}" if words else ""

    def _of_alerts(self, name: str) -> list[Row]:
        return [row for row in self._standing(name) if str(row.body.get("title")).startswith(("Down:", "Slow:"))]

    def scribble(self, words: str) -> str:
        """Somebody writes these words into what says which alerts fire, in one of the records that say so."""
        name = self._dice.choice(self._names)
        rows = self._standing(name)
        self._dice.shuffle(rows)
        written = next((row.ref for row in rows if self._scribbled(name, row.ref, words)), None)
        if written is None:
            return ""
        self._chronicle.changes += 1
        return f"somebody writes into what record {written} in {name} says of its alerts"

    def _scribbled(self, name: str, ref: str, words: str) -> bool:
        try:
            return self._desks[name].scribble(ref, words)
        except (LookupError, Refused):
            return False

    def comment(self) -> str:
        """Somebody comments."""
        found = self._some_record()
        if found is None:
            return ""
        name, row = found
        audience = self._dice.choice((Audience.STAFF, Audience.CUSTOMERS))
        text = f"remark {len(self._chronicle.remarks)}."
        note = self._desks[name].comment(row.ref, text, audience, author="Ann")
        self._chronicle.remarks.append(Remark(text, name, row.ref, Audience(note.audience)))
        return f"somebody comments on record {row.ref} in {name}: {text} ({note.audience})"

    def delete(self) -> str:
        """Somebody deletes a record, or takes one out of the bin."""
        name = self._dice.choice(self._names)
        desk = self._desks[name]
        gone = [ref for tool, ref in sorted(self._chronicle.disturbed) if tool == name]
        if "restore" in desk.skills and gone and self._dice.random() < 0.5:
            ref = self._dice.choice(gone)
            desk.restore(ref)
            self._chronicle.changes += 3
            return f"somebody restores record {ref} in {name}"
        rows = self._standing(name)
        if not rows or "delete" not in desk.skills:
            return ""
        ref = self._dice.choice(rows).ref
        self._chronicle.disturbed.add((name, ref))
        desk.delete(ref)
        return f"somebody deletes record {ref} in {name}"

    def merge(self) -> str:
        """Somebody merges two records."""
        name = self._dice.choice(self._names)
        rows = self._standing(name)
        if len(rows) < 2 or "merge" not in self._desks[name].skills:
            return ""
        one, other = self._dice.sample(rows, 2)
        if self._dice.random() < 0.5 and one is not rows[-1]:
            other = rows[-1]  # the newest, which we may have made and not know yet
        try:
            self._desks[name].merge(one.ref, other.ref)
        except Refused:
            return ""
        self._chronicle.disturbed |= {(name, one.ref), (name, other.ref)}
        self._chronicle.changes += 12
        return f"somebody merges record {one.ref} into {other.ref} in {name}"

    def move(self) -> str:
        """Somebody moves a record: its key changes."""
        found = self._some_record()
        if found is None or "move" not in self._desks[found[0]].skills:
            return ""
        name, row = found
        self._desks[name].move(row.ref, f"ELSE-{self._number}-{row.ref}")
        return f"somebody moves record {row.ref} in {name}"

    @property
    def _number(self) -> int:
        return len(self._chronicle.edits)

    def _tag(self, number: int) -> str:
        """Not every tool takes spaces in a label."""
        return f"tag {number}" if all(desk.spaced for desk in self._desks.values()) else f"tag-{number}"

    def _standing(self, name: str) -> list[Row]:
        return [row for row in self._desks[name].rows() if row.merged_into is None]

    def _some_record(self) -> tuple[str, Row] | None:
        name = self._dice.choice(self._names)
        rows = self._standing(name)
        return (name, self._dice.choice(rows)) if rows else None

    def _edit(self, name: str, row: Row, values: dict[str, Any]) -> str:
        ref = row.ref
        try:
            shown = self._desks[name].edit(ref, **values).body
        except (LookupError, Refused):
            return ""
        for field in dict.fromkeys((*values, *shown)):
            if (row.body.get(field) or None) != (shown.get(field) or None):
                self._chronicle.wrote(name, ref, field, shown.get(field))
        if "tags" in values:
            self._chronicle.tagged(name, ref, row.body.get("tags") or (), shown.get("tags") or ())
        return f"somebody edits record {ref} in {name}: {values}"

    def _new_values(self, name: str, row: Row) -> dict[str, Any]:
        """What somebody writes: each tool has its own fields and choices."""
        dice, number, desk = self._dice, self._number, self._desks[name]
        match dice.randrange(10):
            case 0 | 1:
                field = dice.choice(tuple(desk.choices))
                return {field: dice.choice(desk.choices[field])}
            case 2 if "tags" in desk.compared:
                tags = list(row.body.get("tags") or [])
                if tags and dice.random() < 0.3:
                    tags.remove(dice.choice(tags))
                else:
                    tags.append(self._tag(number))
                return {"tags": tags}
            case 3 if "assignee" in desk.compared:
                return {"assignee": desk.person(dice.choice(PEOPLE)) if dice.random() < 0.8 else None}
            case 4 if desk.clearable:
                return {dice.choice(desk.clearable): None}
            case 5:
                chosen = dice.sample(desk.texts, min(2, len(desk.texts)))
                return {field: f"e{number}{field[0]} in {name}" for field in chosen}
            case _:
                return {dice.choice(desk.texts): f"e{number} in {name}"}
