"""tools.md and the README's table: what each tool can do, by what its adapter claims and what it was proved against."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

from generator.markdown import table
from generator.shipped import PROJECT
from tieline import mappings
from tieline.adapters.testing.contract import ListeningContract
from tieline.adapters.testing.contract.trial import contract_tests
from tieline.core.plugins import GROUP
from tieline.core.port import AdapterKind, Power, Summary
from tieline.core.yaml import load_yaml

ROOT: Final = Path(__file__).parents[2]
NO_TOOLS: Final = frozenset({"memory-problem"})
"""What tests have instead of a second tool."""
BEGIN: Final = "<!-- tools: written by docs/generate.py -->\n"
END: Final = "<!-- end of tools -->\n"

CELLS: Final = {
    "writes": Power.WRITE,
    "finds": Power.FIND,
    "proof": Power.RECEIVE,
    "comments": Power.COMMENT,
    "acts": Power.ACKNOWLEDGE,
}
"""The words of a summary, and the power that stands behind each."""

_REACH: Final = "../how-to/reach-a-tool.md"
_OPERATE: Final = "../how-to/operate.md"
_JIRA: Final = (("log in", f"{_REACH}#jira-cloud"), ("webhooks", f"{_OPERATE}#jira"))
_RUNNERS: Final = (("run a runbook", "../how-to/run-a-runbook.md"),)
GUIDES: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "servicenow": (("log in", f"{_REACH}#servicenow"), ("webhooks", f"{_OPERATE}#servicenow")),
    "jira": _JIRA,
    "jira-jsm": _JIRA,
    "jira-dc": _JIRA,
    "pagerduty": (("log in", f"{_REACH}#pagerduty"), ("webhooks", f"{_OPERATE}#pagerduty")),
    "alertmanager": (("Alertmanager", f"{_OPERATE}#alertmanager"), ("Grafana", f"{_OPERATE}#grafana")),
    "prometheus": (("Prometheus and its kin", f"{_OPERATE}#prometheus-and-its-kin"),),
    "statuspage": (("publish to a status page", "../how-to/publish-to-a-status-page.md"),),
    "webhook": (("take in any webhook", "../how-to/take-in-any-webhook.md"),),
    "spool": _RUNNERS,
    "runner": _RUNNERS,
}
"""What to click in a tool that has no page of its own."""

_BESIDE: Final = {
    Power.PEOPLE: "people",
    Power.LINK: "links",
    Power.DESCRIBE: "schema",
    Power.REOPEN: "opens again",
    Power.EDIT_COMMENT: "comments in place",
    Power.WRITE_IF_UNCHANGED: "refuses a write on an old version",
    Power.TELL_OUTPUT: "tells what was written",
    Power.TELL_REPLACED: "tells what a write replaced",
}


@dataclass(frozen=True, slots=True)
class Proved:
    """One suite of the contract: what stood behind its driver, how many of its tests there are, and which of them that
    tool cannot keep, with why; `lacks` is what nobody can do there."""

    against: str
    tests: int
    waivers: dict[str, str]
    lacks: dict[str, str]


@cache
def kinds() -> tuple[AdapterKind, ...]:
    """What ships, by name."""
    points = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"][GROUP]
    loaded = [EntryPoint(name, value, GROUP).load() for name, value in points.items()]
    found = [kind for one in loaded if hasattr(one, "tieline_adapters") for kind in one.tieline_adapters()]
    return tuple(sorted((kind for kind in found if kind.tool not in NO_TOOLS), key=lambda kind: _summary(kind).title))


@cache
def proofs() -> dict[str, list[Proved]]:
    """The suites that tests hold a tool to, by the tool."""
    found: dict[str, list[Proved]] = {}
    for suite in _suites():
        if not suite.tool_kind or "against" not in vars(suite):
            continue
        lacks = dict(suite.driver.lacks) if suite.driver is not None else {}
        proved = Proved(suite.against, len(contract_tests(suite)), dict(suite.waivers), lacks)
        found.setdefault(suite.tool_kind, []).append(proved)
    return found


def _suites() -> Iterator[type[ListeningContract]]:
    # In two steps: what a module imports of others is no suite of its own.
    files = [*ROOT.glob("tests/adapters/*/test_contract.py"), *ROOT.glob("tests/real/test_*.py")]
    for file in sorted(files):
        module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, ListeningContract) and one.__module__ == module.__name__:
                yield one


def _summary(kind: AdapterKind) -> Summary:
    if kind.summary is None:
        raise LookupError(f"the adapter of {kind.tool} has no summary")
    return kind.summary


def page() -> str:
    """Every tool, and what it was held against."""
    parts = [
        "# Tools",
        "What each adapter claims is what its tests hold it to: a power that is claimed is tested by the contract that "
        "ships in `tieline.adapters.testing`, and one that is not claimed is not used. What a tool cannot keep is "
        "a waiver with its reason; the test is run all the same, and a waiver that is no longer needed fails.",
        "A simulator is what we believe of a tool. `tieline adapter prove` asks your own sandbox the same.",
        _matrix(),
        _senders(),
        *(_section(kind) for kind in kinds()),
    ]
    return "\n\n".join(parts)


def _matrix() -> str:
    columns = ("tool", "as", "reads", "writes", "comments", "webhooks", "acts", "beside", "proved against")
    return table(columns, [_row(kind) for kind in kinds()])


def _senders() -> str:
    """The tools that the generic webhook knows by a mapping."""
    rows = [
        (f"[`{name}`](mappings.md#{name})", load_yaml(path.read_bytes(), name).plain()["about"])
        for name, path in mappings.shipped().items()
        if mappings.load(name).document.deliveries is not None
    ]
    told = (
        "Mappings of `webhook`. How each is set up, what it reads and what it was verified against is told in [take in "
        "any webhook](../how-to/take-in-any-webhook.md)."
    )
    return f"{told}\n\n{table(('mapping', 'what sends it'), rows)}"


def _row(kind: AdapterKind) -> Sequence[str]:
    told = _summary(kind)
    return (
        f"[{told.title}](#{kind.tool})",
        f"`{kind.tool}`",
        told.reads,
        told.writes,
        told.comments,
        told.proof,
        told.acts,
        _beside(kind),
        "; ".join(dict.fromkeys(one.against for one in proofs().get(kind.tool, []))),
    )


def _beside(kind: AdapterKind) -> str:
    return ", ".join(words for power, words in _BESIDE.items() if power in kind.powers)


def _section(kind: AdapterKind) -> str:
    told, proved = _summary(kind), proofs().get(kind.tool, [])
    facts = [
        ("asked by", told.through),
        ("holds", kind.record.value),
        ("our own create is found by", told.finds),
        ("set-up", ", ".join(f"[{words}]({link})" for words, link in _guides(kind.tool))),
        ("mapping: what is read and written", f"[`{kind.mapping}`](mappings.md#{kind.mapping})"),
        ("calls a minute, unless the connection says", f"{kind.calls_per_minute:,}"),
    ]
    lines = [f"## {kind.tool}", f"{told.title}.", table(("", ""), [one for one in facts if one[1]])]
    if told.limits:
        lines.append("\n".join(f"- {one}" for one in told.limits))
    rows = [(one.against, str(one.tests), _reasons(one)) for one in proved]
    columns = ("proved against", "tests of the contract", "what that cannot show, and why")
    return "\n\n".join([*lines, table(columns, rows)])


def _guides(tool: str) -> Sequence[tuple[str, str]]:
    """Where it is told what to click in the tool: a page of its own, or parts of others."""
    own = f"../tools/{tool}.md"
    return [("its page", own)] if (ROOT / "docs" / "tools" / f"{tool}.md").exists() else GUIDES.get(tool, ())


def _reasons(one: Proved) -> str:
    waived = [f"{name.removeprefix('test_').replace('_', ' ')}: {why}" for name, why in sorted(one.waivers.items())]
    lacking = [f"{verb.replace('_', ' ')}: {why}" for verb, why in sorted(one.lacks.items())]
    return "; ".join([*waived, *lacking])


def readme(text: str) -> str:
    """The README with its table as it is now. Raises ValueError where its marks are not there."""
    head, begin, rest = text.partition(BEGIN)
    _old, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("README.md has lost the marks of its table of tools")
    columns = ("tool", "reads", "writes", "finds its own create by", "webhooks", "comments", "acts", "beside")
    rows = [
        (
            f"{told.title} (`{kind.tool}`)",
            told.reads,
            told.writes,
            told.finds,
            told.proof,
            told.comments,
            told.acts,
            _beside(kind),
        )
        for kind in kinds()
        for told in [_summary(kind)]
    ]
    return f"{head}{begin}{table(columns, rows)}\n{end}{tail}"
