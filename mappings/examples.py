"""Runs a mapping's own examples: records from reality, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator

from tieline.core.errors import Problem
from tieline.mappings.board import ALERTS
from tieline.mappings.document import Example
from tieline.mappings.mapping import Mapping
from tieline.mappings.samples import frozen, same


def broken_examples(mapping: Mapping) -> Iterator[Problem]:
    """The examples that do not come out as written down."""
    for example in mapping.document.examples:
        yield from _read_problems(mapping, example)
        yield from _write_problems(mapping, example)


def _read_problems(mapping: Mapping, example: Example) -> Iterator[Problem]:
    if example.fields is None and not example.unmapped:
        return
    got = mapping.normalize(example.body, example.people)
    wanted = {name: frozen(value) for name, value in (example.fields or {}).items()}
    for name in sorted(wanted.keys() | got.fields.keys()):
        if name in wanted and name in got.fields and same(wanted[name], got.fields[name]):
            continue
        if name == ALERTS and got.fields.get(name) is None:
            continue  # what shows no block needs not say so
        if name in wanted:
            found = f"reads {got.fields[name]!r}" if name in got.fields else "reads nothing"
            said = next((f" ({one.sentence})" for one in got.unmapped if one.field == name), "")
            what = f"{example.because}: {name} {found} instead of {wanted[name]!r}.{said}"
        else:
            what = f"{example.because}: {name} reads {got.fields[name]!r} and the example does not say so."
        yield at_example(example, "MAP014", what, "mend the rule, or the example if it is wrong.")
    unmapped = {one.field for one in got.unmapped}
    if example.fields is not None and unmapped != set(example.unmapped):
        what = f"{example.because}: unmapped are {sorted(unmapped)} instead of {sorted(example.unmapped)}."
        yield at_example(example, "MAP014", what, "map the value, or list the field under `unmapped`.")


def _write_problems(mapping: Mapping, example: Example) -> Iterator[Problem]:
    if example.write is None:
        return
    fields = {name: frozen(value) for name, value in example.write.items()}
    ids = {email: number for number, email in example.people.items()}
    got = mapping.denormalize(fields, fields, ids, creating=example.creating)
    if got.body != (example.writes or {}):
        left = "".join(f" Left out: {one.sentence}" for one in got.left_out)
        what = f"{example.because}: writes {got.body!r} instead of {example.writes or {}!r}.{left}"
        yield at_example(example, "MAP015", what, "mend the rule, or the example if it is wrong.")


def at_example(example: Example, code: str, what: str, fix: str) -> Problem:
    """A finding at an example."""
    return Problem(example.file, example.line, example.column, code, what, fix)
