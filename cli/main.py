"""`tieline`: the list of commands. Nothing heavy is imported here, so that help answers at once."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from tieline.cli.colours import wanted

if TYPE_CHECKING:
    from tieline.core.clock import Clock

_UNWRITTEN: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a full disk, or one that breaks, answers to what is written into a file behind `>`."""

_SESSION: Final = "tieline.session"
"""Under this name the server stands in the context's `meta`, or None."""

_TYPED: Final = "tieline.typed"
"""Stands there where somebody typed a command, or Tab."""

CLOCK = "tieline.clock"
"""Under this name a clock stands in the context's `meta`, where `cli` was called with one as its `obj`."""

_OFFERED: Final = "tieline.offered"
"""Under this name the groups of plugins stand in the context's `meta`."""

COMMANDS = {
    "init": ("tieline.cli.init", "init", "Write a workspace: tieline.yaml, and what it needs."),
    "check": ("tieline.cli.workspace", "check", "Check the configuration, and prove every connection."),
    "run": ("tieline.cli.daemon", "run", "Keep the incidents in step, until told to stop."),
    "work": ("tieline.cli.work", "work", "Do what plugins do by themselves, beside `run`."),
    "demo": ("tieline.cli.demo_command", "demo", "Watch real alerts live through three simulated tools."),
    "status": ("tieline.cli.status", "status", "The state of everything in a few figures."),
    "overview": ("tieline.cli.look", "overview", "What is wrong now: open incidents, the worst first."),
    "incident": ("tieline.cli.look", "incident", "One incident whole: its fields in every copy, and what was said."),
    "connections": ("tieline.cli.look", "connections", "The tools: how each is, and what to do next."),
    "incidents": ("tieline.cli.look", "incidents", "Incidents and their copies."),
    "items": ("tieline.cli.look", "items", "What there is of another kind, and its copies."),
    "why": ("tieline.cli.look", "why", "Why a field has its value."),
    "history": ("tieline.cli.look", "history", "What happened to an incident, from the journal."),
    "output": ("tieline.cli.look", "output", "What was written while something was executed."),
    "conflicts": ("tieline.cli.decide", "conflicts", "Fields that wait for a person, and settling them."),
    "parked": ("tieline.cli.decide", "parked", "Records that wait for a person, and releasing them."),
    "doubts": ("tieline.cli.decide", "doubts", "Ends of alerts that are not believed, and confirming them."),
    "proposals": ("tieline.cli.decide", "proposals", "What somebody else is to approve first, and approving it."),
    "holds": ("tieline.cli.decide", "holds", "What a court or an authority may ask for, and keeping it."),
    "reviews": ("tieline.cli.decide", "reviews", "What was done at once, and closing its review."),
    "followers": ("tieline.cli.look", "followers", "How far plugins have come with what happened."),
    "timers": ("tieline.cli.look", "timers", "What is to happen later, by itself, and when."),
    "jobs": ("tieline.cli.jobs", "jobs", "Long work of plugins, and what it came to."),
    "edit": ("tieline.cli.decide", "edit", "Change fields of an incident."),
    "comment": ("tieline.cli.decide", "comment", "Write a comment into every copy of an incident."),
    "people": ("tieline.cli.restrict", "people", "Who commands an incident, works on it, or is told of it."),
    "restrict": ("tieline.cli.restrict", "restrict", "Have an incident be there only for those who need to know."),
    "unrestrict": ("tieline.cli.restrict", "unrestrict", "Have it be there for everybody again."),
    "policy": ("tieline.cli.policy", "policy", "What the policies of plugins say, and changing that."),
    "access": ("tieline.cli.access", "access", "Who may do what, and why."),
    "token": ("tieline.cli.token", "token", "Tokens, by which programs act for somebody through the API."),
    "account": ("tieline.cli.account", "account", "Local accounts, by which people sign in to the console."),
    "api": ("tieline.cli.api", "api", "What the API says of itself."),
    "web": ("tieline.cli.web", "web", "Serve the console and the API, until told to stop."),
    "login": ("tieline.cli.client.login", "login", "Have a server do what is asked for here."),
    "logout": ("tieline.cli.client.login", "logout", "Forget a server, and the token that it was shown."),
    "whoami": ("tieline.cli.client.login", "whoami", "Who one is, and who does what is asked for here."),
    "mapping": ("tieline.cli.mapping", "mapping", "Check and explain mappings."),
    "audit": ("tieline.cli.audit", "audit", "Prove that the journal is whole."),
    "store": ("tieline.cli.store", "store", "Move everything into another database."),
    "simulate": ("tieline.cli.simulate", "simulate", "Play schedules of faults and crashes against the engine."),
    "plugins": ("tieline.cli.workspace", "plugins", "The plugins that are allowed, and how they are."),
    "plugin": ("tieline.cli.plugin", "plugin", "Write a plugin, or have its tables made anew."),
    "adapter": ("tieline.cli.adapter", "adapter", "Write an adapter of a tool."),
}


