"""What plugins derive from the journal, and how far they have come in it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """There were none before."""
    op.create_table(
        "projected",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("builder", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_projected")),
    )
    op.create_table(
        "follower",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_follower")),
    )
    op.create_table(
        "follower_backlog",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("follower", sa.String(60), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("parked", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follower_backlog")),
        sa.UniqueConstraint("follower", "seq", name=op.f("uq_follower_backlog_follower_seq")),
    )
    op.create_index(op.f("ix_follower_backlog_follower_incident_id"), "follower_backlog", ["follower", "incident_id"])
    op.create_index(
        "ix_follower_backlog_parked",
        "follower_backlog",
        ["id"],
        sqlite_where=sa.text("parked <> ''"),
        postgresql_where=sa.text("parked <> ''"),
    )
