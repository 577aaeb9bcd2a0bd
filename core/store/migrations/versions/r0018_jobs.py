"""Long work that is done step by step, and what it comes to; who signs in with a browser; how bad each item is, and
which team and service it lies in, by which lists of them go; and what somebody else is to approve first or review
afterwards."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_RANKS = {"critical": 50, "high": 40, "medium": 30, "low": 20, "info": 10}
_UNKNOWN = 35
AT_ONCE = 1_000
LONGEST_SCOPE = 200
"""Characters of a scope as it is written, `team:` among them."""

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """There was none of it before."""
    _jobs()
    _sessions()
    _ranks()
    _scopes()
    _proposals()
    _policies()


def _policies() -> None:
    op.create_table(
        "policy",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("sha", sa.String(64), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "revision", name=op.f("pk_policy")),
    )


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("ask", sa.Text(), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("steps", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("of", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("stepped_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("parked", sa.Text(), nullable=False),
        sa.Column("worker", sa.String(80), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    for name, columns, where in (
        ("ix_job_running", ["stepped_at", "id"], "status = 'running'"),
        ("ix_job_parked", ["id"], "status = 'parked'"),
    ):
        op.create_index(name, "job", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table(
        "job_item",
        sa.Column("job", _ID, nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["job.id"], name=op.f("fk_job_item_job")),
        sa.PrimaryKeyConstraint("job", "incident_id", name=op.f("pk_job_item")),
    )
    op.create_index(op.f("ix_job_item_incident_id"), "job_item", ["incident_id"])
    op.create_table(
        "blob",
        sa.Column("job", _ID, nullable=False),
        sa.Column("sha", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("readers", sa.String(60), nullable=False),
        sa.Column("retention", sa.String(40), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["job.id"], name=op.f("fk_blob_job")),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_blob")),
    )


def _sessions() -> None:
    op.create_table(
        "local_account",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("person", sa.String(24), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("code_until", sa.BigInteger(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_local_account")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_local_account_person_person")),
    )
    op.create_index(op.f("ix_local_account_person"), "local_account", ["person"])
    op.create_table(
        "session",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("person", sa.String(24), nullable=False),
        sa.Column("token", sa.String(20), nullable=False),
        sa.Column("account", sa.String(60), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_session_person_person")),
    )
    op.create_index(op.f("ix_session_person"), "session", ["person"])
    op.create_index(op.f("ix_session_until"), "session", ["until"])


def _ranks() -> None:
    column = sa.Column("rank", sa.Integer(), nullable=False, server_default=sa.text(f"'{_UNKNOWN}'"))
    op.add_column("incident", column)
    severity = "json_extract(fields, '$.severity')"
    if op.get_bind().dialect.name != "sqlite":
        severity = "CAST(fields AS json) ->> 'severity'"
    cases = " ".join(f"WHEN '{word}' THEN {rank}" for word, rank in _RANKS.items())
    op.execute(f"UPDATE incident SET rank = CASE {severity} {cases} ELSE {_UNKNOWN} END")  # noqa: S608 - our own words
    still_open = sa.text("status IN ('new', 'in_progress', 'on_hold')")
    op.create_index(
        "ix_incident_open",
        "incident",
        ["kind", "rank", "opened_at", "id", "restricted"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )


def _scopes() -> None:
    for name in ("team", "service"):
        op.add_column("incident", sa.Column(name, sa.String(200), nullable=False, server_default=sa.text("''")))
    connection, last = op.get_bind(), 0
    page = sa.text("SELECT id, fields FROM incident WHERE id > :last ORDER BY id LIMIT :most")
    write = sa.text("UPDATE incident SET team = :team, service = :service WHERE id = :id")
    while rows := connection.execute(page, {"last": last, "most": AT_ONCE}).all():
        last = rows[-1].id
        found = [{"id": row.id, **_scopes_of(json.loads(row.fields))} for row in rows]
        if placed := [one for one in found if one["team"] or one["service"]]:
            connection.execute(write, placed)
    for name in ("team", "service"):
        some = sa.text(f"{name} <> ''")
        op.create_index(f"ix_incident_{name}", "incident", [name, "id"], sqlite_where=some, postgresql_where=some)


def _scopes_of(fields: dict[str, Any]) -> dict[str, str]:
    return {name: _scope(name, str(fields.get(name) or "")) for name in ("team", "service")}


def _scope(kind: str, name: str) -> str:
    is_one = name.strip() and name.isprintable() and len(f"{kind}:{name}") <= LONGEST_SCOPE
    return name if is_one else ""


def _proposals() -> None:
    op.create_table(
        "proposal",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("label", sa.String(20), nullable=False),
        sa.Column("act", sa.String(60), nullable=False),
        sa.Column("ask", sa.Text(), nullable=False),
        sa.Column("asker", sa.String(24), nullable=False),
        sa.Column("token", sa.String(20), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column("rights", sa.Text(), nullable=False),
        sa.Column("approvals", sa.Text(), nullable=False),
        sa.Column("sha", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["asker"], ["person.id"], name=op.f("fk_proposal_asker_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
        sa.UniqueConstraint("label", name=op.f("uq_proposal_label")),
    )
    is_open = sa.text("state = 'open'")
    op.create_index("ix_proposal_open", "proposal", ["until"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "review",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("label", sa.String(20), nullable=False),
        sa.Column("act", sa.String(60), nullable=False),
        sa.Column("person", sa.String(24), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(24), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_review_person_person")),
        sa.ForeignKeyConstraint(["closed_by"], ["person.id"], name=op.f("fk_review_closed_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("label", name=op.f("uq_review_label")),
    )
    is_waiting = sa.text("closed_at IS NULL")
    op.create_index("ix_review_open", "review", ["opened_at"], sqlite_where=is_waiting, postgresql_where=is_waiting)