OF_THIS_MACHINE: Final = {
    *("init", "check", "run", "work", "demo", "api", "web", "login", "logout", "whoami"),
    *("mapping", "audit", "store", "simulate", "adapter"),
}
"""What no server does. Everything else one does, where one answers."""

MIXED: Final = {"plugin"}
"""Groups of which some is of this machine, as writing a plugin is."""

FOLLOWS: Final = {
    **dict.fromkeys(["run", "work", "web", "demo"], "nothing was started"),
    "check": "no connection was asked",
    **dict.fromkeys(
        [
            "status",
            "overview",
            "incident",
            "connections",
            "incidents",
            "items",
            "why",
            "history",
            "output",
            "followers",
            "timers",
            "holds",
            "jobs",
            "plugins",
        ],
        "there is nothing to show",
    ),
    **dict.fromkeys(["edit", "comment", "restrict", "unrestrict", "policy", "store"], "nothing was changed"),
}
"""What comes of a command whose configuration is refused; of the others, that nothing was done."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and one-line help without importing them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = True
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's own; an error that says what comes of it says what comes of this command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            from tieline.core.errors import ConfigError  # not loaded before there is one

            if isinstance(error, ConfigError) and not error.follows:
                error.follows = FOLLOWS.get(ctx.invoked_subcommand or "", "")
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_offered(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self._command(ctx, cmd_name)
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        return found

    def _command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OF_THIS_MACHINE:
            return _own(cmd_name)
        session = _session(ctx)
        workspace = _workspace(ctx)
        elsewhere = session is not None and session.url and cmd_name not in MIXED
        local = None if elsewhere else partial(_here, workspace)
        if session is not None:
            thin: Any = importlib.import_module("tieline.cli.client.thin")
            text = COMMANDS[cmd_name][2] if cmd_name in COMMANDS else ""
            found: click.Command | None = thin.command(session, cmd_name, text, local)
            if found is None and elsewhere and cmd_name in COMMANDS:
                of_server: Any = importlib.import_module("tieline.cli.output")
                words = f"{session.name} offers no `tieline {cmd_name}`; it is of another version, or has it done there"
                raise of_server.Unserved(words, 2)
            if found is not None or local is None:
                return found
        if cmd_name not in COMMANDS and cmd_name not in _offered(ctx):
            return None
        return _here(workspace, cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click's own, without importing every command at each press of Tab."""
        known = {**{name: text for name, (_, _, text) in COMMANDS.items()}, **_offered(ctx)}
        named = [CompletionItem(name, help=text) for name, text in known.items() if name.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, _name, text) in COMMANDS.items()])
        of_plugins = _offered(ctx)
        if of_plugins:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(list(of_plugins.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        found = self.get_command(ctx, args[0]) if args else None
        if found is not None:
            return args[0], found, args[1:]
        if args and not args[0].startswith("-") and not ctx.resilient_parsing:
            import difflib

            near = difflib.get_close_matches(args[0], [*COMMANDS, *_offered(ctx)], 1)
            hint = f" Did you mean `tieline {near[0]}`?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


def _own(name: str) -> click.Command | None:
    module, found, _help = COMMANDS[name]
    command: Any = getattr(importlib.import_module(module), found)
    return command if isinstance(command, click.Command) else None


def _here(workspace: str, name: str) -> click.Command | None:
    """The command that this process does itself."""
    if name in COMMANDS:
        return _own(name)
    found: click.Group | None = _of_plugins().group(workspace, name)
    return found


def _workspace(ctx: click.Context) -> str:
    return str(ctx.params.get("workspace") or os.environ.get("TIELINE_WORKSPACE") or ".")


def _session(ctx: click.Context) -> Any:
    """The server that does what is asked for; None where this process does. Raises Unserved."""
    if _TYPED not in ctx.meta:
        return None  # pages are made of commands as well
    if _SESSION not in ctx.meta:
        from tieline.cli.client import sessions

        said = ctx.get_parameter_source("workspace") is ParameterSource.COMMANDLINE
        named = said or bool(os.environ.get("TIELINE_WORKSPACE"))
        ctx.meta[_SESSION] = sessions.chosen(_workspace(ctx), named=named, said=said)
    return ctx.meta[_SESSION]


def session_of(ctx: click.Context) -> Any:
    """The same for a command below."""
    return _session(ctx.find_root())


def _of_plugins() -> Any:
    """What knows the commands of plugins. Nothing is imported for them before there is a need."""
    return importlib.import_module("tieline.cli.offered")


def _offered(ctx: click.Context) -> Mapping[str, str]:
    """The groups of the workspace's plugins, each with its summary."""
    if _OFFERED not in ctx.meta:
        found = _groups(ctx)
        ctx.meta[_OFFERED] = {name: text for name, text in found.items() if name not in COMMANDS}
    known: Mapping[str, str] = ctx.meta[_OFFERED]
    return known


def _groups(ctx: click.Context) -> Mapping[str, str]:
    """For help, which is there also where no server is, or no login can be read."""
    from tieline.cli.output import Unserved

    try:
        session = _session(ctx)
        if session is not None:
            of_server: Any = importlib.import_module("tieline.cli.client.index")
            groups: Mapping[str, str] = of_server.known(session).groups
            return groups
    except Unserved:
        return {}
    of_workspace: Mapping[str, str] = _of_plugins().groups(_workspace(ctx))
    return of_workspace


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-w",
    "--workspace",
    envvar="TIELINE_WORKSPACE",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False),
    is_eager=True,  # help tells of the plugins that are allowed there
    help="The folder with tieline.yaml.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say whether a server does it, and which.")
