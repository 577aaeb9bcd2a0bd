"""`tieline mapping`: check a mapping file as the daemon would, and say in words what it does."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tieline import mappings
from tieline.cli.output import emit, json_option, say, table


def _source(name: str) -> Path | str:
    return name if name in mappings.shipped() else Path(name)


overlay_option = click.option(
    "--overlay", type=click.Path(exists=True, dir_okay=False), help="The admin's changes to it."
)


@click.group()
def mapping() -> None:
    """Check and explain mappings."""


@mapping.command("list")
@json_option
def list_(as_json: bool) -> None:
    """The mappings that ship with Tieline."""
    names = sorted(mappings.shipped())
    if as_json:
        emit(names)
    else:
        table("Shipped mappings", ["name"], [(name,) for name in names], empty="")


@mapping.command()
@click.argument("source")
@overlay_option
@json_option
def check(source: str, overlay: str | None, as_json: bool) -> None:
    """Prove SOURCE (a file, or the name of a shipped mapping): lint, lens laws, its own examples."""
    problems = mappings.check(_source(source), Path(overlay) if overlay else None)
    if as_json:
        emit(
            [
                {"file": p.file, "line": p.line, "column": p.column, "code": p.code, "what": p.what, "fix": p.fix}
                for p in problems
            ]
        )
    else:
        for problem in problems:
            say(problem, err=True)
        if not problems:
            say(f"{source}: what is written reads back as it was meant, and what was read writes back as nothing")
    sys.exit(3 if problems else 0)


@mapping.command()
@click.argument("source")
@overlay_option
@json_option
def explain(source: str, overlay: str | None, as_json: bool) -> None:
    """Say in words what SOURCE reads and writes, field by field."""
    rows = mappings.explain(mappings.load(_source(source), Path(overlay) if overlay else None))
    columns = ["field", "path", "read", "write", "policy", "because"]
    found = [(row.field, row.path, row.read, row.write, row.policy, row.because) for row in rows]
    if as_json:
        emit([dict(zip(columns, row, strict=True)) for row in found])
    else:
        table(source, columns, found, empty="this mapping maps nothing", whole=True)


@mapping.command()
def schema() -> None:
    """The JSON Schema of mapping files, for editors."""
    emit(mappings.json_schema())
