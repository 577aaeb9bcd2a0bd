"""A command that a server does loads nothing of what makes commands slow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.client.serving import Server, told

SLOW = ("sqlalchemy", "pydantic", "httpx", "orjson", "structlog", "starlette", "uvicorn", "asyncio", "pluggy", "ruamel")
CODE = f"""
import sys
from tieline.cli.main import perform
code = perform(sys.argv[1:])
loaded = sorted({{name.partition(".")[0] for name in sys.modules}} & {set(SLOW)})
ours = ("tieline.sync", "tieline.core.store", "tieline.plugins")
engine = sorted(name for name in sys.modules if name.startswith(ours))
print(code, loaded, engine)
"""


@pytest.mark.parametrize(
    "words",
    [
        ("incidents",),
        ("incidents", "--json"),
        ("edit", "INC-1", "title=x"),
        ("conflicts", "settle", "--help"),
        ("--help",),
        ("whoami",),
        ("status", "--help"),
    ],
    ids=" ".join,
)
def test_it_loads_nothing_of_the_engine(served: Callable[..., Server], home: Path, words: tuple[str, ...]) -> None:
    served(lambda _line: told())
    done = subprocess.run([sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 [] []", done.stdout
