"""How bad the plugins found each alert is kept beside it: an incident follows the worst of those that fire."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What was judged before this is not known any more."""
    op.add_column("signal", sa.Column("judged", sa.Text(), nullable=False, server_default=sa.text("'{}'")))
