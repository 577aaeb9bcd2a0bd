"""What a worker needs."""

from tests.core.store_backends import postgres_database, postgres_server
from tests.sync.conftest import world

__all__ = ["postgres_database", "postgres_server", "world"]
