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

`tieline web` serves those that begin with `tieline_web_`, with `tieline_store_up` and `tieline_reload_refused` of its
own, at `/metrics` of `web.listen`, to whoever shows a token that stands: they hold nothing of what any incident is
about. A `route` is an address with what differs left out.

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
    for call in calls(*_TYPES):
        if len(call.args) < 2 or not texts(call.args[0]):
            continue
        kind = next(kind for name, kind in _TYPES.items() if name in ast.unparse(call.func))
        [name], [meaning] = texts(call.args[0]), texts(call.args[1])
        yield Metric(f"{name}_total" if kind == "counter" else name, kind, _labels(call), meaning)


_TYPES = {"Counter": "counter", "Histogram": "histogram", "GaugeMetricFamily": "gauge"}


def _labels(call: ast.Call) -> tuple[str, ...]:
    lists = [*call.args[2:3], *(keyword.value for keyword in call.keywords if keyword.arg == "labels")]
    return tuple(text for one in lists if isinstance(one, ast.List) for item in one.elts for text in texts(item))
