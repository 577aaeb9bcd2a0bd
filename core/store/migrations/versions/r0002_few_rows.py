"""What fires and what is held is found by connection: neither a poll nor a start reads all that ever was."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Two indexes over few rows begin with the connection."""
    op.drop_index("ix_replica_held", table_name="replica")
    op.drop_index("ix_signal_firing", table_name="signal")
    _over_few("ix_replica_held", "replica", ["connection", "id"], "conflicts <> '{}'")
    _over_few("ix_signal_firing", "signal", ["connection", "seen_at"], "firing")


def _over_few(name: str, table: str, columns: list[str], where: str) -> None:
    few = sa.text(where)
    op.create_index(name, table, columns, unique=False, sqlite_where=few, postgresql_where=few)