@click.version_option(None, "-V", "--version", package_name="tieline", message="tieline %(version)s")
@click.pass_context
def cli(ctx: click.Context, workspace: str, verbose: bool) -> None:
    """Keep one incident in step across ServiceNow, Jira, PagerDuty and the monitoring that raised it.

    \b
    Exit codes: 0 done; 1 what was asked for does not hold; 2 wrong usage;
    3 the configuration is refused; 4 the store or the server is away; 5 not found.
    """
    if ctx.obj is not None:
        ctx.meta[CLOCK] = ctx.obj
    ctx.obj = workspace
    ctx.color = wanted()
    if verbose:
        session = _session(ctx)
        here = "no server answers here: this process does it"
        click.echo(f"{session.name} does it" if session is not None else here, err=True)


def main() -> None:
    """The entry point."""
    gc.disable()  # until the command is loaded: nothing of what is imported goes before the end
    sys.exit(perform(sys.argv[1:]))


def perform(arguments: Sequence[str], clock: Clock | None = None) -> int:
    """Run a command, and answer its exit code. Errors of ours become a sentence and a code, never a traceback."""
    as_json = "--json" in arguments
    output = sys.stdout
    try:
        cli.main(list(arguments), prog_name="tieline", obj=clock, standalone_mode=False)
    except click.ClickException as error:
        if as_json:
            click.echo(json.dumps({"error": error.format_message(), "exit_code": error.exit_code}))
        else:
            error.show()
        return error.exit_code
    except click.exceptions.Abort:
        if as_json:
            click.echo(json.dumps({"error": "stopped", "exit_code": 130}))
        click.echo("stopped", err=True)
        return 130
    except click.exceptions.Exit as error:
        return error.exit_code
    except SystemExit:
        if sys.stdout is not output:
            # Whoever read has had enough: click has met EPIPE and put something over what is left, to exit with 1.
            return 141
        raise
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITTEN:
            return _report(error, as_json=as_json)
        sys.stdout = io.StringIO()  # or the interpreter tries it again at its end
        click.echo(f"not all was written: {error.strerror}. Make room there, or write elsewhere.", err=True)
        return 1
    except Exception as error:  # noqa: BLE001 - `report` raises again what nobody expected
        return _report(error, as_json=as_json)
    return 0


def _report(error: Exception, *, as_json: bool) -> int:
    from tieline.cli.output import report

    return report(error, as_json=as_json)


if __name__ == "__main__":
    main()
