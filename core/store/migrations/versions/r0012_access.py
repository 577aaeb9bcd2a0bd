"""Who acts is known by an identity, and no longer by a name that two may share. Roles, and what is restricted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Whoever acted until now stays in the journal under their name. Nobody knows whether that was an account or what
    a tool called somebody: who acts from now on is somebody new, by their own identity."""
    with op.batch_alter_table("person") as person:
        person.drop_constraint(op.f("uq_person_name"), type_="unique")
    op.create_index(op.f("ix_person_name"), "person", ["name"])
    op.create_table(
        "identity",
        sa.Column("known_as", sa.Text(), nullable=False),
        sa.Column("person", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("known_as", name=op.f("pk_identity")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_identity_person_person")),
    )
    op.create_index(op.f("ix_identity_person"), "identity", ["person"])
    op.create_table(
        "role_grant",
        sa.Column("person", sa.String(24), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", "role", "scope", name=op.f("pk_role_grant")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_role_grant_person_person")),
    )
    op.create_table(
        "lately",
        sa.Column("what", sa.String(200), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_lately")),
    )
    op.add_column("incident", sa.Column("label", sa.String(20), nullable=False, server_default=sa.text("''")))
    few = sa.text("restricted")
    op.create_index("ix_incident_restricted", "incident", ["id"], sqlite_where=few, postgresql_where=few)
