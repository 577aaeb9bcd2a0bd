"""Policies: documents that say how a plugin behaves, such as how long what may take.

    LIMITS = Policy("limits", "how long what may take, and what follows", Limits())
    Offer(policies=(LIMITS,), ...)

    limits = desk.policy(LIMITS, item)

A file is a proposal. What holds is in the store, so that everybody at work goes by the same: a document that somebody
else than whoever wrote it approved, from one entry of the journal on. Until there is one, what the plugin ships holds.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import BaseModel
from ruamel.yaml import YAML

from tieline.core.errors import ConfigError, Misfit
from tieline.core.settings import Findings, validated
from tieline.core.strangers import guarded
from tieline.core.yaml import load_yaml

LARGEST: Final = 256 * 1024
"""Bytes of a document."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a policy says to some facts: whether that may be, the rule that decided ("" for none), the word of a closed
    list that says why, and a sentence. `more` is what else follows from it."""

    allowed: bool
    rule: str
    reason: str
    sentence: str
    more: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Trial(Generic[Model]):
    """How a policy that says what may be is held against facts that somebody made up. `given` is what they may say;
    `judge` is what decides at work as well, and is pure."""

    given: type[BaseModel]
    judge: Callable[[Model, Any], Judged]


@dataclass(frozen=True, slots=True)
class Policy(Generic[Model]):
    """A document of a plugin's. `shipped` is what holds until somebody approves another; its model says what one may
    say. One with a `trial` can be tried out, see `tieline policy test`."""

    name: str
    summary: str
    shipped: Model
    trial: Trial[Model] | None = None

    def read(self, text: str, file: str = "the document") -> Model:
        """What a document says. Raises Misfit with each thing that is wrong with it, by line and column, and
        PluginFault where what checks it is."""
        known = _understood.get((type(self.shipped), text))
        if known is None:
            if len(_understood) >= REMEMBERED:
                _understood.clear()
            with guarded(f"the policy {self.name}"):
                known = _read(type(self.shipped), text, file)
            _understood[type(self.shipped), text] = known
        return cast("Model", known)


REMEMBERED: Final = 64
"""Documents that are not read again at each use."""

_understood: Final[dict[tuple[type[BaseModel], str], BaseModel]] = {}


def _read(model: type[Model], text: str, file: str) -> Model:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LARGEST:
        raise Misfit(f"{file} has {size:,} bytes; a policy has {LARGEST:,} at most")
    return understood(model, text, file, "the policy")


def understood(model: type[Model], text: str, file: str, where: str) -> Model:
    """What a document in YAML says, as its model has it. Raises Misfit, with each thing that is wrong with it."""
    findings = Findings(file)
    try:
        node = load_yaml(text, file)
    except ConfigError as error:
        raise Misfit("\n".join(str(problem) for problem in error.problems)) from None
    said = validated(model, node, where, findings)
    if said is None or findings.problems:
        raise Misfit("\n".join(str(problem) for problem in findings.sorted()))
    return said


def digest(text: str) -> str:
    """What a document is known by: SHA-256 of its bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def as_yaml(document: BaseModel) -> str:
    """A document as it could be written."""
    yaml = YAML()
    yaml.default_flow_style = False
    said = io.StringIO()
    yaml.dump(document.model_dump(mode="json", fallback=str), said)
    return said.getvalue()
