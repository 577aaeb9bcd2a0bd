"""Tab: the lines of the page on operating, in the real shells."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.docs.pages import ROOT
from tests.real.servers import required

PAGE = ROOT / "docs" / "how-to" / "operate.md"

TYPED = [
    (("tieline", "foll"), "followers"),
    (("tieline", "status", "--j"), "--json"),
    (("tieline", "conflicts", "settle", "INC-1", "priority", "snow", "--take", "o"), "ours"),
]
"""A command, an option and a value of one."""


def lines_for(shell: str) -> str:
    """What the page has its reader put down for this shell."""
    found = re.search(rf"^# {shell}\b.*\n((?:[^#\n`].*\n)+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def run(home: Path, shell: str, *script: str) -> str:
    """What the shell prints in an empty home, without anything that this machine has set up for it."""
    program = required(shell, shell)
    bare = ["--norc", "--noprofile"] if shell == "bash" else ["-f"] if shell == "zsh" else []
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}
    environment |= {"ZDOTDIR": str(home), "TERM": "vt100"}
    done = subprocess.run(
        [program, *bare, "-c", "\n".join(script)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def bash(home: Path, typed: tuple[str, ...]) -> list[str]:
    words = " ".join(f"'{word}'" for word in typed)
    ask = (f"COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}", "_tieline_completion tieline")
    return run(home, "bash", lines_for("bash"), *ask, 'printf "%s\\n" "${COMPREPLY[@]}"').split()


def fish(home: Path, typed: tuple[str, ...]) -> list[str]:
    run(home, "fish", lines_for("fish"))
    shown = run(home, "fish", f"complete -C '{' '.join(typed)}'")
    return [line.partition("\t")[0] for line in shown.splitlines()]


ZSH = r"""
zmodload zsh/zpty
zpty typed zsh -f -i
zpty -w typed 'source ./zshrc; shown() { print -r -- "$mark$BUFFER$mark" }; zle -N shown; bindkey "^X" shown'
zpty -w typed 'mark=%$((40 + 2))%; print -r -- ${mark}ready'
zpty -r typed said '*%42%ready*' || exit 1
zpty -w -n typed "$line"$'\t\x18'
zpty -r typed said '*%42%*%42%*' || exit 1
print -r -- "$said"
zpty -d typed
"""


def zsh(home: Path, typed: tuple[str, ...]) -> list[str]:
    """In a terminal: its completion works nowhere else. Tab inserts what is the only one, with a space after it."""
    (home / "zshrc").write_text(lines_for("zsh"))
    shown = run(home, "zsh", f"cd {home}", f"line='{' '.join(typed)}'", ZSH)
    found = re.search(r"%42%([^%]*) %42%", shown.replace("%42%ready", ""))
    assert found is not None, shown
    line = found[1].split(" ")
    assert tuple(line[:-1]) == typed[:-1]
    return [line[-1]]


@pytest.mark.parametrize(("typed", "offered"), TYPED, ids=["command", "option", "value"])
@pytest.mark.parametrize("complete", [bash, zsh, fish], ids=lambda shell: str(shell.__name__))
def test_the_shell_completes(
    tmp_path: Path, complete: Callable[[Path, tuple[str, ...]], list[str]], typed: tuple[str, ...], offered: str
) -> None:
    assert complete(tmp_path, typed) == [offered]


def test_all_that_may_follow_is_offered(tmp_path: Path) -> None:
    assert bash(tmp_path, ("tieline", "audit", "")) == ["checkpoint", "verify"]


def test_completing_a_command_imports_none() -> None:
    code = "import sys; from tieline.cli.main import cli; import click; "
    code += "print([one.value for one in cli.shell_complete(click.Context(cli), 'in')]); "
    code += "print(sorted({'sqlalchemy', 'rich', 'pydantic', 'httpx', 'tieline.cli.look'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['init', 'incident', 'incidents']", "[]"]
