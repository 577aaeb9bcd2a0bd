"""Who somebody is: an identity, which a sign-in proved or somebody else's tool told of. A name is only for people.

    os:ann@db1              an account of an operating system, and the machine that says so
    told:jira-ops:ann       whoever a tool calls so: a claim, which proves nothing
    named:ann               somebody of whom no more than the name is known

Two identities are two persons, whatever they are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROVED: Final = frozenset({"os"})
"""The kinds of identity that a sign-in proves. Nothing is granted to any other."""


@dataclass(frozen=True, slots=True)
class Someone:
    """A person who acted, with the name that they or a tool gave. The journal keeps an id in its place."""

    name: str
    identity: str = ""

    def __post_init__(self) -> None:
        if not self.identity:
            object.__setattr__(self, "identity", f"named:{self.name}")

    def __str__(self) -> str:
        return self.name

    @property
    def is_proved(self) -> bool:
        """True for whoever signed in; False where somebody else says who it was."""
        return is_proved(self.identity)


Actor = str | Someone
"""Who acted: a person, or by its own name a connection or a part of Tieline."""


def is_proved(identity: str) -> bool:
    """Whether a sign-in proves an identity of this kind."""
    kind, colon, rest = identity.partition(":")
    return bool(colon and rest) and kind in PROVED


def of_account(name: str, host: str) -> Someone:
    """An account of the operating system of a machine."""
    return Someone(name, f"os:{name}@{host}")


def told_by(connection: str, name: str) -> Someone:
    """Whoever a tool says that it was."""
    return Someone(name, f"told:{connection}:{name}")
