"""T21: nothing in the package turns foreign bytes into code: no pickle, no eval, no shell, no loader that builds."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.threats.conftest import Tally

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "mappings", "sync", "adapters", "plugins", "cli")
MODULES = (
    "pickle",
    "cPickle",
    "dill",
    "shelve",
    "marshal",
    "jsonpickle",
    "cloudpickle",
    "joblib",
    "xml",
    "lxml",
    "yaml",
)
NAMES = ("eval", "exec", "compile", "__import__", "input")
CALLS = ("os.system", "os.popen", "subprocess.getoutput", "tempfile.mktemp", "ssl._create_unverified_context")
ALLOWED: dict[str, str] = {}
"""`file: what`, with the reason; empty is best."""


def dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value, name):
            return f"{dotted(value)}.{name}"
        case _:
            return "?"


def is_ours(text: ast.expr) -> bool:
    """A literal, a constant's name, or no text at all but an object with a method of that name.

    `str.format` on foreign text reads attributes of its arguments; on a text of ours it does not.
    """
    match text:
        case ast.Constant():
            return True
        case ast.Name(name):
            return name.isupper() or name == "self"
        case ast.Call(ast.Name("super")):
            return True
        case _:
            return False


def found_in(source: str) -> Iterator[str]:
    """What must not stand in a module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                yield from (one.name for one in names if one.name.split(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in MODULES:
                yield module
            case ast.Call(function, _arguments, keywords):
                name = dotted(function)
                yield from [name] if name in NAMES or name in CALLS else []
                for word in keywords:
                    constant = word.value.value if isinstance(word.value, ast.Constant) else None
                    yield from ["shell=True"] if (word.arg, constant) == ("shell", True) else []
                    yield from ["verify=False"] if (word.arg, constant) == ("verify", False) else []
                if isinstance(function, ast.Attribute) and function.attr == "format" and not is_ours(function.value):
                    yield f"{name}()"
            case ast.Assign(targets, ast.Constant(False)):
                yield from ("verify = False" for one in targets if dotted(one).endswith(".verify"))


def test_no_module_has_what_turns_bytes_into_code(tally: Tally) -> None:
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    found = [f"{path.relative_to(ROOT)}: {what}" for path in files for what in found_in(path.read_text("utf-8"))]
    tally(len(files), [one for one in found if one not in ALLOWED])


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from yaml import load", "eval('1')", "exec(x)", "run(x, shell=True)", "get(x, verify=False)",
     "s.verify = False", "os.system('x')", "text.format(a=1)"],
)  # fmt: skip
def test_the_check_sees_what_it_should(line: str) -> None:
    assert list(found_in(line))


def test_the_linter_looks_at_every_change_too() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert {"S", "BLE", "B"} <= set(ruff["select"])
    assert not {one for one in ruff["ignore"] if one.startswith("S")} - {"S101"}
    relaxed = [path for path, codes in ruff["per-file-ignores"].items() if "S" in codes]
    assert all(path.startswith(("tests/", "benchmarks/")) for path in relaxed)
