"""What may be shown outside, in which words, and whether anything is; what is to be kept for a court or an authority;
copies whose item is forgotten; of which items others are parts; and what runners wrote."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """There was none of it before."""
    _releases()
    _holds()
    _standing()
    _parts()
    _outputs()


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


def _holds() -> None:
    op.add_column("replica", sa.Column("forgotten", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "legal_hold",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )
    in_force = sa.text("lifted_at IS NULL")
    op.create_index("ix_legal_hold_open", "legal_hold", ["id"], sqlite_where=in_force, postgresql_where=in_force)


def _standing() -> None:
    op.add_column("policy", sa.Column("approved_by", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "standing",
        sa.Column("person", sa.String(24), nullable=False),
        sa.Column("relation", sa.String(20), nullable=False),
        sa.Column("incident_id", _ID, nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_standing_incident_id_incident")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_standing_person_person")),
        sa.PrimaryKeyConstraint("person", "relation", "incident_id", "source", name=op.f("pk_standing")),
    )
    op.create_index(op.f("ix_standing_incident_id"), "standing", ["incident_id"])


def _parts() -> None:
    op.add_column("incident", sa.Column("part_of", sa.BigInteger(), nullable=True))
    some = sa.text("part_of IS NOT NULL")
    op.create_index("ix_incident_part_of", "incident", ["part_of", "id"], sqlite_where=some, postgresql_where=some)


def _outputs() -> None:
    op.create_table(
        "output",
        sa.Column("incident_id", _ID, nullable=False),
        sa.Column("sha", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("is_cut", sa.Boolean(), nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_output_incident_id_incident")),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_output")),
    )
    op.create_table(
        "output_part",
        sa.Column("incident_id", _ID, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("is_sealed", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["output.incident_id"], name=op.f("fk_output_part_incident_id_output")
        ),
        sa.PrimaryKeyConstraint("incident_id", "part", name=op.f("pk_output_part")),
    )
