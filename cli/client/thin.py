"""A command that a server does: what stands on the command line goes out, and what comes back is shown as it would be
here."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote, urlencode

import click

from tieline.cli import commands
from tieline.cli.client import calls, index
from tieline.cli.client.calls import ROOT, SHOWN, Lost, NotReached, Reply, Wrong
from tieline.cli.client.index import Index
from tieline.cli.client.sessions import Session
from tieline.cli.commands import ENDS, Do, Told
from tieline.cli.declared import wrong_usage
from tieline.cli.output import Unserved
from tieline.cli.people import as_meant
from tieline.core import shown
from tieline.core.commands import Command

TRIES: Final = 3
REST: Final = 0.5
"""Seconds before something is asked for again, twice as long each time."""
PATIENCE: Final = 5.0
"""Seconds of `Retry-After` that a command waits by itself."""

Local = Callable[[str], click.Command | None]
"""The command of this name that this process does itself, where it can."""


def command(session: Session, name: str, text: str, local: Local | None) -> click.Command | None:
    """What stands under a name of one word: a command, or a group of them; None where the server offers none of it.
    `local` is asked for what it does not offer, and where it has gone meanwhile. Raises Unserved."""
    for offered in (index.known, index.anew):
        found = _command(session, offered(session), name, text, local)
        if found is not None:
            return found
    return None


def _command(session: Session, offered: Index, name: str, text: str, local: Local | None) -> click.Command | None:
    one, below = offered.commands.get(name), offered.below(name)
    withheld = offered.withheld(name)
    if name in offered.not_by_token:
        return _withheld(session, name, name)
    if not below and not withheld:
        return None if one is None else _made(session, offered, one, local)
    made: click.Group
    if one is None:
        made = _Group(session, name, text or offered.groups.get(name, ""), local)
    else:
        made = commands.group(one, _doing(session, offered, one, local))
    for found in below.values():
        made.add_command(_made(session, offered, found, local))
    for own in withheld:
        made.add_command(_withheld(session, own, f"{name} {own}"))
    return made


def _withheld(session: Session, own: str, full: str) -> click.Command:
    """A command that is there, and that no token reaches: it says so, whatever stands behind it."""

    def refuse(**_whatever: object) -> None:
        raise Unserved(
            f"{session.name} does `tieline {full}` for nobody who shows a token, as a login does: what is made so "
            "would outlive a token that is stolen. Run it as yourself on the machine of the server"
        )

    return click.Command(
        own,
        callback=refuse,
        params=[click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        help="Not done for whoever shows a token: run it on the machine of the server.",
    )


class _Group(click.Group):
    """A group of which the server does some, and this process the rest."""

    def __init__(self, session: Session, name: str, text: str, local: Local | None) -> None:
        super().__init__(name, help=text)
        self._session, self._local = session, local

    def list_commands(self, ctx: click.Context) -> list[str]:
        here = self._here()
        return sorted({*self.commands, *(here.list_commands(ctx) if here is not None else ())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        here = self._here()
        found = None if here is None else here.get_command(ctx, cmd_name)
        if found is None:
            offered = index.anew(self._session)
            one = offered.below(str(self.name)).get(cmd_name)
            found = None if one is None else _made(self._session, offered, one, self._local)
        return found

    def _here(self) -> click.Group | None:
        whole = self._local(str(self.name)) if self._local is not None else None
        return whole if isinstance(whole, click.Group) else None


def _made(session: Session, offered: Index, one: Command, local: Local | None) -> click.Command:
    do = _doing(session, offered, one, local)
    shows = offered.commands.get(commands.SHOWS_JOB) if one.starts_job else None
    look = None if shows is None else _doing(session, offered, shows, local)
    return commands.act(one, do, look) if one.acts else commands.view(one, do, ENDS.get(one.name))


def _doing(session: Session, offered: Index, one: Command, local: Local | None) -> Do:
    def do(workspace: str, given: Mapping[str, Any], key: str, break_glass: str | None = None, /) -> Told:
        said = given if session.url else as_meant(one, given)
        key = key or os.urandom(16).hex()
        try:
            return asked(session, offered, one, said, key, break_glass=break_glass)
        except Wrong as wrong:
            raise wrong_usage(wrong.problems) from None
        except NotReached:
            here = None if local is None else _found(local, one.name)
            if here is None:
                raise
            # It ended meanwhile. Under its key what it may have done is not done again.
            return here(workspace, given, key, break_glass)

    return do


def _found(local: Local, name: str) -> Do | None:
    group, _, own = name.partition(" ")
    found = local(group)
    if own and isinstance(found, click.Group):
        found = found.get_command(click.Context(found), own)
    return getattr(found, "do", None)


def asked(
    session: Session,
    offered: Index,
    one: Command,
    said: Mapping[str, Any],
    key: str,
    pause: Callable[[float], None] = time.sleep,
    break_glass: str | None = None,
) -> Told:
    """Have the server do it: once, however often it has to be asked. Raises Unserved and Wrong."""
    broken = {} if break_glass is None else {"Break-Glass": quote(break_glass, errors="surrogateescape")}
    reply = _answered(session, one, said, {"Idempotency-Key": key, **broken}, pause)
    now = _offered_now(session, offered, reply)
    if reply.status not in (200, 202):
        found = calls.refusal(session, reply)
        if now.commands.get(one.name) == one:
            raise found
        raise _other_offer(session, now, one, found)
    try:
        return _told(reply)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise calls.strange(session, reply) from None


def _offered_now(session: Session, offered: Index, reply: Reply) -> Index:
    """What is offered by now. What was answered stands, though the server be gone since."""
    if reply.headers.get("tieline-offer", offered.tag) != offered.tag:
        with suppress(Unserved):
            return index.anew(session)
    return offered


def _other_offer(session: Session, now: Index, one: Command, found: Exception) -> Unserved:
    if one.name not in now.commands:
        return Unserved(
            f"{session.name} offers no `tieline {one.name}` any more; `tieline --help` shows what it does", 2
        )
    words = "; ".join(": ".join(pair) for pair in found.problems) if isinstance(found, Wrong) else str(found)
    return Unserved(f"{words}. `tieline {one.name}` takes something else by now: `--help` shows it", 2)


def _told(reply: Reply) -> Told:
    if reply.media_type != SHOWN:
        raise ValueError("that is not what was asked for")
    document = reply.document()
    notes = document["notes"]
    if not isinstance(notes, list) or not all(isinstance(one, str) for one in notes):
        raise ValueError("those are no sentences")
    return Told(document["facts"], shown.from_facts(document["shown"]), notes)


def _answered(
    session: Session, one: Command, said: Mapping[str, Any], how: Mapping[str, str], pause: Callable[[float], None]
) -> Reply:
    """What came back, of as many tries as it took; under one key it is done once."""
    key = how["Idempotency-Key"]
    lost: Unserved | None = None
    for number in range(TRIES):
        try:
            reply = _sent(session, one, said, how)
        except Lost as error:
            lost = error
            pause(REST * 2**number)
            continue
        except NotReached as error:
            if lost is None or not session.url:
                raise
            lost = error
            pause(REST * 2**number)
            continue
        wait = reply.headers.get("retry-after", "")
        if reply.status not in (429, 503) or not wait.isdecimal() or int(wait[:6]) > PATIENCE or number + 1 == TRIES:
            return reply
        pause(int(wait[:6]))
    if not one.acts or lost is None:
        raise lost or NotReached(f"{session.name} does not answer")
    raise Unserved(
        f"{lost}. Whether it was done is not known: ask again with --key {key}, under which it is done once", 4
    )


def _sent(session: Session, one: Command, said: Mapping[str, Any], how: Mapping[str, str]) -> Reply:
    if not one.acts and any(argument.type == "file" for argument in one.arguments):
        headers = {"Accept": SHOWN, "Content-Type": calls.JSON}
        return calls.call(session, "POST", f"{ROOT}{one.path}", headers, json.dumps(said).encode())
    if not one.acts:
        query = urlencode(_pairs(said), errors="surrogateescape")
        return calls.call(session, "GET", f"{ROOT}{one.path}{'?' if query else ''}{query}", {"Accept": SHOWN})
    headers = {"Accept": SHOWN, "Content-Type": calls.JSON, **how}
    return calls.call(session, "POST", f"{ROOT}{one.path}", headers, json.dumps(said).encode())


def _pairs(said: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [
        (name, _word(word))
        for name, value in said.items()
        for word in (value if isinstance(value, list | tuple) else [value])
    ]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
