"""Bringing the schema forward, one revision at a time, each in one transaction: it took place or it did not."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import sqlalchemy as sa

from tieline.core.errors import ConfigError, Problem

HEAD: Final = "0001"
"""The newest revision that this version knows."""


def migrate(engine: sa.Engine) -> None:
    """Upgrade to HEAD. Raises ConfigError when a newer Tieline has been here already.

    A database that is at HEAD costs one look-up; Alembic is imported only when there is something to do.
    """
    with engine.connect() as connection:
        present = _present(connection)
        connection.rollback()
    if present == HEAD:
        return
    if present is not None and present > HEAD:
        raise ConfigError(
            [
                Problem(
                    str(engine.url.render_as_string(hide_password=True)),
                    1,
                    1,
                    "STO001",
                    f"the store is at revision {present}, written by a newer Tieline; this one knows {HEAD}.",
                    "start the newer version, or restore the backup made before the upgrade.",
                )
            ]
        )
    _upgrade(engine)


def _present(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    return str(found) if found is not None else None


def _upgrade(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("tieline.core.store") / "migrations"))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # Two workers may start at once: the second waits here and finds nothing left to do.
            connection.exec_driver_sql("SELECT pg_advisory_lock(7461002)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_unlock(7461002)")
            connection.commit()
