"""The first schema."""

from alembic import op

from tieline.core.store.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table, and the triggers that make the journal append-only."""
    bind = op.get_bind()
    metadata.create_all(bind)
    for table, refused in (("journal", ("UPDATE", "DELETE")), ("journal_payload", ("UPDATE",))):
        for act in refused:
            for statement in _refuse(bind.dialect.name, table, act):
                op.execute(statement)


def _refuse(dialect: str, table: str, act: str) -> list[str]:
    name = f"{table}_no_{act.lower()}"
    words = f"the {table} table is append-only: {act} refused"
    if dialect == "sqlite":
        return [f"CREATE TRIGGER {name} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END"]
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$body$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation'; END $body$",
        f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]
