"""From a YAML file and an admin's overlay to a mapping that is proved before the daemon may use it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping as MappingOf
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tieline.core.errors import ConfigError, Problem
from tieline.core.model import CATALOGUE
from tieline.core.yaml import Node, load_yaml
from tieline.mappings.examples import broken_examples
from tieline.mappings.laws import broken_laws
from tieline.mappings.lint import Catalogue, lint
from tieline.mappings.mapping import Mapping, compile_mapping
from tieline.mappings.overlay import blamed, lay_over, without
from tieline.mappings.shape import Shape, nearest
from tieline.mappings.tree import entries

_HERE = Path(__file__).parent


def shipped() -> MappingOf[str, Path]:
    """The mappings that come with Tieline, by name."""
    return MappingProxyType({path.stem: path for path in sorted(_HERE.glob("*.yaml"))})


def load(source: Path | str, overlay: Path | None = None) -> Mapping:
    """A proved mapping from a file or the name of a shipped one, with an admin's overlay laid on top.

    Raises ConfigError with every problem: lint, the file's own examples, and the lens laws.
    """
    path = _locate(source)
    text = _read(path)
    mapping = _alone(path, text)
    return mapping if overlay is None else _overlaid(path, text, overlay, _read(overlay))


PROOFS: Final = 64
"""Proofs that are kept, so that connections to tools of one kind, and a reload, do not prove the same text again: it
takes a twentieth of a second, and a mapping never changes."""


@lru_cache(maxsize=PROOFS)
def _alone(path: Path, text: bytes) -> Mapping:
    return prove(load_yaml(text, str(path)), path.stem)


@lru_cache(maxsize=PROOFS)
def _overlaid(path: Path, text: bytes, overlay: Path, words: bytes) -> Mapping:
    # The shipped examples were proved against the shipped rules; the overlay may change what they show.
    base, top = without(load_yaml(text, str(path)), "examples"), load_yaml(words, str(overlay))

    def problems(top: Node) -> list[Problem]:
        try:
            prove(lay_over(base, top), path.stem)
        except ConfigError as error:
            return list(error.problems)
        return []

    try:
        return prove(lay_over(base, top), path.stem)
    except ConfigError as error:
        raise ConfigError([*dict.fromkeys(blamed(problem, top, problems) for problem in error.problems)]) from None


def check(path: Path | str, overlay: Path | None = None) -> list[Problem]:
    """Everything that is wrong with a mapping; empty when it may be used."""
    try:
        load(path, overlay)
    except ConfigError as error:
        return list(error.problems)
    return []


def _locate(source: Path | str) -> Path:
    if isinstance(source, Path):
        return source
    known = shipped()
    if source in known:
        return known[source]
    if source.endswith((".yaml", ".yml")) or "/" in source:
        return Path(source)
    what = f"no mapping is called `{source}`."
    raise ConfigError([Problem(source, 0, 0, "MAP000", what, nearest(source, known))])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        what, fix = _UNREAD.get(type(error), (f"the file cannot be read: {error.strerror}.", "check its name."))
        raise ConfigError([Problem(str(path), 1, 1, "MAP000", what, fix)]) from error


_UNREAD: Final[MappingOf[type[OSError], tuple[str, str]]] = {
    FileNotFoundError: ("there is no such file.", "correct its name; a shipped mapping is named without `.yaml`."),
    IsADirectoryError: ("it is a folder, and no file.", "name a file in it."),
    PermissionError: ("this user may not read the file.", "make it readable for the user that runs Tieline."),
}


def prove(root: Node, name: str, catalogue: Catalogue = CATALOGUE) -> Mapping:
    """The mapping that a tree says, whose fields are those of `catalogue`. Raises ConfigError with every problem."""
    shape = Shape()
    document = lint(root, name, _digest(root), shape, catalogue)
    if document is None or shape.problems:
        raise ConfigError(sorted(shape.problems, key=lambda one: (one.file, one.line, one.column, one.code)))
    mapping = compile_mapping(document)
    problems = [*broken_examples(mapping), *broken_laws(mapping, root)]
    if problems:
        raise ConfigError(problems)
    return mapping


def _digest(root: Node) -> str:
    """Hex SHA-256 of what acts: the examples prove the mapping, they do not change it."""
    acting = {key: node.plain() for key, node in entries(root).items() if key not in ("examples", "about")}
    text = json.dumps(acting, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
