"""A timer that fails is tried again and put aside in the end: how often it was tried is kept beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Until now none had failed: one that did ended the daemon."""
    op.add_column("timer", sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("timer", sa.Column("next_at", sa.BigInteger(), nullable=True))
    op.add_column("timer", sa.Column("parked", sa.Text(), nullable=False, server_default=sa.text("''")))
    parked = sa.text("parked <> ''")
    op.create_index("ix_timer_parked", "timer", ["id"], sqlite_where=parked, postgresql_where=parked)
