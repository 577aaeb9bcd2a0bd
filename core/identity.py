"""Who somebody is: an identity, which a sign-in proved or somebody else's tool told of. A name is only for people.

    os:ann@db1              an account of an operating system, and the machine that says so
    account:ann             a local account of Tieline's own
    token:grafana           what has no account anywhere, and is known by its tokens alone
    told:jira-ops:ann       whoever a tool calls so: a claim, which proves nothing
    named:ann               somebody of whom no more than the name is known

Two identities are two persons, whatever they are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROVED: Final = frozenset({"os", "token", "account"})
"""The kinds of identity that a sign-in proves. Nothing is granted to any other."""


@dataclass(frozen=True, slots=True)
class Someone:
    """A person who acted, with the name that they or a tool gave. The journal keeps an id in its place. `token` is the
    id of the token by which a program does it for them, "" where they do it themselves."""

    name: str
    identity: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        if not self.identity:
            object.__setattr__(self, "identity", f"named:{self.name}")

    def __str__(self) -> str:
        return self.name

    @property
    def is_proved(self) -> bool:
        """True for whoever signed in; False where somebody else says who it was."""
        return is_proved(self.identity)


PLUGIN: Final = "plugin:"
"""What a plugin's group is written behind where it acts by itself."""

Actor = str | Someone
"""Who acted: a person, or by its own name a connection or a part of Tieline."""


def is_proved(identity: str) -> bool:
    """Whether a sign-in proves an identity of this kind."""
    kind, colon, rest = identity.partition(":")
    return bool(colon and rest) and kind in PROVED


def is_id(words: str) -> bool:
    """Whether that is the id of a person, as the journal has it, and no identity."""
    return words.startswith("p-") and words.isprintable()


def called(identity: str) -> Someone:
    """Whoever is known so, and as far as nothing else is said is called so."""
    name = identity.partition(":")[2]
    return Someone(name.rpartition("@")[0] or name or identity, identity)


def of_account(name: str, host: str) -> Someone:
    """An account of the operating system of a machine."""
    return Someone(name, f"os:{name}@{host}")


def told_by(connection: str, name: str) -> Someone:
    """Whoever a tool says that it was."""
    return Someone(name, f"told:{connection}:{name}")
