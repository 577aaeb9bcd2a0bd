"""What an act notes, as whoever approves it sees it, and as the bytes that they approve.

One note is one object of text, whole numbers, lists and objects; its `item` is an id, or how one is called that is not
there yet. All of an act's notes have one form of bytes: what is noted in the same words has the same hash, in every
process and at any time. So a timer's moment is not in it, which mostly follows from when it was asked; one that
somebody named stands in what was asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from tieline.core.events import Event, Fact
from tieline.core.model import Audience, Fields
from tieline.core.store.chain import canonical
from tieline.sync.loading import plain

Note = Mapping[str, Any]

SHOWN: Final = 500
"""Characters of a text that stand in a sentence; programs are told all of it."""


def edit(item: str | None, fields: Fields) -> Note:
    """New values of fields."""
    return {"does": "edit", "item": item, "fields": plain(fields)}


def open_item(item: str | None, fields: Fields, whole: str | None = None) -> Note:
    """A new item, and what it is a part of."""
    said: Note = {"does": "open", "item": item, "fields": plain(fields)}
    return said if whole is None else {**said, "part_of": whole}


def comment(item: str | None, body: str, audience: Audience) -> Note:
    """A comment."""
    return {"does": "comment", "item": item, "audience": audience.value, "body": body}


def relate(does: str, item: str | None, person: str, relation: str) -> Note:
    """Somebody who stands so to an item, or not any more."""
    return {"does": does, "item": item, "person": person, "relation": str(relation)}


def record(event: Event, item: str | None) -> Note:
    """Something that happened."""
    return {"does": "record", "item": item, "kind": event.KIND, "facts": event.facts()}


def set_timer(kind: str, item: str | None, key: str, facts: Mapping[str, Fact]) -> Note:
    """A timer, without when it is due."""
    return {"does": "set_timer", "item": item, "kind": kind, "key": key, "facts": dict(facts)}


def cancel_timer(kind: str, item: str | None, key: str) -> Note:
    """A timer that is taken back."""
    return {"does": "cancel_timer", "item": item, "kind": kind, "key": key}


def forget(item: str | None, why: str) -> Note:
    """That an item is forgotten."""
    return {"does": "forget", "item": item, "why": why}


def forget_person(words: str, addresses: Collection[str], reference: str) -> Note:
    """That a person is forgotten."""
    return {"does": "forget_person", "item": None, "person": words, "addresses": [*addresses], "reference": reference}


def start(job: str, item: str | None, ask: Mapping[str, Any]) -> Note:
    """Long work that begins, with what it is told."""
    return {"does": "start", "item": item, "kind": job, "ask": dict(ask)}


def bind(name: str, text: str) -> Note:
    """A text that leaves from here, byte for byte."""
    return {"does": "bind", "name": name, "text": text, "sha": hashlib.sha256(text.encode()).hexdigest()}


def release(item: str | None, connection: str, body: Mapping[str, Any], sha: str, since: str | None) -> Note:
    """What others read of an item, byte for byte, and where."""
    return {"does": "release", "item": item, "connection": connection, "body": body, "sha": sha, "since": since}


def take_back(item: str | None) -> Note:
    """What was approved to be shown later is so no more."""
    return {"does": "take_back", "item": item}


def halt(*, goes_on: bool) -> Note:
    """All that others read leaves no more, or leaves again."""
    return {"does": "go on" if goes_on else "halt"}


def sha(notes: Sequence[Note]) -> str:
    """Another one as soon as anything of it is."""
    return hashlib.sha256(canonical(list(notes))).hexdigest()


def sentence(note: Note, called: Mapping[str, str]) -> str:
    """What it would do, for people; `called` is how they call items."""
    item = note.get("item") or ""
    of = f" of {called.get(item, item)}" if item in called or item.startswith("new ") else ""
    match note["does"]:
        case "open":
            return f"{item}: {', '.join(f'{name} {value!r}' for name, value in note['fields'].items())}"
        case "edit":
            return f"{', '.join(f'{name} becomes {value!r}' for name, value in note['fields'].items())}{of}"
        case "comment":
            return f"a comment for {note['audience']}{of}: {_cut(note['body'])}"
        case "record":
            facts = ", ".join(f"{name} {value}" for name, value in note["facts"].items() if value is not None)
            return f"{note['kind']}{of}: {_cut(facts)}" if facts else f"{note['kind']}{of}"
        case "relate":
            return f"{note['person']} becomes {note['relation']}{of}"
        case "unrelate":
            return f"{note['person']} is no longer {note['relation']}{of}"
        case "start":
            told = ", ".join(f"{name} {value!r}" for name, value in note["ask"].items() if value is not None)
            return f"the job {note['kind']}{of} begins" + (f": {_cut(told)}" if told else "")
        case "forget":
            return f"all that is kept{of} is forgotten, for good: {note['why']}"
        case "forget_person":
            also = f" ({', '.join(note['addresses'])})" if note["addresses"] else ""
            return f"{note['person']}{also} is forgotten as a person, for good: {note['reference']}"
        case "bind":
            return f"{note['name']}, byte for byte: {_cut(note['text'])}"
        case "release":
            since = f" from {note['since']} on" if note["since"] else ""
            said = "\n".join(f"{name}: {value}" for name, value in note["body"].items())
            return f"shown in {note['connection']}{since}, byte for byte:\n{_cut(said)}"
        case "take_back":
            return f"what was to be shown later{of} is approved no more"
        case "halt":
            return "nothing is shown outside any more"
        case "go on":
            return "what was approved is shown outside again"
        case does:
            return f"{does.replace('_', ' ')} {note['kind']}{of}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters; all of it with --json)"
