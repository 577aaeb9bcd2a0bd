"""`tieline store`: move everything into another database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from tieline.cli.open import clock, configuration, store_of
from tieline.cli.output import emit, json_option, say
from tieline.cli.rights import ask, asker, asking, of_the_store
from tieline.core.config import SQLITE, Config, store_beside
from tieline.core.errors import ConfigError

if TYPE_CHECKING:
    from tieline.core.store.store import Store


@click.group()
def store() -> None:
    """Move everything into another database."""


@store.command()
@click.option("--to", "address", default="", help="The address of an empty database, without a password.")
@click.option("--to-env", "variable", default="", help="The variable that holds the address, password included.")
@json_option
@click.pass_obj
def copy(workspace: str, address: str, variable: str, as_json: bool) -> None:
    """Copy the whole store into an empty one, row for row; from then on the old one is refused.

    Stop the daemon first: while one runs, this is refused. The path of a SQLite file counts from the workspace, as in
    `store:`. A password can be in ~/.pgpass or PGPASSWORD, or in the variable that --to-env names. Nothing arrives
    unless everything does: both sides are counted and hashed before the copy is kept. A SQLite file gets a copy of the
    keys that payloads are sealed with; for PostgreSQL, put one where `keys:` will say.
    """
    from tieline.core.store.move import copy as copy_store
    from tieline.core.store.store import Store

    if bool(address) == bool(variable):
        raise click.UsageError("name the new database with --to ADDRESS or --to-env VARIABLE")
    if variable and variable not in os.environ:
        raise click.UsageError(f"the variable {variable} is not set")
    config, _registry = configuration(workspace)
    where = store_beside(config.file, address or os.environ[variable])
    if where == config.store:
        raise click.UsageError("that is the store itself; name another database")
    _refuse_nowhere(where)
    with (
        store_of(config) as source,
        _nobody_at_work(config, source, "copy", "and what that takes in meanwhile would not be in the copy"),
        Store.open(where, keys=config.keys) as target,
    ):
        source.migrate()
        target.migrate()
        with asking(config, source, "store.move", of_the_store) as (guarded, asked):
            by = asked.asker.someone
            found = copy_store(guarded, target, at=clock().now(), actor=by, on_progress=_progress)
        # The path of a file is as good in `store:` as it is here: both count from the workspace.
        name = address if address.startswith(SQLITE) else target.name
        kept = source.keys.file if source.keys is not None and target.keys is None else None
    if as_json:
        emit({"to": name, "rows": found.total, "tables": dict(found.rows)})
        return
    say(f"{found.total} rows are in {name}, the same as here. Write its address into `store:`, then start.")
    if kept is not None:
        say(
            f"The journal's payloads stay sealed with the keys in {kept}: copy that file into a folder that all "
            "workers share, and write its path there into `keys:`."
        )


def _refuse_nowhere(where: str) -> None:
    """A copy goes to a place that somebody made: what was mistyped is not made, and from then on the one in use."""
    from tieline.core.store import engines

    url = engines.parse(where)
    if engines.in_memory(url):
        raise click.UsageError("a database in memory ends with this command; name a file, or a PostgreSQL database")
    file = engines.file_of(where)
    if file is None or file.parent.is_dir():
        return
    what, fix = f"there is no folder {file.parent}", "make it, or correct the path"
    if file.parent.exists():
        what, fix = f"{file.parent} is no folder", "correct the path"
    raise click.UsageError(f"{what}; {fix}")


@contextmanager
def _nobody_at_work(config: Config, store: Store, then: str, because: str) -> Iterator[None]:
    """Raises ConfigError where a daemon works on the store, with what would become of it."""
    from tieline.sync.daemon.daemon import only_daemon
    from tieline.sync.daemon.heartbeat import life

    fix = f"stop it (on PostgreSQL every worker), then {then}."
    with only_daemon(config, fix) or nullcontext():
        with store.read() as connection:
            found = life(connection, clock().now())
        if found.running:
            what = f"store: a daemon works on it, {because}."
            raise ConfigError([config.problem("store", "RUN002", what, fix)])
        yield


def _progress(table: str, count: int) -> None:
    if count % 100_000 == 0:
        click.echo(f"{table}: {count}", err=True)


@store.command()
@click.pass_obj
def reopen(workspace: str) -> None:
    """Use a store again that was copied away. What was accepted in the copy since then is not in it."""
    from tieline.core.events import StoreReopened
    from tieline.core.store.chain import Entry

    config, _registry = configuration(workspace)
    with (
        store_of(config, moved=True) as opened,
        asking(config, opened, "store.move", of_the_store) as (guarded, asked),
        guarded.write() as tx,
    ):
        reopened = StoreReopened()
        tx.journal(Entry(clock().now(), reopened.KIND, None, None, asked.asker.someone, "", reopened.facts()))
    say("the store is in use again; run one daemon on one store only")


@store.command("renew-keys")
@click.pass_obj
def renew_keys(workspace: str) -> None:
    """Make new keys for the journal where their file is lost, and no copy of it is left. What was sealed with the lost
    ones stays in the journal, and nobody can read it any more, not even where their file is found again."""
    from tieline.core import journal

    config, _registry = configuration(workspace)
    with store_of(config, sealed=True) as opened:
        ask(opened, asker(config, opened), "store.keys")
        with (
            _nobody_at_work(config, opened, "make new keys", "which may know the keys still"),
            asking(config, opened, "store.keys", of_the_store) as (guarded, asked),
        ):
            journal.renew_keys(guarded, at=clock().now(), actor=asked.asker.someone)
        kept = opened.keys.file if opened.keys is not None else None
    say(f"new keys are in {kept}; keep a copy of that file, apart from those of the store")
