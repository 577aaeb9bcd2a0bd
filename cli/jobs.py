"""Long work of plugins: how it is, ending it, having it go on, and what it came to."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from pathlib import Path

import click

from tieline.cli import acts, views
from tieline.cli.decide import do
from tieline.cli.declared import help_of, parameters
from tieline.cli.output import emit, json_option, say
from tieline.core.described import described
from tieline.core.errors import TielineError
from tieline.sync.office import own
from tieline.sync.office.own_views import OWN_VIEWS

_RESULT = OWN_VIEWS["jobs result"]

jobs = views.group(OWN_VIEWS["jobs"])


show = views.command(OWN_VIEWS["jobs show"])
jobs.add_command(show)
jobs.add_command(acts.command(own.OWN["jobs cancel"], do))
jobs.add_command(acts.command(own.OWN["jobs resume"], do))


class Spoilt(TielineError):
    """What is kept of a result is not what its job came to."""


@click.command("result", help=help_of(described(_RESULT)))
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write it here, and not to standard output.")
@json_option
@click.pass_obj
def result(workspace: str, job: str, output: str | None, as_json: bool) -> None:
    facts = views.see(workspace, _RESULT, _RESULT.told({"job": job})).facts
    if as_json:
        emit(facts)
        return
    body = b64decode(facts["body"])
    if hashlib.sha256(body).hexdigest() != facts["sha256"]:
        raise Spoilt(f"{facts['job']}: what is kept has another hash than what it came to; restore it from a backup")
    if output is None:
        click.echo(body, nl=False)
        return
    Path(output).write_bytes(body)
    say(f"{facts['job']}: {facts['bytes']:,} bytes of {facts['media_type']} are in {output}, sha256 {facts['sha256']}")


result.params[:0] = parameters(described(_RESULT))
jobs.add_command(result)
