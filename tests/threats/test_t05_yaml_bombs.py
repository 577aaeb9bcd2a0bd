"""T5: a file that is small and unfolds without end is refused before it unfolds, as configuration and as mapping."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from tests.threats.conftest import Tally

from tieline import mappings
from tieline.core.config import load_workspace
from tieline.core.errors import ConfigError

ALLOWED = 32 * 1024 * 1024


def alias_bomb(levels: int, width: int) -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines)


def merge_bomb(levels: int) -> str:
    lines = ["a0: &a0 {k0: v}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: v}}" for n in range(1, levels)]
    return "\n".join(lines)


BOMBS: dict[str, str | bytes] = {
    "aliases nine deep": alias_bomb(9, 9),
    "aliases thirty deep": alias_bomb(30, 2),
    "merge keys twenty deep": merge_bomb(20),
    "an anchor that holds itself": "a: &a [*a]",
    "a map that holds itself": "a: &a {b: *a}",
    "lists in lists": "[" * 20_000 + "]" * 20_000,
    "lists in lists that never end": "a: " + "[" * 20_000,
    "maps in maps": "{a: " * 5_000 + "1" + "}" * 5_000,
    "indentation": "\n".join(" " * n + f"k{n}:" for n in range(1_000)),
    "dashes": "- " * 5_000 + "x",
    "questions": "? " * 5_000 + "x",
    "more than a mebibyte": "a: " + "x" * (1024 * 1024),
    "many documents": "---\na: 1\n" * 5_000,
    "a tag that builds an object": "a: !!python/object/apply:os.system ['touch exploded']",
    "a tag that names a module": "a: !!python/name:os.system",
    "a tag of somebody's": "a: !exploit {b: c}",
    "a tag by its full name": "a: !<tag:yaml.org,2002:python/object/new:os.system> ['touch exploded']",
    "a directive": "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system ['touch exploded']",
    "a key that stands twice": "tieline: 1\ntieline: 2",
    "a key that is a list": "? [a, b]\n: c",
    "a merge key alone": "<<: {a: 1}",
    "a NUL": "a: \0",
    "an escape": "a: \x1b[2J",
    "half a character": b"a: \xff\xfe\xfa",
    "UTF-16": "a: b".encode("utf-16"),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("kind", ["workspace", "mapping"])
def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path, name: str, kind: str, tally: Tally) -> None:
    bomb = BOMBS[name]
    content = bomb if isinstance(bomb, bytes) else bomb.encode()
    file = tmp_path / "tieline.yaml"
    file.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError) as caught:
            if kind == "workspace":
                load_workspace(file)
            else:
                mappings.load(file)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < ALLOWED
    assert all(problem.line >= 1 for problem in caught.value.problems)
    # What is wrong is said in a few words: a bomb must not go off in the message either.
    assert len(str(caught.value)) < 100_000
    tally(1, list(tmp_path.glob("exploded")))
