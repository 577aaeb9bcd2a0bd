"""Tab: the lines of the page on operating, in the shells that are there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "operate.md"


def line_for(shell: str) -> str:
    found = re.search(rf"^.*_TIELINE_COMPLETE={shell}_source.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[0]


def run(shell: str, *script: str) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [shell, "-c", "\n".join(script)], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("tieline", "inc"), ["incidents"]),
        (("tieline", "audit", ""), ["checkpoint", "verify"]),
        (("tieline", "conflicts", "settle", "INC-1", "priority", "snow", "--take", "o"), ["ours"]),
        (("tieline", "status", "--j"), ["--json"]),
    ],
    ids=lambda words: " ".join(words),
)
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes(typed, offered):
    words = " ".join(f"'{word}'" for word in typed)
    script = (line_for("bash"), f"COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}", "_tieline_completion tieline")
    assert run("bash", *script, 'printf "%s\\n" "${COMPREPLY[@]}"').split() == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_line_for_another_shell_gets_what_that_shell_takes(shell):
    source = re.sub(r'^eval "\$\((.*)\)"$', r"\1", line_for(shell)).partition(" > ")[0]
    assert f"_TIELINE_COMPLETE={shell}_complete" in run("bash", source)
    if shutil.which(shell) is not None:
        run("bash", f"{source} | {shell} -n")


def test_completing_a_command_imports_none():
    code = "import sys; from tieline.cli.main import cli; import click; "
    code += "print([one.value for one in cli.shell_complete(click.Context(cli), 'in')]); "
    code += "print(sorted({'sqlalchemy', 'rich', 'pydantic', 'httpx', 'tieline.cli.look'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['init', 'incidents']", "[]"]
