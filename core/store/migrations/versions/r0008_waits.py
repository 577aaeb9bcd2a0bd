"""What waits for a person is found by an index. What a tool gave a record at its birth is held and waits for nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_WAITING = ("conflict", "unmapped", "ignored", "altered", "replaced", "unwritable")


def upgrade() -> None:
    """Until now the kinds were looked for in the text of the holds, at each scrape and at each start."""
    op.drop_index("ix_replica_held", table_name="replica")
    op.add_column("replica", sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.false()))
    # What is kept of a hold begins with its kind; inside a value, the quotation marks are escaped.
    holds = sa.column("holds", sa.Text())
    waiting = sa.or_(*(holds.contains(f':["{kind}",') for kind in _WAITING))
    op.execute(sa.update(sa.table("replica", holds, sa.column("waits"))).where(waiting).values(waits=sa.true()))
    few = sa.text("waits")
    op.create_index("ix_replica_waits", "replica", ["connection", "id"], sqlite_where=few, postgresql_where=few)
