"""`${NAME}` in the configuration: what differs from machine to machine, and is no secret.

Expanded when the file is read, in values and never in keys. `$${` stands for `${` itself. What is expanded stays text,
wherever it stands, and is not looked at again: no variable brings options, lists or further variables. A reference to a
secret names its place, so that nothing is expanded there, and an option that takes a secret accepts no other thing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tieline.core.settings import Findings
from tieline.core.yaml import Node

_VARIABLE: Final = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCES: Final = ({"env"}, {"file"}, {"keyring"})


def expanded(node: Node, environment: Mapping[str, str], findings: Findings) -> Node:
    """The document with its variables replaced. What is missing is noted at the place of its value."""
    match node.value:
        case dict() if set(node.value) in _REFERENCES:
            return node
        case dict():
            return replace(node, value={key: expanded(one, environment, findings) for key, one in node.value.items()})
        case list():
            return replace(node, value=[expanded(one, environment, findings) for one in node.value])
        case str() if "${" in node.value:
            return replace(node, value=_replaced(node, node.value, environment, findings))
        case _:
            return node


def _replaced(node: Node, text: str, environment: Mapping[str, str], findings: Findings) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1]
        if found[0] == "$${":
            return "${"
        if name is None or not _NAME.fullmatch(name):
            fix = "write ${NAME}, of letters, digits and _; for the two characters themselves, $${."
            findings.note(node, "CFG023", "`${` begins no variable here.", fix)
            return ""
        if not environment.get(name):
            what = (
                f"the environment variable {name} is not set."
                if name not in environment
                else f"the environment variable {name} is empty."
            )
            findings.note(node, "CFG023", what, "export it for the daemon, or write the value; for ${ itself, $${.")
            return name
        return environment[name]

    return _VARIABLE.sub(value, text)
