"""What is told of an incident is sealed with its key, which stands outside of the database and can be forgotten."""

import sqlalchemy as sa
from alembic import op

from tieline.core.store.schema import triggers_of_keys

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """What is in the journal stays as it was hashed: what follows is sealed."""
    op.add_column("journal_payload", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.add_column("journal_head", sa.Column("key_name", sa.String(32), nullable=False, server_default=sa.text("''")))
    op.add_column("journal_head", sa.Column("forgotten", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "journal_forgotten",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_journal_forgotten")),
    )
    database = op.get_bind()
    for statement in triggers_of_keys(database.dialect.name):
        database.exec_driver_sql(statement)
