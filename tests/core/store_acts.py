"""What the tests of the store write and read: cursors, because they are short."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select

from tieline.core import journal
from tieline.core.store import tables as t
from tieline.core.store.store import Store, Transaction

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
COUNT = select(func.count()).select_from(t.cursor)


def put(tx: Transaction, name: str, cursor: str = "1") -> None:
    tx.execute(insert(t.cursor), {"connection": name, "cursor": cursor, "polled_at": NOON})


def names(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(select(t.cursor.c.connection)).scalars())


def entry(number: int = 1) -> journal.Entry:
    return journal.Entry(NOON, "changed", number, "snow-prod", "tieline", "ours_newer", {"n": number})


def in_threads(*calls: Callable[[], Any]) -> None:
    """Run side by side; what any of them raises is raised here."""
    errors: list[BaseException] = []

    def run(call: Callable[[], Any]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
