"""The first schema, as it was: later changes to the tables are revisions of their own, and never edits here."""

import sqlalchemy as sa
from alembic import op

from tieline.core.store.schema import install_journal

revision = "0001"
down_revision = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table, the journal's triggers and its head."""
    op.create_table(
        "connection",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connection")),
    )
    op.create_table(
        "cursor",
        sa.Column("connection", sa.String(length=40), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_cursor")),
    )
    op.create_table(
        "delivery",
        sa.Column("connection", sa.String(length=40), nullable=False),
        sa.Column("delivery_id", sa.String(length=200), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "delivery_id", name=op.f("pk_delivery")),
    )
    op.create_index(op.f("ix_delivery_received_at"), "delivery", ["received_at"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("connection", sa.String(length=40), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=False),
        sa.Column("reading", sa.Text(), nullable=True),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("parked", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    op.create_index(
        "ix_inbox_parked",
        "inbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("parked <> ''"),
        postgresql_where=sa.text("parked <> ''"),
    )
    op.create_index(
        "ix_inbox_waiting",
        "inbox",
        ["connection", "id"],
        unique=False,
        sqlite_where=sa.text("parked = ''"),
        postgresql_where=sa.text("parked = ''"),
    )
    op.create_index(
        "uq_inbox_hint",
        "inbox",
        ["connection", "ref"],
        unique=True,
        sqlite_where=sa.text("reading IS NULL"),
        postgresql_where=sa.text("reading IS NULL"),
    )
    op.create_table(
        "incident",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("stamps", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("exercise", sa.Boolean(), nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_index(op.f("ix_incident_status"), "incident", ["status"], unique=False)
    op.create_table(
        "journal",
        sa.Column("seq", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("connection", sa.String(length=40), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("payload_sha", sa.String(length=64), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal")),
    )
    op.create_index(op.f("ix_journal_incident_id"), "journal", ["incident_id"], unique=False)
    op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_head")),
    )
    op.create_table(
        "journal_payload",
        sa.Column("seq", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal_payload")),
    )
    op.create_table(
        "journal_shredded",
        sa.Column("seq", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal_shredded")),
    )
    op.create_table(
        "lease",
        sa.Column("lane", sa.String(length=80), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.Column("poll_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("poll_soon", sa.Boolean(), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_lease")),
    )
    op.create_table(
        "timer",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timer")),
        sa.UniqueConstraint("key", name=op.f("uq_timer_key")),
    )
    op.create_index(op.f("ix_timer_due_at"), "timer", ["due_at"], unique=False)
    op.create_table(
        "comment",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", BIG_ID, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("visibility", sa.String(length=10), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_comment_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
    )
    op.create_index(op.f("ix_comment_incident_id"), "comment", ["incident_id"], unique=False)
    op.create_table(
        "grouping",
        sa.Column("group_key", sa.String(length=200), nullable=False),
        sa.Column("incident_id", BIG_ID, nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_grouping_incident_id")),
        sa.PrimaryKeyConstraint("group_key", name=op.f("pk_grouping")),
    )
    op.create_index(op.f("ix_grouping_incident_id"), "grouping", ["incident_id"], unique=False)
    op.create_table(
        "relation",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("connection", sa.String(length=40), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_relation_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relation")),
        sa.UniqueConstraint(
            "incident_id", "kind", "connection", "ref", name=op.f("uq_relation_incident_id_kind_connection_ref")
        ),
    )
    op.create_table(
        "replica",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", BIG_ID, nullable=False),
        sa.Column("connection", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.Column("ledger", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("conflicts", sa.Text(), nullable=False),
        sa.Column("trail", sa.Text(), nullable=False),
        sa.Column("dirty", sa.Boolean(), nullable=False),
        sa.Column("dirty_since", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("parked", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_replica_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replica")),
        sa.UniqueConstraint("connection", "ref", name=op.f("uq_replica_connection_ref")),
        sa.UniqueConstraint("incident_id", "connection", name=op.f("uq_replica_incident_id_connection")),
        sa.UniqueConstraint("token", name=op.f("uq_replica_token")),
    )
    op.create_index(
        "ix_replica_dirty",
        "replica",
        ["connection", "id"],
        unique=False,
        sqlite_where=sa.text("dirty"),
        postgresql_where=sa.text("dirty"),
    )
    op.create_index(
        "ix_replica_held",
        "replica",
        ["id"],
        unique=False,
        sqlite_where=sa.text("conflicts <> '{}'"),
        postgresql_where=sa.text("conflicts <> '{}'"),
    )
    op.create_index(
        "ix_replica_parked",
        "replica",
        ["state"],
        unique=False,
        sqlite_where=sa.text("state = 'parked'"),
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.create_table(
        "signal",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("connection", sa.String(length=40), nullable=False),
        sa.Column("episode", sa.String(length=200), nullable=False),
        sa.Column("incident_id", BIG_ID, nullable=True),
        sa.Column("group_key", sa.String(length=200), nullable=False),
        sa.Column("firing", sa.Boolean(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("acted", sa.String(length=12), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("act_until", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("parked", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_signal_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal")),
        sa.UniqueConstraint("connection", "episode", name=op.f("uq_signal_connection_episode")),
    )
    op.create_index(
        "ix_signal_parked",
        "signal",
        ["id"],
        unique=False,
        sqlite_where=sa.text("parked <> ''"),
        postgresql_where=sa.text("parked <> ''"),
    )
    op.create_index(
        "ix_signal_act",
        "signal",
        ["connection"],
        unique=False,
        sqlite_where=sa.text("act <> acted"),
        postgresql_where=sa.text("act <> acted"),
    )
    op.create_index(
        "ix_signal_firing",
        "signal",
        ["group_key"],
        unique=False,
        sqlite_where=sa.text("firing"),
        postgresql_where=sa.text("firing"),
    )
    op.create_index(op.f("ix_signal_incident_id"), "signal", ["incident_id"], unique=False)
    op.create_table(
        "twin",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("comment_id", BIG_ID, nullable=False),
        sa.Column("connection", sa.String(length=40), nullable=False),
        sa.Column("replica_id", BIG_ID, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("remote_id", sa.String(length=200), nullable=True),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("parked", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_twin_comment_id")),
        sa.ForeignKeyConstraint(["replica_id"], ["replica.id"], name=op.f("fk_twin_replica_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_twin")),
        sa.UniqueConstraint("comment_id", "connection", name=op.f("uq_twin_comment_id_connection")),
        sa.UniqueConstraint("replica_id", "remote_id", name=op.f("uq_twin_replica_id_remote_id")),
        sa.UniqueConstraint("token", name=op.f("uq_twin_token")),
    )
    op.create_index(
        "ix_twin_parked",
        "twin",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'parked'"),
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.create_index(
        "ix_twin_wanted",
        "twin",
        ["connection", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('wanted', 'sending')"),
        postgresql_where=sa.text("state IN ('wanted', 'sending')"),
    )
    install_journal(op.get_bind())
