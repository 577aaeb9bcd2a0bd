"""No run writes its figures over what is none."""

import subprocess
import sys

import pytest
from benchmarks.__main__ import main as benchmarks
from tests.suite.figures import add

RUNS = (
    ("tests.fleet.order", "--operations", "0", "--workers", "0", "--json"),
    ("tests.soak", "deliveries", "--size", "0", "--out"),
    ("tests.crash", "matrix", "--out"),
)


@pytest.mark.parametrize("arguments", RUNS, ids=lambda words: words[0])
def test_a_file_with_something_else_in_it_is_refused_before_the_run(tmp_path, arguments):
    theirs = tmp_path / "thesis.txt"
    theirs.write_text("not to be lost", encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", *arguments, str(theirs)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "holds something else than figures" in done.stderr
    assert theirs.read_text(encoding="utf-8") == "not to be lost"


def test_figures_come_beside_what_others_left(tmp_path):
    add(tmp_path / "new" / "all.json", {"one": {"failures": 0}})
    add(tmp_path / "new" / "all.json", {"two": {"failures": 1}, "one": {"failures": 2}})
    text = (tmp_path / "new" / "all.json").read_text(encoding="utf-8")
    assert text.split() == ["{", '"one":', "{", '"failures":', "2", "},", '"two":', "{", '"failures":', "1", "}", "}"]


def test_a_benchmark_writes_over_an_earlier_run_alone(tmp_path, capsys):
    theirs = tmp_path / "thesis.txt"
    theirs.write_text("not to be lost", encoding="utf-8")
    with pytest.raises(SystemExit):
        benchmarks(["run", "--tiny", "--only", "cli", "--out", str(theirs)])
    assert "is no run of the benchmarks" in capsys.readouterr().err
    assert theirs.read_text(encoding="utf-8") == "not to be lost"
