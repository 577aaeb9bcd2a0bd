"""metrics.md: every metric, as the code declares it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from generator.markdown import code, table
from generator.sources import calls, texts

ABOUT = """\
# Metrics

The daemon serves them at `/metrics` of `server.listen`, in Prometheus' text format. Figures that the store knows are
read from it when they are asked for. A metric with the label `connection` has one sample for each connection that has
something to tell: no sample of `tieline_inbox_lag_seconds` means that nothing waits.

Alert rules that use them are in [packaging/alerts.yml](../../packaging/alerts.yml).
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as a query names it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def page() -> str:
    """A table of all metrics, by name."""
    rows = [(code(one.name), one.kind, ", ".join(map(code, one.labels)), one.meaning) for one in declared()]
    return ABOUT + "\n" + table(["metric", "type", "labels", "meaning"], rows)


def declared() -> list[Metric]:
    """Every metric that the package makes."""
    return sorted(set(_declared()), key=lambda one: one.name)


def _declared() -> Iterator[Metric]:
    for call in calls("Counter", "GaugeMetricFamily"):
        if len(call.args) < 2 or not texts(call.args[0]):
            continue
        is_counter = "Counter" in ast.unparse(call.func)
        [name], [meaning] = texts(call.args[0]), texts(call.args[1])
        yield Metric(
            f"{name}_total" if is_counter else name, "counter" if is_counter else "gauge", _labels(call), meaning
        )


def _labels(call: ast.Call) -> tuple[str, ...]:
    lists = [*call.args[2:3], *(keyword.value for keyword in call.keywords if keyword.arg == "labels")]
    return tuple(text for one in lists if isinstance(one, ast.List) for item in one.elts for text in texts(item))
