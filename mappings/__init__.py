"""Mappings: one YAML file per tool that says, both ways, how its bodies and the canonical fields become each other."""

from tieline.mappings.document import Policy, PolicyKind
from tieline.mappings.explain import explain
from tieline.mappings.fitting import Fitted, Unfit, fit
from tieline.mappings.loading import check, load, shipped
from tieline.mappings.mapping import Mapping
from tieline.mappings.outcome import Denormalized, LeftOut, Normalized, Unmapped
from tieline.mappings.schema import json_schema

__all__ = [
    "Denormalized",
    "Fitted",
    "LeftOut",
    "Mapping",
    "Normalized",
    "Policy",
    "PolicyKind",
    "Unfit",
    "Unmapped",
    "check",
    "explain",
    "fit",
    "json_schema",
    "load",
    "shipped",
]
