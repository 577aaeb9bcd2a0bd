"""How bad the plugins found each alert is kept beside it: an incident follows the worst. How its group flaps, too."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What was judged before this is not known any more, and nothing has flapped."""
    op.add_column("signal", sa.Column("judged", sa.Text(), nullable=False, server_default=sa.text("'{}'")))
    op.add_column("grouping", sa.Column("flaps", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("grouping", sa.Column("flapper", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("grouping", sa.Column("steady_at", sa.BigInteger(), nullable=True))
    op.add_column("grouping", sa.Column("held_until", sa.BigInteger(), nullable=True))
    few = sa.text("flaps > 0")
    op.create_index("ix_grouping_flaps", "grouping", ["steady_at"], sqlite_where=few, postgresql_where=few)
