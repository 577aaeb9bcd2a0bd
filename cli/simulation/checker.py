"""What must be true when everything works again. A violation is a sentence; its kind groups equal ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import or_, select, text

from tieline.adapters.memory.shelf import Entry, Note, Row
from tieline.cli.simulation import following
from tieline.cli.simulation.people import COMPARED, HERE, TEXTS, Edit, Remark, bare
from tieline.cli.simulation.shape import ALERTS
from tieline.cli.simulation.world import World
from tieline.core import journal
from tieline.core.errors import JournalBroken
from tieline.core.model import Audience, IncidentId, RecordKind
from tieline.core.store import tables as t
from tieline.mappings.board import split
from tieline.sync import explain
from tieline.sync.alerts import absence
from tieline.sync.records import Held, Incident, Replica, ReplicaState
from tieline.sync.road.merge import Reason

OPEN = frozenset({"new", "in_progress", "on_hold"})
"""The states of a record in which somebody has still to do something."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    kind: str
    words: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}"


@dataclass
class Scene:
    """What store and tools hold at the end, read once."""

    world: World
    incidents: list[tuple[Incident, list[Replica]]]
    rows: dict[tuple[str, str], Row]
    told: list[dict[str, Any]]
    owners: dict[tuple[str, str], int] = field(default_factory=dict)
    lost: set[tuple[str, Any]] = field(default_factory=set)
    untold: set[tuple[int, str]] = field(default_factory=set)
    """Incidents and fields of which a journal says that something was replaced there and the tool cannot tell what."""

    @classmethod
    def of(cls, world: World) -> Scene:
        world.remember_journal()
        with world.store.read() as connection:
            incidents = list(reversed(explain.incidents(connection, limit=10_000)))
        rows = {(name, row.ref): row for name, tool in world.tools.items() for row in tool.rows()}
        scene = cls(world, incidents, rows, world.forgotten)
        for incident, copies in incidents:
            scene.owners |= {(copy.connection, str(copy.ref)): incident.id for copy in copies if copy.ref is not None}
            scene.owners[HERE, str(incident.id)] = incident.id
        for facts in scene.told:
            scene.untold |= {(facts["incident"], name) for name in facts.get("untold") or ()}
            conflicts = facts.get("conflicts")
            if isinstance(conflicts, dict):
                scene.lost |= {(name, _frozen(one["lost"])) for name, one in conflicts.items()}
        return scene

    def shown(self, copy: Replica) -> Row | None:
        """The record of a copy that takes part: it exists, and nobody put the copy aside."""
        if copy.ref is None or copy.state is not ReplicaState.LINKED:
            return None
        row = self.rows.get((copy.connection, copy.ref))
        return row if row is not None and row.merged_into is None else None


def check(world: World) -> list[Violation]:
    """Every broken promise."""
    scene = Scene.of(world)
    found: list[Violation] = [Violation("crash", words) for words in world.dead]
    found += [Violation("old turn", words) for words in world.late]
    promises = [
        _store,
        _duplicates,
        _orphans,
        _unlinked,
        _believed_gone,
        _equality,
        _edits,
        _overwritten,
        _spread,
        _tags,
        _lost_remarks,
        _doubled_remarks,
        _wide_remarks,
        _signals,
        _following,
        _budgets,
        _holds,
        _unheld,
        _one_of_many,
        _timers,
    ]
    if not world.restored:
        promises.append(_writes)
    for promise in promises:
        found.extend(promise(scene))
    return found


def shown_secrets(world: World, logs: Iterable[Mapping[str, Any]]) -> list[Violation]:
    """Where a secret stands that nobody may see: in a line of the log, or in the journal, which keeps it for ever."""
    secrets = sorted(world.secrets())
    told = [("the log", entry) for entry in logs] + [("the journal", facts) for facts in world.forgotten]
    return [
        Violation("shown secret", f"{place} shows credentials: {str(facts)[:200]}")
        for place, facts in told
        if any(secret in str(facts) for secret in secrets)
    ]


