"""Items of every kind, known by ids that never come back. A connection may hold several copies of one, each for a
purpose of its own, and records of several kinds."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_UNIQUE: dict[str, dict[str, tuple[str, ...]]] = {
    "replica": {
        "uq_replica_incident_id_connection": ("incident_id", "connection", "purpose"),
        "uq_replica_connection_ref": ("connection", "ref", "kind"),
    },
    "twin": {"uq_twin_comment_id_connection": ("comment_id", "replica_id")},
}
"""By table: each constraint that goes, with the columns of the one that takes its place."""
_MADE = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :name AND type = :type AND sql IS NOT NULL")


def upgrade() -> None:
    """What is there are incidents and their records, one in each connection."""
    op.add_column("incident", sa.Column("uid", sa.String(32), nullable=False, server_default=sa.text("''")))
    op.add_column("incident", _named("kind", "incident"))
    op.add_column("replica", _named("purpose", "record"))
    op.add_column("replica", _named("kind", "incident"))
    op.add_column("connection", sa.Column("uid", sa.String(32), nullable=False, server_default=sa.text("''")))
    op.drop_column("connection", "fingerprint")
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    chance = "lower(hex(randomblob(10)))" if on_sqlite else "substr(replace(gen_random_uuid()\\:\\:text, '-', ''), 13)"
    for table, made_at in (("incident", "opened_at"), ("connection", "since")):
        moment = f"printf('%012x', {made_at} / 1000)" if on_sqlite else f"lpad(to_hex({made_at} / 1000), 12, '0')"
        op.execute(f"UPDATE {table} SET uid = {moment} || {chance}")  # noqa: S608 - our own names
    op.create_index("uq_incident_uid", "incident", ["uid"], unique=True)
    if on_sqlite:
        _make_anew()
        return
    for table, constraints in _UNIQUE.items():
        for old, columns in constraints.items():
            op.drop_constraint(old, table)
            op.create_unique_constraint(_name(table, columns), table, list(columns))


def _named(column: str, default: str) -> sa.Column[str]:
    return sa.Column(column, sa.String(20), nullable=False, server_default=sa.text(f"'{default}'"))


def _name(table: str, columns: tuple[str, ...]) -> str:
    return op.f("_".join(("uq", table, *columns)))


def _make_anew() -> None:
    """SQLite cannot change a constraint. The children are made first and go first: a table that rows point to cannot
    be dropped."""
    database = op.get_bind()
    indexes: list[str] = []
    for table, constraints in _UNIQUE.items():
        [made] = database.execute(_MADE, {"name": table, "type": "table"}).scalars()
        indexes += database.execute(_MADE, {"name": table, "type": "index"}).scalars()
        for old, columns in constraints.items():
            before, _, after = made.partition(f"CONSTRAINT {old} UNIQUE (")
            made = f"{before}CONSTRAINT {_name(table, columns)} UNIQUE ({', '.join(columns)}){after.partition(')')[2]}"
        made = made.replace(f"CREATE TABLE {table}", f"CREATE TABLE {table}_anew", 1)
        database.exec_driver_sql(made.replace("REFERENCES replica (", "REFERENCES replica_anew ("))
        names = ", ".join(f'"{row.name}"' for row in database.exec_driver_sql(f"PRAGMA table_info({table})"))
        database.exec_driver_sql(f"INSERT INTO {table}_anew ({names}) SELECT {names} FROM {table}")  # noqa: S608
    for table in reversed(_UNIQUE):
        database.exec_driver_sql(f"DROP TABLE {table}")
    for table in _UNIQUE:
        database.exec_driver_sql(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for index in indexes:
        database.exec_driver_sql(index)
