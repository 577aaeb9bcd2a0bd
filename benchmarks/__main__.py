"""`python -m benchmarks`: measure, report, compare."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from pathlib import Path

from benchmarks import machine, measures, report, scale
from benchmarks.figures import Result, dump, load, regressions

FORMS = {"quick": measures.quick, "default": measures.default, "full": measures.full, "tiny": measures.tiny}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("benchmarks", description="Measure Tieline beside the floor of this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure, and write the figures as JSON")
    for form in FORMS:
        run.add_argument(f"--{form}", action="store_const", dest="form", const=form)
    run.add_argument("--only", action="append", choices=sorted(measures.MEASURES), help="only this subject; repeatable")
    run.add_argument("--out", type=Path, default=Path("benchmarks/runs/latest.json"))
    told = commands.add_parser("report", help="the page and the plots of a run")
    told.add_argument("result", type=Path)
    told.add_argument("--docs", type=Path, default=Path("docs/explanation"))
    compared = commands.add_parser("compare", help="exit 1 when the second run is worse than the first")
    compared.add_argument("before", type=Path)
    compared.add_argument("now", type=Path)
    asked = parser.parse_args(arguments)
    match asked.command:
        case "run":
            if not earlier(asked.out):
                parser.error(f"{asked.out} is no run of the benchmarks, and would be lost; name another file")
            return measure(asked.form or "default", asked.only or list(measures.MEASURES), asked.out)
        case "report":
            return write(load(asked.result.read_bytes()), asked.docs)
        case _:
            return compare(load(asked.before.read_bytes()), load(asked.now.read_bytes()))


def earlier(out: Path) -> bool:
    """Whether a run may be written there: over an earlier one, or where nothing is."""
    try:
        return not out.exists() or bool(load(out.read_bytes()))
    except ValueError:
        return False


def measure(name: str, subjects: list[str], out: Path) -> int:
    """Measure and write. What was finished is kept when a later subject fails."""
    form = FORMS[name]()
    result = Result(importlib.metadata.version("tieline"), form.name, machine.described(), (), form.series)
    out.parent.mkdir(parents=True, exist_ok=True)
    for subject in subjects:
        print(f"measuring: {subject}", file=sys.stderr, flush=True)
        figures = measures.MEASURES[subject](form)
        result = Result(result.version, result.form, result.machine, (*result.figures, *figures), form.series)
        out.write_bytes(dump(result))
    print("\n".join(report.table(result)))
    return 0


def write(result: Result, docs: Path) -> int:
    (docs / "plots").mkdir(parents=True, exist_ok=True)
    (docs / "performance.md").write_text(report.page(result), encoding="utf-8")
    try:
        (docs / "scale.md").write_text(scale.page(result), encoding="utf-8")
    except KeyError as missing:
        # A run of a few subjects is a page of a few figures; the other page stays as it was.
        print(f"scale.md is not written: the run has no figure {missing}", file=sys.stderr)
    for name, drawing in report.plots(result).items():
        (docs / "plots" / name).write_text(drawing, encoding="utf-8")
    return 0


def compare(before: Result, now: Result) -> int:
    worse = regressions(before, now)
    for one in worse:
        print(f"{one.name}: was {one.before:.2f} times the floor, is {one.now:.2f}")
    print(f"{len(worse)} figures are worse than in version {before.version}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
