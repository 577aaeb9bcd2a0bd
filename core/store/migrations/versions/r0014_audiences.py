"""A comment is for an audience. Until now it was internal or public: what tools show to staff, and to customers."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """The journal's entries stay as they were hashed, and are read as today's."""
    op.execute("ALTER TABLE comment RENAME COLUMN visibility TO audience")
    op.execute("UPDATE comment SET audience = CASE audience WHEN 'public' THEN 'customers' ELSE 'staff' END")
