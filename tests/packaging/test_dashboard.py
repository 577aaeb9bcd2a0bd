"""The dashboard for Grafana asks for metrics that there are, and for all of them."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOARD = json.loads((ROOT / "packaging" / "grafana-dashboard.json").read_text(encoding="utf-8"))
KNOWN = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8"), re.MULTILINE))
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


def test_it_shows_every_metric_and_no_other():
    used = {name.removesuffix("_bucket") for name in re.findall(r"\btieline_\w+", " ".join(QUERIES))}
    asked = {re.split(r"[(,]", one["query"]["query"])[1] for one in BOARD["templating"]["list"] if "refresh" in one}
    assert used == KNOWN
    assert asked <= KNOWN


def test_it_asks_whichever_prometheus_is_chosen_and_no_panel_covers_another():
    assert {panel["datasource"]["uid"] for panel in BOARD["panels"]} == {"${datasource}"}
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    squares = [
        set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        for at in (panel["gridPos"] for panel in BOARD["panels"])
    ]
    assert len(set().union(*squares)) == sum(map(len, squares))
    assert all(x < 24 for x, _y in set().union(*squares))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_understands_every_query(tmp_path):
    values = {"$__rate_interval": "5m", "$job": "tieline", "$connection": ".*"}
    rules = []
    for number, query in enumerate(QUERIES):
        for name, value in values.items():
            query = query.replace(name, value)
        rules.append({"record": f"query:{number}", "expr": query})
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
