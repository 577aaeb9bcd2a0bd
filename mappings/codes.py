"""The codes of what can be wrong with a mapping file. Each has one bad file in the tests, named after the fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CODES: Final[Mapping[str, str]] = {
    "MAP000": "the mapping is not there, or cannot be read",
    "MAP001": "unknown key",
    "MAP002": "a value of the wrong type, or not one of the known words",
    "MAP003": "a required key is missing",
    "MAP004": "two canonical values are written as one tool value",
    "MAP005": "a tool value has two meanings",
    "MAP006": "a value is written in two ways, or in a way that nothing reads back",
    "MAP007": "unknown canonical field",
    "MAP008": "unknown canonical value",
    "MAP009": "not a path",
    "MAP010": "a field is needed that the mapping does not write",
    "MAP011": "a limit leaves no room for the text",
    "MAP012": "not a policy, or not one for this field",
    "MAP013": "an owner without a name",
    "MAP014": "an example reads otherwise",
    "MAP015": "an example writes otherwise",
    "MAP016": "a law is broken: the field could be written for ever",
    "MAP017": "canonical values that are neither written nor listed under `cannot`",
    "MAP018": "a key that says nothing about this type of field",
    "MAP019": "a field that is neither read nor written",
    "MAP020": "several places to read and no place to write",
    "MAP021": "two fields write the same place",
    "MAP022": "a table of `computed` that does not fit the places it is made of",
    "MAP023": "a place is written that the tool fills itself, or takes only beside another",
    "MAP024": "a constant is written where another field stands",
    "MAP025": "a field is read where its write does not reach",
    "MAP026": "what the tool computes from a write means something else",
    "MAP027": "a word that is longer than the limit",
    "MAP028": "alerts are shown in a text that has no room for a block",
}