def _holds(scene: Scene) -> Iterator[Violation]:
    """A shipped tool without bad habits does with the fields that people write what it is told: whoever says of it that
    it ignored or altered one did not write it, or did not look."""
    for incident, copies in scene.incidents:
        for copy in copies:
            desk = scene.world.tools.get(copy.connection)
            if desk is None or copy.ref is None or scene.shown(copy) is None:
                continue
            for name in ("title", "description", "status"):
                hold = copy.holds.get(name)
                said = hold is not None and hold.kind in (Held.IGNORED, Held.ALTERED) and hold.ours is not None
                if hold is not None and said and not desk.did_by_itself(copy.ref, name):
                    words = f"INC-{incident.id} {name}: {copy.connection} was told {hold.ours!r} and is said to show"
                    yield Violation("held for nothing", f"{words} {hold.theirs!r} of itself")


def _unheld(scene: Scene) -> Iterator[Violation]:
    """When everything works and a person has let it try again, nobody is held from a tool that knows them."""
    for incident, copies in scene.incidents if scene.world.decided else ():
        for copy in copies:
            hold, desk = copy.holds.get("assignee"), scene.world.tools.get(copy.connection)
            if hold is None or desk is None or hold.kind is not Held.UNWRITABLE or scene.shown(copy) is None:
                continue
            if hold.ours is not None and desk.can_show("assignee", hold.ours):
                words = f"INC-{incident.id} assignee: {copy.connection} knows {hold.ours!r}, and is not told"
                yield Violation("held for nothing", f"{words}: {hold.sentence}")


