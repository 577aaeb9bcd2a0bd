"""Persons on a command line: an account of this machine may be named without the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieline.cli.accounts import meant
from tieline.core.commands import Command
from tieline.core.identity import is_id


def as_meant(command: Command, given: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the identities of whoever is named. Raises ValueError for whom this machine does not know."""
    persons = {one.name for one in command.arguments if one.is_person}
    return {name: _identity(value) if name in persons else value for name, value in given.items()}


def _identity(words: str) -> str:
    """An id stays one."""
    return words if is_id(words) else meant(words).identity
