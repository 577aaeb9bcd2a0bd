"""Mappings: one YAML file per tool that says, both ways, how its bodies and the canonical fields become each other."""

from tieline.mappings.document import Policy, PolicyKind
from tieline.mappings.explain import explain
from tieline.mappings.loading import check, load, shipped
from tieline.mappings.mapping import Mapping
from tieline.mappings.outcome import Denormalized, LeftOut, Normalized, Unmapped
from tieline.mappings.schema import json_schema

__all__ = [
    "Denormalized",
    "LeftOut",
    "Mapping",
    "Normalized",
    "Policy",
    "PolicyKind",
    "Unmapped",
    "check",
    "explain",
    "json_schema",
    "load",
    "shipped",
]
