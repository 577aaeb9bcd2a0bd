"""A create whose outcome nobody knows is in doubt, and what nobody knows of it is null."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Until now its state had another name, and an intent without fields said that nobody knows them."""
    op.execute("UPDATE replica SET state = 'in_doubt' WHERE state = 'creating'")
    op.execute("""UPDATE replica SET intent = replace(intent, '"fields":{}', '"fields"\\:null')""")
