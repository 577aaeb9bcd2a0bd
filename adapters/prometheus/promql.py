"""PromQL that cannot be broken out of, and what an instant query answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at one moment. `value` may be NaN or infinite, as Prometheus' own may."""

    labels: Mapping[str, str]
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Samples:
    """What a query answers. With `warnings` it is partial (a store of Thanos was away): absence proves nothing."""

    samples: tuple[Sample, ...]
    warnings: tuple[str, ...]

    @property
    def partial(self) -> bool:
        return bool(self.warnings)


def selector(metric: str, labels: Mapping[str, str]) -> str:
    """`metric{name="value"}` with every value quoted. Raises ValueError for a name that PromQL does not take."""
    if not _METRIC.fullmatch(metric):
        raise ValueError(f"{metric!r} is not the name of a metric")
    for name in labels:
        if not _LABEL.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a label")
    # PromQL takes the escapes of Go's strings, of which JSON's are a part.
    inner = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items())
    return f"{metric}{{{inner}}}"


def samples(data: Any) -> tuple[Sample, ...]:
    """The samples of an instant vector or a scalar. Raises ValueError for another type of result."""
    match data:
        case {"resultType": "vector", "result": list() as rows}:
            return tuple(_sample(row["metric"], row["value"]) for row in rows)
        case {"resultType": "scalar", "result": [_, _] as pair}:
            return (_sample({}, pair),)
        case {"resultType": str() as kind}:
            raise ValueError(f"it answers a {kind}; ask for an instant vector or a scalar")
        case _:
            raise ValueError("the answer has no resultType")


def _sample(labels: Mapping[str, str], pair: Any) -> Sample:
    at, value = pair
    return Sample(labels, float(value), datetime.fromtimestamp(float(at), UTC))
