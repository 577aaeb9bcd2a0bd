"""Alembic's entry: runs the revisions on the connection that `tieline.core.store.migrate` hands over."""

from alembic import context

from tieline.core.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
