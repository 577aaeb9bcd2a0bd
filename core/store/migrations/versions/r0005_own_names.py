"""What is held has the name that the code has for it, and doubted ends have a table of their own."""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_DOUBTS = sa.text("SELECT key, payload FROM timer WHERE kind = 'doubt' ORDER BY key")
_HELD = sa.text("holds <> '{}'")


def upgrade() -> None:
    """The doubts were timers that were never due."""
    op.drop_index("ix_replica_held", "replica")
    op.alter_column("replica", "conflicts", new_column_name="holds")
    op.create_index("ix_replica_held", "replica", ["connection", "id"], sqlite_where=_HELD, postgresql_where=_HELD)
    doubt = op.create_table(
        "doubt",
        sa.Column("connection", sa.String(40), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("fired", sa.Integer(), nullable=False),
        sa.Column("firing", sa.Integer(), nullable=False),
        sa.Column("episodes", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name="pk_doubt"),
    )
    found = [_row(*one) for one in op.get_bind().execute(_DOUBTS)]
    if found:
        op.bulk_insert(doubt, found)
    op.execute("DELETE FROM timer WHERE kind = 'doubt'")


def _row(key: str, payload: str) -> dict[str, object]:
    held = json.loads(payload)
    return {
        "connection": key.partition(":")[2],
        "since": round(datetime.fromisoformat(held["since"]).timestamp() * 1_000_000),
        "reason": held["reason"],
        "fired": held["of"],
        # A doubt of before this was counted has the older figure.
        "firing": max(held.get("firing", held["of"]), len(held["episodes"])),
        "episodes": _text(held["episodes"]),
        "confirmed": _text(held["confirmed"]),
    }


def _text(episodes: list[str]) -> str:
    return json.dumps(episodes, separators=(",", ":"), ensure_ascii=False)
