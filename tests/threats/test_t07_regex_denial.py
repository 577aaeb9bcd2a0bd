"""T7: no pattern and no text keeps the engine busy: patterns run in linear time, and texts are read in linear time."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from tests.threats.conftest import Tally, cases
from tests.threats.evil_patterns import EVIL

from tieline.core.expressions import ExpressionError, compile_condition, variables_of
from tieline.core.model import INCIDENT_FIELDS
from tieline.mappings.document import TextDialect

VARIABLES = variables_of(INCIDENT_FIELDS)


def test_every_known_evil_pattern_is_refused_or_runs_in_linear_time(tally: Tally) -> None:
    """Fifty patterns against a text that stops a backtracking engine for ever: the bound is on CPU, and generous."""
    assert len(EVIL) >= 50
    lengths = cases(5_000, 60_000)
    began = time.process_time()
    refused = 0
    for pattern, repeated, end in EVIL:
        text = repeated * (lengths // len(repeated)) + end
        try:
            compile_condition(f"title.matches({json.dumps(pattern)})", VARIABLES).holds({"title": text})
        except ExpressionError:
            refused += 1
    spent = time.process_time() - began
    assert spent < 0.05 * len(EVIL), f"{spent:.2f} s for {len(EVIL)} patterns"
    assert 0 < refused < len(EVIL), "some are refused, and not because everything is"
    tally(len(EVIL))


HOSTILE = {
    "stars": "*" * 40_000,
    "underscores": "_a" * 20_000,
    "brackets": "[" * 20_000,
    "closing brackets": "]" * 20_000,
    "links": "[a](" * 10_000,
    "images": "![" * 10_000,
    "backticks": "".join("`" * n + "x" for n in range(1, 280)),
    "angle brackets": "<" * 20_000,
    "tags": "<a " * 10_000,
    "entities": "&" * 20_000,
    "quotes": "> " * 10_000,
    "list signs": "- " * 10_000,
    "tables": "|a" * 10_000,
    "braces": "{" * 20_000,
    "code tags": "[code]" * 5_000,
    "code tags half": "[code]<" * 5_000,
    "braced code": "{code}" * 5_000,
    "spaces": "a" + " " * 40_000 + "b",
    "line breaks": "\n" * 40_000 + "x",
    "spaced line breaks": "\n \t" * 15_000 + "x",
    "addresses": "http://" * 5_000,
    "addresses with dots": "http://a" + "." * 30_000,
    "tildes": "~" * 30_000,
    "backslashes": "\\" * 30_000,
    "dashes": "-" * 40_000,
    "headings": "#" * 30_000,
    "parentheses": "(" * 20_000 + ")" * 20_000,
    "reference definitions": "[a]: <" * 5_000,
}

CHILD = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), int(sys.argv[1])))
from tieline.mappings.convert.text import from_tool, to_tool
from tieline.mappings.document import TextDialect
for name, text in json.load(sys.stdin).items():
    for dialect in TextDialect:
        from_tool(dialect, text, 32_000)
        to_tool(dialect, text, 32_000)
    print(name, flush=True)
"""


def test_no_text_of_a_ticket_keeps_a_converter_busy(tally: Tally) -> None:
    """All of them share a budget of CPU seconds that one quadratic reading would overrun by far."""
    texts = {name: text[: cases(4_000, 65_536)] for name, text in HOSTILE.items()}
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(cases(30, 900))],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode in (0, -9, -24), ended.stderr
    tally(len(texts) * len(TextDialect), [name for name in texts if name not in ended.stdout.splitlines()])


LONG = {
    "a word": "x" * 200_000,
    "names": "a." * 100_000,
    "objects": "a@1f39f706" * 20_000,
    "addresses in memory": "@1f39f706[" * 20_000,
    "digits": "@" + "0" * 200_000,
    "a panel": "{a={" * 50_000,
    "a place": "0|" + "0" * 200_000,
}

READER = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
from tieline.adapters.jira.essence import lasting
for name, text in json.load(sys.stdin).items():
    lasting({"description": text, "customfield_10020": [text]})
    print(name, flush=True)
"""


def test_no_text_of_a_ticket_keeps_the_version_of_an_issue_busy(tally: Tally) -> None:
    """Quadratic, the first of them alone would take four times that many CPU seconds."""
    command = [sys.executable, "-c", READER]
    ended = subprocess.run(command, input=json.dumps(LONG), capture_output=True, text=True, check=False)
    assert ended.returncode in (0, -9, -24), ended.stderr
    tally(len(LONG), [name for name in LONG if name not in ended.stdout.splitlines()])
