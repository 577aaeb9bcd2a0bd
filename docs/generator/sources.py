"""What the code says about itself where a value cannot: comments beside the members of an enum, and calls by name."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import tieline

ROOMS = ("core", "mappings", "sync", "adapters", "plugins", "cli")
_MEMBER = re.compile(r"^ {4}([A-Z0-9_]+) = .*?(?:  # (.*))?$", re.MULTILINE)


def members(kind: type[Enum]) -> list[tuple[str, str]]:
    """Each value of an enum with the comment beside it."""
    said = {name: comment or "" for name, comment in _MEMBER.findall(inspect.getsource(kind))}
    return [(str(member.value), said[member.name].removesuffix(".")) for member in kind]


def modules() -> Iterator[Path]:
    """Every module of the package that works in production: simulators and drivers for tests are left out."""
    for room in ROOMS:
        found = importlib.import_module(f"{tieline.__name__}.{room}").__file__
        if found is None:
            raise RuntimeError(f"{room} is not a package with files")
        for path in sorted(Path(found).parent.rglob("*.py")):
            if not {"testing", "simulated", "demo"} & set(path.parts) and path.stem not in ("simulator", "driver"):
                yield path


def calls(*names: str) -> Iterator[ast.Call]:
    """Every call in the package of a function or method with one of these names."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _called(node) in names:
                yield node


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def texts(node: ast.expr) -> list[str]:
    """The texts that an expression may be: a literal, either branch of a choice."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=other):
            return [*texts(body), *texts(other)]
    return []
