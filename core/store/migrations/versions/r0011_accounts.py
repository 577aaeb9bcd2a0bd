"""What the connections of one account share: the calls that are left, and whether the tool answers any of them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """A worker of before knows nothing of accounts, and needs nothing of it."""
    op.create_table(
        "account",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )
