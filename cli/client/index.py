"""The commands that a server offers: learnt from its description, and kept until it says that there is another one.

It is believed of names and help, and of nothing else: what somebody may do is asked of the server, each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tieline.cli.client import keeping
from tieline.cli.client.calls import ROOT, call, refusal, strange
from tieline.cli.client.sessions import Session
from tieline.core import commands
from tieline.core.commands import Command

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of an index that is kept."""
LONGEST: Final = 300
"""Characters of a summary."""
FORM: Final = 2
"""How an index is kept: another one is asked for anew."""


@dataclass(frozen=True, slots=True)
class Index:
    """What a server offers, by full name, and the summaries of its groups. `tag` is another one as soon as any of it
    is."""

    tag: str = ""
    commands: Mapping[str, Command] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    not_by_token: frozenset[str] = frozenset()
    """The commands that there are as well, and that are done for nobody who shows a token."""

    def below(self, group: str) -> dict[str, Command]:
        """The commands of a group, by their own names."""
        return {name.partition(" ")[2]: one for name, one in self.commands.items() if name.startswith(f"{group} ")}

    def withheld(self, group: str) -> list[str]:
        """The own names of what a group has for whoever shows no token."""
        return sorted(name.partition(" ")[2] for name in self.not_by_token if name.startswith(f"{group} "))


def known(session: Session) -> Index:
    """What the server offers, as it was kept, or else as it says now. Raises Unserved."""
    kept = _kept(session)
    return kept if kept is not None else anew(session)


def anew(session: Session) -> Index:
    """What the server offers now. Raises Unserved."""
    reply = call(session, "GET", f"{ROOT}openapi.json")
    if reply.status != 200:
        found = refusal(session, reply)
        raise found
    try:
        index = _of_description(reply.headers.get("etag", ""), reply.document())
    except ValueError:
        raise strange(session, reply) from None
    _keep(session, index)
    return index


def _of_description(tag: str, told: Any) -> Index:
    """What an OpenAPI document says of commands. Raises ValueError where it is none; what this version cannot read of
    it is left out."""
    if not isinstance(told, dict) or not isinstance(told.get("paths"), dict):
        raise ValueError("that is no description")
    found: dict[str, Command] = {}
    for path, methods in list(told["paths"].items())[: commands.MOST]:
        for method, operation in methods.items() if isinstance(methods, dict) else ():
            if isinstance(operation, dict) and "x-command" in operation and method in ("get", "post"):
                with suppress(ValueError):
                    name = str(path).removeprefix(ROOT).replace("/", " ")
                    one = commands.from_facts(name, method == "post", operation["x-command"])
                    found[one.name] = one
    tags = told.get("tags", [])
    told_of = {one.get("name"): one.get("description") for one in tags if isinstance(one, dict)}
    groups = dict.fromkeys((name.partition(" ")[0] for name in found), "") | _possible(told_of)
    return Index(tag[:200], found, groups, _names(told.get("x-not-by-token", [])) - found.keys())


def _names(told: Any) -> frozenset[str]:
    """The names of commands among what somebody else says."""
    several = told[: commands.MOST] if isinstance(told, list) else []
    return frozenset(one for one in several if isinstance(one, str) and commands.NAME.fullmatch(one))


def _possible(groups: Mapping[Any, Any]) -> dict[str, str]:
    return {name: summary for name, summary in groups.items() if _can_be(name, summary)}


def _can_be(name: Any, summary: Any) -> bool:
    return (
        isinstance(name, str)
        and commands.NAME.fullmatch(name) is not None
        and isinstance(summary, str)
        and summary.isprintable()
        and len(summary) <= LONGEST
    )


def _kept(session: Session) -> Index | None:
    try:
        descriptor = os.open(_file(session), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size > LARGEST:
                return None
            told = json.loads(opened.read())
        if told["form"] != FORM or told["of"] != session.name:
            return None
        named = {name: commands.from_facts(name, acts is True, facts) for name, acts, facts in told["commands"]}
        return Index(str(told["tag"]), named, _possible(told["groups"]), _names(told["not_by_token"]))
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None


def _keep(session: Session, index: Index) -> None:
    named = [[name, one.acts, one.facts()] for name, one in index.commands.items()]
    told = {"form": FORM, "of": session.name, "tag": index.tag, "groups": dict(index.groups), "commands": named}
    told["not_by_token"] = sorted(index.not_by_token)
    with suppress(OSError):
        keeping.keep(_file(session), told)


def _file(session: Session) -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(given) if given.startswith("/") else Path.home() / ".cache"
    name = hashlib.sha256(os.fsencode(session.name)).hexdigest()[:16]
    return cache / "tieline" / f"{name}.json"