def _budgets(scene: Scene) -> Iterator[Violation]:
    """No minute sees more calls than a connection may make, but for what each new process may begin with."""
    for name, here in scene.world.engine.connections.items():
        desk: Any = scene.world.alerts if name == ALERTS else {**scene.world.tools, **scene.world.pages}[name]
        allowed = here.config.calls_per_minute
        if desk.busiest > allowed + scene.world.starts * max(1, allowed // 20):
            yield Violation(
                "too many calls", f"{desk.busiest} calls to {name} in a minute, where {allowed} are allowed"
            )


def _store(scene: Scene) -> Iterator[Violation]:
    try:
        journal.verify(scene.world.store)
    except JournalBroken as error:
        yield Violation("journal", str(error))
    with scene.world.store.read() as connection:
        kept = {(row.connection, row.delivery_id) for row in connection.execute(select(t.delivery))}
        # What nobody can be asked for is known again for a minute.
        kept |= {(name, told.partition("@")[0]) for name, told in kept if scene.world.is_only_heard(name)}
        waiting = connection.execute(text("SELECT count(*) FROM inbox WHERE parked = ''")).scalar_one()
        dirty = connection.execute(text("SELECT count(*) FROM replica WHERE dirty")).scalar_one()
    for one in scene.world.acknowledged:
        if one not in kept:
            yield Violation("lost webhook", f"webhook {one[1]} of {one[0]} was answered 200 and is not in the store")
    if waiting or dirty:
        yield Violation("not at rest", f"{waiting} things wait in the inbox and {dirty} copies are behind")


def _timers(scene: Scene) -> Iterator[Violation]:
    """Nothing in a simulated world gives what is to happen later a reason to fail."""
    with scene.world.store.read() as connection:
        failed = connection.execute(select(t.timer).where(or_(t.timer.c.attempts > 0, t.timer.c.parked != ""))).all()
    for row in failed:
        words = f"{row.kind} {row.key} failed {row.attempts} times"
        yield Violation("failed timer", f"{words}: {row.parked}" if row.parked else words)


def _duplicates(scene: Scene) -> Iterator[Violation]:
    # What a person deleted while its create was in doubt, and restored when it had been made again, is there twice.
    kept = [(one[0], row.token) for one, row in scene.rows.items() if one not in _disturbed(scene)]
    tokens = Counter((name, token) for name, token in kept if token is not None)
    for (name, token), count in tokens.items():
        if count > 1:
            yield Violation("duplicate record", f"{name} holds {count} records of one create ({token})")
    cases: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (name, ref), row in scene.rows.items():
        case = str(row.body.get("service"))
        if case.startswith("case ") and (name, ref) not in _disturbed(scene):
            cases[name, case].append(ref)
    for (name, case), refs in cases.items():
        if len(refs) > 1 and not _spread_by_merging(scene, case):
            yield Violation("duplicate record", f"{name} holds the records {refs} of {case}")


def _spread_by_merging(scene: Scene, case: str) -> bool:
    """After a merge one incident takes over the other's fields, and so its case is told twice."""
    hit = {scene.owners.get(one) for one in _disturbed(scene)}
    return any(row.body.get("service") == case and scene.owners.get(one) in hit for one, row in scene.rows.items())


def _orphans(scene: Scene) -> Iterator[Violation]:
    aside = _put_aside(scene.world)
    for (name, ref), row in scene.rows.items():
        # A store that was put back opens again what is still open. A copy of what ended meanwhile waits for a person,
        # and one that is over itself asks nobody for anything.
        over = scene.world.restored and row.body.get("status") not in OPEN
        known = (name, ref) in scene.owners or (name, ref) in _disturbed(scene)
        told = (name, ref) in aside and (scene.world.restored or _came_back(scene, name, row))
        if row.token is not None and not over and not known and not told:
            yield Violation("orphan", f"record {ref} in {name} carries our token and belongs to no incident")


def _came_back(scene: Scene, name: str, row: Row) -> bool:
    """What a person deleted while its create was in doubt was made again, and then the person restored it: there are
    two of one create now."""
    return any(scene.rows[one].token == row.token for one in _disturbed(scene) & scene.rows.keys() if one[0] == name)


def _put_aside(world: World) -> set[tuple[str, str]]:
    with world.store.read() as connection:
        found = connection.execute(select(t.inbox.c.connection, t.inbox.c.ref).where(t.inbox.c.parked != ""))
        return {(row.connection, row.ref) for row in found}


def _disturbed(scene: Scene) -> set[tuple[str, str]]:
    return scene.world.people.disturbed


def _unlinked(scene: Scene) -> Iterator[Violation]:
    for (name, ref), row in scene.rows.items():
        is_open = row.body.get("status") in OPEN
        # Whose record it is that carries a token from a forgotten future, a person decides.
        if is_open and row.merged_into is None and (name, ref) not in scene.owners and row.token is None:
            yield Violation("unlinked record", f"open record {ref} in {name} belongs to no incident")
    for incident, copies in scene.incidents:
        if incident.kind != RecordKind.INCIDENT or incident.fields["status"] not in OPEN:
            continue
        for name in scene.world.tools:
            copy = next((one for one in copies if one.connection == name), None)
            if copy is None or copy.state in (ReplicaState.ABSENT, ReplicaState.IN_DOUBT):
                state = "missing" if copy is None else copy.state.value
                yield Violation("unlinked record", f"the copy of open INC-{incident.id} in {name} is {state}")


def _believed_gone(scene: Scene) -> Iterator[Violation]:
    """What people deleted or merged is gone, and nothing else is, whoever said so."""
    if scene.world.restored:
        return
    deleted = {scene.owners.get(one) for one in _disturbed(scene)}
    for incident, copies in scene.incidents:
        for copy in copies:
            # A copy that made way for another incident's own record has none any more.
            by_people = incident.id in deleted or "was merged into" in copy.parked
            if copy.state is ReplicaState.GONE and not by_people:
                words = f"the copy of INC-{incident.id} in {copy.connection} counts as gone: {copy.parked}"
                yield Violation("lost copy", words)


def _equality(scene: Scene) -> Iterator[Violation]:
    for incident, copies in scene.incidents:
        for copy in copies:
            row = scene.shown(copy)
            if row is None:
                continue
            desk = scene.world.tools[copy.connection]
            for name in desk.compared:
                sayable = name in row.body and desk.can_show(name, _value(incident.fields.get(name)))
                if name in copy.holds or not sayable:
                    continue
                if name not in incident.fields and scene.world.shape.has_habit(copy.connection, name):
                    continue  # what the tool filled in by itself is unknown to everybody else
                ours = _value(desk.would_show(name, incident.fields.get(name)))
                theirs = _shown(scene.world, copy.connection, row, name)
                # What a tool filled in by itself where the incident says nothing is nobody's word.
                born = desk.born.get(row.ref, {})
                unsaid = ours is None and (row.body.get(name) == born.get(name) or bool(born) > desk.tells_birth)
                if ours != theirs and not unsaid:
                    words = f"INC-{incident.id} {name} is {ours!r} and record {row.ref} in {copy.connection} shows"
                    yield Violation("diverged", f"{words} {theirs!r}")


def _shown(world: World, tool: str, row: Row, name: str) -> Any:
    value = _bare(name, row.body.get(name))
    if name == "assignee" and value:
        return world.tools[tool].addresses().get(value)
    return _value(value)


def _bare(name: str, value: Any) -> Any:
    """A description without the block of alerts, which is nobody's text."""
    return split(value)[0] if name == "description" and isinstance(value, str) else value


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(sorted(set(value))) or None
    # Space around a text says nothing: a tool that cuts one may leave some at its end.
    return (value.strip() if isinstance(value, str) else value) or None


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return None if isinstance(value, dict) else _told(value)


def _told(value: Any) -> Any:
    """A value as it can be found again wherever it is told: each tool writes texts in a format of its own."""
    found = _value(value)
    return bare(found) or None if isinstance(found, str) else found


# -- what people wrote ---------------------------------------------------------------------------------------------


def _edits(scene: Scene) -> Iterator[Violation]:
    fields = {incident.id: incident.fields for incident, _copies in scene.incidents}
    by_field: dict[tuple[int, str], list[Edit]] = defaultdict(list)
    for edit in scene.world.people.edits:
        owner = scene.owners.get((edit.tool, edit.ref))
        if owner is not None and edit.field in TEXTS:
            by_field[owner, edit.field].append(edit)
    mentioned = _mentions(scene)
    for (owner, name), edits in by_field.items():
        if _is_disturbed(scene, owner) or (owner, name) in scene.untold:
            continue
        yield from _judge(scene, owner, name, edits, _value(fields[IncidentId(owner)].get(name)), mentioned)


def _overwritten(scene: Scene) -> Iterator[Violation]:
    """Where a tool refused none of our writes, each text that one of them replaced is told, or stands. What was
    replaced while an old backup was not yet in the store's place, that backup does not know to ask for."""
    if scene.world.restored:
        return
    fields = {incident.id: incident.fields for incident, _copies in scene.incidents}
    mentioned = _mentions(scene)
    for (name, ref), row in scene.rows.items():
        owner = scene.owners.get((name, ref))
        if owner is None or _is_disturbed(scene, owner):
            continue
        for entry in _replaced_by_us(scene.world, name, row):
            if (owner, entry.name) in scene.untold:
                continue
            final = _value(fields[IncidentId(owner)].get(entry.name))
            before = _bare(entry.name, entry.before)
            if not _same(final, before) and (entry.name, _told(before)) not in mentioned:
                words = f"INC-{owner} {entry.name}: {before!r} in {name} was replaced by our {entry.after!r}"
                yield Violation("overwritten unseen", f"{words}, and nobody is told")


def _replaced_by_us(world: World, tool: str, row: Row) -> Iterator[Entry]:
    """Our entries in a record's history that took away a text which somebody had written there."""
    edits = [edit for edit in world.people.edits if (edit.tool, edit.ref) == (tool, row.ref) and edit.field in TEXTS]
    written = {(edit.field, edit.value) for edit in edits}
    for entry in row.history:
        ours = entry.author == world.tools[tool].account
        before, after = _bare(entry.name, entry.before), _bare(entry.name, entry.after)
        if ours and before != after and entry.name in TEXTS and (entry.name, before) in written:
            yield entry


def _is_disturbed(scene: Scene, owner: int) -> bool:
    """A record of this incident was deleted, restored or merged: what was written there may have stayed there."""
    return any(scene.owners.get(one) == owner for one in _disturbed(scene)) or any(
        copy.state in (ReplicaState.GONE, ReplicaState.PARKED)
        for incident, copies in scene.incidents
        if incident.id == owner
        for copy in copies
    )


def _judge(
    scene: Scene, owner: int, name: str, edits: list[Edit], final: Any, mentioned: set[tuple[str, Any]]
) -> Iterator[Violation]:
    last = {(edit.tool, edit.ref): edit for edit in edits}
    newest = edits[-1]
    for edit in last.values():
        if not edit.again and not _same(final, edit.value) and (name, _told(edit.value)) not in mentioned:
            words = f"INC-{owner} {name}: {edit.value!r} written in {edit.tool} is neither shown ({final!r}) nor told"
            yield Violation("lost edit", words)
    lost = any(field == name and _same(value, newest.value) for field, value in scene.lost)
    told = newest.again or scene.world.restored or lost
    if not told and not _same(final, newest.value):
        words = f"INC-{owner} {name}: the newest edit {newest.value!r} in {newest.tool} gave way to {final!r} unsaid"
        yield Violation("overwritten edit", words)
    shown = next((edit for edit in reversed(edits) if _same(final, edit.value) and final is not None), None)
    if shown is None:
        if final is not None and not scene.world.restored and not final.startswith(("Down:", "Slow:")):
            yield Violation("invented value", f"INC-{owner} {name} is {final!r}, which nobody wrote")
        return
    # What was written here since a backup that was put back is nowhere any more.
    there = [edit for edit in edits if (edit.tool, edit.ref) == (shown.tool, shown.ref)]
    after = next((edit for edit in reversed(there) if edit.number not in scene.world.people.forgotten), shown)
    if after.number > shown.number and not after.again and (name, _told(after.value)) not in scene.lost:
        words = f"INC-{owner} {name} shows {final!r}, which was replaced by {after.value!r} in {shown.tool}"
        yield Violation("stale value", words)


def _same(final: Any, written: Any) -> bool:
    return bool(_told(final) == _told(written))


def _mentions(scene: Scene) -> set[tuple[str, Any]]:
    """Every (field, value) that a journal tells of, as accepted, replaced or refused."""
    found: set[tuple[str, Any]] = set(scene.lost)
    for facts in scene.told:
        for name, value in _facts(facts.get("fields")):
            found.add((name, _frozen(value)))
        for name, change in _facts(facts.get("changes")):
            found |= {(name, _frozen(change["before"])), (name, _frozen(change["after"]))}
        for name, one in _facts(facts.get("conflicts")):
            found |= {(name, _frozen(one["kept"])), (name, _frozen(one["lost"]))}
    return found


def _facts(facts: Any) -> Iterable[tuple[str, Any]]:
    return facts.items() if isinstance(facts, Mapping) else ()


def _spread(scene: Scene) -> Iterator[Violation]:
    """What a journal tells as a tool's new value was written there by a person: not by us, and not by the tool itself,
    which fills in defaults, computes, cuts and lets its clock run."""
    if scene.world.restored or scene.world.people.disturbed:
        return
    written = _written_by_people(scene.world)
    for facts in scene.told:
        tool = facts["connection"]
        if tool not in scene.world.tools:
            continue
        for name, change in _facts(facts.get("changes")):
            if name not in COMPARED or (scene.world.shape.rule and name == "close_notes"):
                continue  # a rule that edits what we wrote cannot be told from a person
            for value in _new_parts(change):
                if (tool, name, value) not in written:
                    words = (
                        f"INC-{facts['incident']} {name}: {value!r} was taken for an edit that nobody made in {tool}"
                    )
                    yield Violation("echo", words)


def _new_parts(change: Mapping[str, Any]) -> list[Any]:
    """The value, or of a set what was added to it."""
    if isinstance(change["after"], list):
        before = change["before"] if isinstance(change["before"], list) else []
        return sorted(set(change["after"]) - set(before))
    return [_told(_frozen(change["after"]))]


def _written_by_people(world: World) -> set[tuple[str, str, Any]]:
    """Tool, field and value; of a set each part."""
    found: set[tuple[str, str, Any]] = set()
    for edit in world.people.edits:
        if edit.tool == HERE:
            continue
        if edit.field == "tags":
            found |= {(edit.tool, "tags", tag) for tag in edit.value or ()}
        else:
            value = world.tools[edit.tool].addresses().get(edit.value) if edit.field == "assignee" else edit.value
            found.add((edit.tool, edit.field, _told(value)))
    return found


def _given_up(facts: Mapping[str, Any]) -> set[str]:
    """The tags that somebody gave up who settled a conflict for the other side."""
    change = dict(_facts(facts.get("changes"))).get("tags")
    if not isinstance(change, Mapping) or change.get("reason") != Reason.SETTLED.value:
        return set()
    before, after = (one if isinstance(one, list) else [] for one in (change["before"], change["after"]))
    return {*before} - {*after}


def _tags(scene: Scene) -> Iterator[Violation]:
    """Whoever adds to a set adds to what the others added."""
    fields = {incident.id: incident.fields for incident, _copies in scene.incidents}
    refused = {tag for name, value in scene.lost if name == "tags" for tag in value or ()}
    refused |= {tag for facts in scene.told for tag in _given_up(facts)}
    for tag, place in scene.world.people.tags.items():
        owner = scene.owners.get(place)
        if tag in refused or owner is None or _is_disturbed(scene, owner):
            continue
        tags = fields[IncidentId(owner)].get("tags")
        if not isinstance(tags, tuple) or tag not in tags:
            yield Violation("lost tag", f"INC-{owner} lost {tag!r}, which somebody added in {place[0]}")


def _notes(scene: Scene) -> Iterator[tuple[Remark, str, str, list[Note]]]:
    """Every comment of a person, with its copies on each record."""
    for remark in scene.world.people.remarks:
        for (name, ref), row in scene.rows.items():
            yield remark, name, ref, [note for note in row.notes if _says(note, remark)]


def _says(note: Note, remark: Remark) -> bool:
    # Whoever copies a comment says first whose it is; where only the words of a text are shown, on the same line.
    return note.text == remark.text or note.text.endswith((f"\n{remark.text}", f" {remark.text}"))


def _doubled_remarks(scene: Scene) -> Iterator[Violation]:
    for remark, name, ref, notes in _notes(scene):
        if len(notes) > 1:
            yield Violation("doubled comment", f"{remark.text!r} stands {len(notes)} times on {ref} in {name}")


def _wide_remarks(scene: Scene) -> Iterator[Violation]:
    for remark, name, ref, notes in _notes(scene):
        wider = [one.audience for one in notes if not remark.audience.may_become(Audience(one.audience))]
        if wider:
            what = f"{remark.text!r} is for {remark.audience} and shown to {wider[0]} on {ref} in {name}"
            yield Violation("shown wider", what)


_ASIDE = (
    select(t.twin.c.replica_id, t.comment.c.body)
    .join(t.comment, t.comment.c.id == t.twin.c.comment_id)
    .where(t.twin.c.state == "parked")
)


def _lost_remarks(scene: Scene) -> Iterator[Violation]:
    copies = {incident.id: found for incident, found in scene.incidents}
    with scene.world.store.read() as connection:
        # What was put aside is told, with the sentence that says why.
        aside = set(connection.execute(_ASIDE).tuples())
    for remark in scene.world.people.remarks:
        owner = scene.owners.get((remark.tool, remark.ref))
        if owner is None or _is_disturbed(scene, owner) or (scene.world.restored and remark.tool == HERE):
            continue
        for copy in copies[IncidentId(owner)]:
            seen = scene.shown(copy)
            told = (copy.id, remark.text) in aside
            if seen is not None and not told and not any(_says(note, remark) for note in seen.notes):
                yield Violation("lost comment", f"{remark.text!r} is missing on {seen.ref} in {copy.connection}")


# -- signals and writes --------------------------------------------------------------------------------------------


def _signals(scene: Scene) -> Iterator[Violation]:
    if not scene.world.shape.alerts:
        return
    with scene.world.store.read() as connection:
        rows = list(connection.execute(select(t.signal)))
        # What is doubted is told, and a person confirms it.
        doubted = {ref for doubt in absence.doubts(connection).values() for ref in doubt.open}
    known = {row.episode: row for row in rows}
    for ref in scene.world.alerts.firing:
        row = known.get(ref)
        if row is None or not row.firing or row.incident_id is None:
            yield Violation("lost signal", f"alert {ref} fires and no incident knows it")
    for ref in scene.world.dead_alerts:
        yield Violation("mass end", f"alert {ref} fires and was taken for ended with everything that was not listed")
    for row in rows:
        if row.firing and row.episode not in scene.world.alerts.firing and row.episode not in doubted:
            yield Violation("lost signal", f"alert {row.episode} has ended and nobody noticed")
    fields = {incident.id: incident.fields for incident, _copies in scene.incidents}
    for row in rows:
        if row.episode in scene.world.alerts.firing and row.incident_id is not None:
            worked_on = fields[row.incident_id]["status"] in ("in_progress", "on_hold")
            quiet = scene.world.alerts.firing[row.episode].quiet
            if worked_on and not quiet and scene.world.alerts.quietens:
                yield Violation("loud alert", f"alert {row.episode} is worked on and its source was not told")
            # What a store that was put back has forgotten is not taken back. It runs out by itself.
            if not worked_on and quiet and not scene.world.restored:
                yield Violation("muted alert", f"alert {row.episode} fires, nobody works on it, and it stays silenced")
    groups: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        if row.incident_id is not None and fields[row.incident_id]["status"] in OPEN:
            groups[row.group_key].add(row.incident_id)
    reopened = _reopened_by_hand(scene)
    for key, incidents in groups.items():
        # A person may reopen an older one by hand, and its own alerts may still fire; then two are open, and neither
        # was opened twice.
        opened = {row.incident_id for row in rows if row.group_key == key and row.firing} - reopened
        if len(opened & incidents) > 1:
            yield Violation("doubled incident", f"the alerts of {key} have the open incidents {sorted(incidents)}")


def _following(scene: Scene) -> Iterator[Violation]:
    """What alerts do to their incidents, wherever nothing was deleted, restored or merged."""
    incidents = [
        (incident, [(copy, row) for copy in copies if (row := scene.shown(copy)) is not None])
        for incident, copies in scene.incidents
        if not _is_disturbed(scene, incident.id)
    ]
    for kind, words in following.broken(following.Stage(scene.world, incidents, scene.told)):
        yield Violation(kind, words)


def _reopened_by_hand(scene: Scene) -> set[int]:
    """Incidents that were resolved until somebody opened them again in a tool."""
    return {
        facts["incident"]
        for facts in scene.told
        for name, change in _facts(facts.get("changes"))
        if name == "status"
        and facts["connection"] in scene.world.tools
        and change["before"] == "resolved"
        and change["after"] in ("new", "in_progress", "on_hold")
    }


def _one_of_many(scene: Scene) -> Iterator[Violation]:
    """One record, or one field, costs nothing but itself."""
    for name in sorted(scene.world.stopped_by_one):
        yield Violation("stopped by one", f"{name} stood still because of one record that nobody understands")
    for incident, copies in scene.incidents:
        for copy in copies:
            if copy.state is ReplicaState.PARKED and "cannot be" in copy.parked and "any more" in copy.parked:
                yield Violation("parked for a field", f"INC-{incident.id} in {copy.connection}: {copy.parked}")


def _writes(scene: Scene) -> Iterator[Violation]:
    world = scene.world
    if world.shape.quarrel:
        return
    written = sum(tool.written for tool in world.tools.values())
    creates = sum(tool.made for tool in world.tools.values())
    others = len(world.tools) - 1
    # What a blunt tool let us overwrite is written back there, besides to the others.
    put_back = sum(tool.overwrote for tool in world.tools.values())
    steps = max(tool.steps_of_a_write for tool in world.tools.values())
    updates = (world.people.changes + creates) * others + put_back + 6 * world.restored * len(scene.incidents)
    bound = updates * steps + 4
    if written > bound:
        yield Violation("too many writes", f"{written} writes for {world.people.changes} changes and {creates} creates")
