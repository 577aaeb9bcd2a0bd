"""What may be shown outside, in which words, and whether anything is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """There was none of it before."""
    _releases()


def _releases() -> None:
    op.create_table(
        "release",
        sa.Column("incident_id", _ID, nullable=False),
        sa.Column("connection", sa.String(40), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("sha", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_release_incident_id_incident")),
        sa.PrimaryKeyConstraint("incident_id", "connection", "entry", name=op.f("pk_release")),
    )
    op.create_table(
        "halt",
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_halt")),
    )
