"""Proves the laws of a lens on values made to hurt, and on records that hold something everywhere.

The laws: what is written reads back as what was meant, through all that the tool makes of it by itself; projecting
twice changes nothing; and what was read writes back as nothing. A mapping that breaks one could write for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tieline.core.errors import Problem
from tieline.core.model import ABSENT, Absent, Fields, Value
from tieline.core.port import Body
from tieline.core.yaml import Node
from tieline.mappings.codecs import Refused, shown
from tieline.mappings.computed import as_key, behind, inputs_for, made, settled
from tieline.mappings.document import Computed, FieldRule, When
from tieline.mappings.examples import at_example
from tieline.mappings.mapping import Mapping as Lens
from tieline.mappings.outcome import Denormalized
from tieline.mappings.paths import Path, getter, overlap, show
from tieline.mappings.samples import IDS, PEOPLE, filled, readable_words, same, samples, states
from tieline.mappings.shape import finding
from tieline.mappings.tree import nearest_node

_BOTH_WAYS = "make the rule say the same both ways."


def broken_laws(lens: Lens, root: Node) -> Iterator[Problem]:
    """At most one finding per field, at the place in `root` (the file as it was read) that is to be mended."""
    proof = _Proof(lens, root, filled(lens.document), _places(lens))
    for name in lens.document.rules:
        if name in lens.writable:
            found = proof.of_words(name) or proof.of_writes(name)
            if found:
                yield found
    yield from proof.of_defaults()
    yield from _of_examples(lens)


def _of_examples(lens: Lens) -> Iterator[Problem]:
    for example in lens.document.examples:
        read = lens.normalize(example.body, example.people).fields
        ids = {email: number for number, email in example.people.items()}
        for name, value in lens.project(read, ids).items():
            if not same(value, read[name]):
                what = f"{example.because}: {name} was read as {read[name]!r} and would be written as {value!r}."
                yield at_example(example, "MAP016", what, _BOTH_WAYS)


def _places(lens: Lens) -> tuple[Path, ...]:
    rules = lens.document.rules.values()
    own = (rule.to for rule in rules if rule.to is not None)
    parts = (path for rule in rules for places in rule.parts.values() for path in places)
    return tuple(dict.fromkeys([*own, *parts, *(path for rule in rules for path in rule.beside)]))


@dataclass(frozen=True, slots=True)
class _Proof:
    """The proof of one mapping. `record` holds something wherever the mapping reads, `places` are those it writes."""

    lens: Lens
    root: Node
    record: Body
    places: tuple[Path, ...]

    def of_words(self, name: str) -> Problem | None:
        """That what the tables read is written back as the same word, and that each word of theirs can be written."""
        rule, writer = self.lens.document.rules[name], self.lens.writers[name]
        for value in readable_words(rule) if rule.read else ():
            back = writer.project(value, IDS)
            if not isinstance(back, Refused) and not same(back, value):
                what = f"{name} can be read as {value!r}, which would then be written as {back!r}."
                return self._at("MAP016", what, _BOTH_WAYS, "fields", name)
        for value in rule.parts:
            if isinstance(writer.project(value, IDS), Refused):
                what = f"{name} writes parts for {value!r}, which nothing reads back."
                fix = f"add {value} to values, with what the tool then shows."
                return self._at("MAP006", what, fix, "fields", name, "write", value)
        return None

    def of_writes(self, name: str) -> Problem | None:
        """That what is written reads back as what was meant, whatever record the write meets."""
        rule = self.lens.document.rules[name]
        for value in samples(self.lens.document.specs[name], rule) if rule.read else ():
            once = self.lens.project({name: value}, IDS)
            if self.lens.project(once, IDS) != once:
                what = f"{name}: {value!r:.80} projects to {once!r:.200}, and that to something else."
                return self._at("MAP016", what, _BOTH_WAYS, "fields", name)
            written = self._write(name, value)
            if name not in written.written:
                continue
            if name in once and not same(written.written[name], once[name]):
                what = f"{name}: {value!r:.80} is written as {written.written[name]!r:.80}, not {once[name]!r:.80}."
                return self._at("MAP016", what, _BOTH_WAYS, "fields", name)
            found = self._unread(rule, value, written)
            if found:
                return found
        return None

    def of_defaults(self) -> Iterator[Problem]:
        """That a default can be written where it is needed."""
        for name, value in self.lens.document.defaults.items():
            refusal = self.lens.writers[name].project(value, IDS) if name in self.lens.writers else ABSENT
            if isinstance(refusal, Refused) and "@" not in value:  # people are known to the tool alone
                what = f"the default of {name} cannot be written: {refusal}"
                yield self._at("MAP008", what, "name a value that the mapping writes.", "defaults", name)

    def _write(self, name: str, value: Value) -> Denormalized:
        when = self.lens.document.rules[name].when
        wanted: Fields = {**self._asks_for(name), name: value} if when is When.NEEDED else {name: value}
        return self.lens.denormalize(wanted, self._company(name), IDS, creating=when is When.ONCE)

    def _asks_for(self, name: str) -> Fields:
        """A field and the value of it that is written with `name` beside it."""
        for other, writer in self.lens.writers.items():
            for value, names in [*writer.needs.items(), *writer.takes.items()]:
                if name in names and writer.when is not When.NEEDED:
                    return {other: value}
        return {}

    def _company(self, name: str) -> Fields:
        """A value for every other field, so that needs are met."""
        specs, rules = self.lens.document.specs, self.lens.document.rules
        return {other: next(samples(specs[other], rules[other])) for other in self.lens.writers if other != name}

    def _unread(self, rule: FieldRule, value: Value, written: Denormalized) -> Problem | None:
        patch = {path: raw for path in self.places if (raw := getter(path)(written.body)) is not ABSENT}
        for before in states(self.lens.document, rule, self.record):
            after = settled(before, patch, self.lens.document.computed)
            read = self.lens.normalize(after, PEOPLE).fields
            for name, meant in written.written.items():
                back = read.get(name, ABSENT)
                if isinstance(back, Absent) or not same(back, meant):
                    return self._why(name, value if name == rule.name else meant, meant, back, patch, after)
        return None

    def _why(
        self, name: str, value: Value, meant: Value, back: Value | Absent, patch: Mapping[Path, Any], after: Body
    ) -> Problem:
        """The finding for a write that does not read back, with what is to blame for it."""
        rule = self.lens.document.rules[name]
        entry = next((one for path in rule.read if (one := behind(path, self.lens.document.computed))), None)
        if entry is not None and entry.table is not None:
            return self._computed_otherwise(rule, value, back, entry, patch, after)
        for one in self.lens.document.computed:
            if one.only_beside and any(overlap(one.path, path) for path in rule.read):
                what = f"{name} is written without {show(one.only_beside)}, and is then not taken by the tool."
                fix = f"let only a field that writes {show(one.only_beside)} need or take {name}."
                return self._at("MAP023", what, fix, "fields", name)
        what, fix, key = _unreached(rule, patch) if entry is None else ("", "", "")
        if what:
            return self._at("MAP025", what, fix, "fields", name, key)
        what = f"{name}: writing {value!r:.80} means {meant!r:.80} and reads back as {back!r:.80}."
        return self._at("MAP016", what, _BOTH_WAYS, "fields", name)

    def _computed_otherwise(
        self,
        rule: FieldRule,
        value: Value,
        back: Value | Absent,
        entry: Computed,
        patch: Mapping[Path, Any],
        after: Body,
    ) -> Problem:
        inputs = {show(path): getter(path)(after) for path in entry.inputs}
        given = " and ".join(
            f"{show(path)} {shown(raw)}" + ("" if path in patch else " (not written: whatever is there)")
            for path, raw in zip(entry.inputs, inputs.values(), strict=True)
        )
        result = made(entry, after)
        reads = "nothing that `computed` tells of" if result is ABSENT else f"{shown(result)}, which reads as {back!r}"
        what = f"{rule.name}: {value} leaves {given}, and the tool makes {show(entry.path)} of them: {reads}."
        right = inputs_for(entry, (rule.values or {}).get(str(value)))
        said = ", ".join(f'{path}: "{as_key(raw)}"' for path, raw in right.items())
        fix = f"write {{{said}}}" if said else "write what the tool makes this value of"
        key = ("write", str(value)) if rule.parts else ("from",)
        return self._at(
            "MAP026", what, f"{fix}, or say under `computed` what this tool makes of it.", "fields", rule.name, *key
        )

    def _at(self, code: str, what: str, fix: str, *keys: str) -> Problem:
        return finding(nearest_node(self.root, *keys), code, what, fix, at_key=True)


def _unreached(rule: FieldRule, patch: Mapping[Path, Any]) -> tuple[str, str, str]:
    """Why a write does not reach what is read: the sentence, its fix and the key to blame; or three times ""."""
    reached = [path for path in rule.read if path in patch]
    others = " and ".join(show(path) for path in rule.read if path not in reached)
    if not reached:
        written = " and ".join(map(show, [rule.to] if rule.to else sorted({*_part_places(rule)}, key=show)))
        what = f"{rule.name} is written at {written} and read at {others}, and nothing says how one makes the other."
        fix = f"read it where it is written, or say under `computed` of what the tool makes {others}."
        return what, fix, "write" if rule.parts else "to"
    if rule.join is not None and others:
        what = f"{rule.name} is read together with {others}, and would be longer after each write."
        return what, f"say `write: never`, or empty {others} with each write (`with:`).", "join"
    if others:
        what = f"{rule.name} is read at {others} where something stands there, and written elsewhere."
        return what, f"say `write: never`, or empty {others} with each write (`with:`).", "from"
    if rule.only_when:
        places = " and ".join(show(path) for path, _ in rule.only_when)
        what = f"{rule.name} reads as empty while {places} say so, though it was written."
        return (
            what,
            "say `write: needed`, and let the field that is written there need it; or `write: never`.",
            "only_when",
        )
    return "", "", ""


def _part_places(rule: FieldRule) -> Iterator[Path]:
    yield from (path for places in rule.parts.values() for path in places)
