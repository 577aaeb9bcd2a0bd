"""The journal's hashed rows name nobody, its payloads are hashed with a salt, and tokens need no payload. What commands
did is noted until the daemon has told of it, and what webhooks tell of without its being taken in is counted."""

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_PAGE = 1_000
_OPENED = sa.text(
    "SELECT j.seq, j.incident_id, j.connection, j.actor, p.payload FROM journal AS j "
    "JOIN journal_payload AS p ON p.seq = j.seq WHERE j.kind = 'opened' AND j.seq > :after ORDER BY j.seq LIMIT :page"
)
_ORIGIN = sa.text("UPDATE incident SET origin = :origin WHERE id = :incident")


def upgrade() -> None:
    """What is in the journal stays as it was hashed: what follows is written so."""
    op.create_table(
        "person",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("name", name=op.f("uq_person_name")),
    )
    op.create_table(
        "left_out",
        sa.Column("connection", sa.String(40), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_left_out")),
    )
    op.create_table(
        "unheard",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_unheard")),
    )
    op.add_column("journal_payload", sa.Column("salt", sa.String(32), nullable=False, server_default=sa.text("''")))
    op.add_column("incident", sa.Column("origin", sa.Text(), nullable=False, server_default=sa.text("''")))
    database = op.get_bind()
    after = 0
    while rows := database.execute(_OPENED, {"after": after, "page": _PAGE}).all():
        after = rows[-1].seq
        origins = [{"incident": row.incident_id, "origin": _origin(row)} for row in rows]
        database.execute(_ORIGIN, origins)


def _origin(row: sa.Row[tuple[int, int, str | None, str, str]]) -> str:
    facts = orjson.loads(row.payload)
    if row.connection is not None and "ref" in facts:
        return f"record {row.connection} {facts['ref']}"
    return f"signal {row.actor} {facts['signal']}" if "signal" in facts else ""
