"""`tieline login`, `logout` and `whoami`: which server does what is asked for here, and in whose name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tieline.cli.client import calls, index, sessions
from tieline.cli.client.calls import JSON, ROOT
from tieline.cli.client.sessions import Known, Session
from tieline.cli.output import Unserved, emit, json_option, say

OPEN = "it is spoken to without TLS, as you said: whoever is on the way there can read the token, and all that is said."


@click.command()
@click.argument("url")
@click.option(
    "--token-file",
    type=click.Path(),
    help="A file that holds the token; - is standard input. Without it, it is asked for and not shown.",
)
@click.option(
    "--plain-http", is_flag=True, help="Take a server elsewhere that speaks no TLS: what is said can be read."
)
@json_option
def login(url: str, token_file: str | None, plain_http: bool, as_json: bool) -> None:
    """Have the server at URL do what is asked for here, in the name of whoever its token is of."""
    where = sessions.address(url)
    sessions.check_open(where, is_meant=plain_http)
    if sessions.is_open(where):
        say(f"{where}: {OPEN}", err=True)
    found = Session(where, _token(token_file, where))
    who = _who(found)
    index.anew(found)
    sessions.change(lambda _current, known: (where, {**known, where: Known(found.token, sessions.is_open(where))}))
    if as_json:
        emit({"url": where, **who})
    else:
        say(f"{where} does what is asked for here from now on, as {_called(who)}")


def _token(file: str | None, where: str) -> str:
    if file == "-" or (file is None and not sys.stdin.isatty()):
        return sessions.token_of(sys.stdin.buffer.read(sessions.LONGEST_TOKEN + 1), "standard input")
    if file is not None:
        return sessions.token_in(Path(file))
    words: str = click.prompt(f"Token for {where}", hide_input=True, err=True)
    return sessions.token_of(words.encode(), "what was typed")


@click.command()
@click.argument("url", required=False)
@json_option
def logout(url: str | None, as_json: bool) -> None:
    """Forget the server at URL, or the one that was logged in to last. Its token stands until it is revoked."""
    named, gone = sessions.address(url) if url else "", list[str]()

    def without(current: str, known: Mapping[str, Known]) -> sessions.Servers:
        where = named or current
        if where not in known:
            raise Unserved(f"{where}: nobody is logged in there" if where else "nobody is logged in anywhere", 5)
        gone.append(where)
        left = {name: one for name, one in known.items() if name != where}
        return current if current != where else next(iter(left), ""), left

    now, _left = sessions.change(without)
    (where,) = gone
    if as_json:
        emit({"url": where, "now": now or None})
    else:
        whoever = f"{now} does what is asked for here" if now else "nobody is logged in"
        say(f"{where} is forgotten; {whoever} from now on")


@click.command()
@json_option
@click.pass_context
def whoami(ctx: click.Context, as_json: bool) -> None:
    """Who one is, and who does what is asked for here: a server, or this process."""
    from tieline.cli.main import session_of

    session: Session | None = session_of(ctx)
    if session is None:
        from tieline.cli.accounts import account

        who: dict[str, Any] = {"identity": account().identity}
        way = "this process opens the store itself: no server answers for this workspace"
    else:
        who, way = _who(session), f"{session.name} does it"
    if as_json:
        emit({"server": None if session is None else session.name, **who})
    else:
        say(f"{_called(who)}; {way}")


def _who(session: Session) -> dict[str, Any]:
    reply = calls.call(session, "GET", f"{ROOT}whoami", {"Accept": JSON})
    if reply.status != 200:
        raise calls.refusal(session, reply)
    try:
        told = reply.document()
        token = told["token"]
        if not isinstance(told["identity"], str) or not isinstance(token, dict | None):
            raise ValueError("that is nobody")
        who = {"identity": told["identity"]}
        return {**who, "token": token} if token else who
    except (ValueError, KeyError, TypeError):
        raise calls.strange(session, reply) from None


def _called(who: dict[str, Any]) -> str:
    token = who.get("token")
    if not token:
        return str(who["identity"])
    return f"{who['identity']} (token {token.get('id')}, {token.get('name')}, until {token.get('until')})"
