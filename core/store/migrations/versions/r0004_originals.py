"""A tool's own texts are kept where they hold more than our fields: what nobody touched is written as it was."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nobody looked at the copies' own texts yet: a copy is read once more before its texts are written."""
    op.add_column("replica", sa.Column("originals", sa.Text(), nullable=True))
