"""The job engine's own tables: made once, whoever comes first, and moved forward without harming older workers."""

import threading

import psycopg
import pytest
from tests.core.store_backends import postgres_database, postgres_server

from tieline.sync.daemon.jobs.schema import install, pending

__all__ = ["postgres_database", "postgres_server"]

pytestmark = pytest.mark.xdist_group("fleet")


def test_workers_that_start_at_once_make_the_tables_once(postgres_database):
    done: list[list[str]] = []
    threads = [threading.Thread(target=lambda: done.append(install(postgres_database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[], [], [], ["schema.sql"]]
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT count(*) FROM procrastinate_jobs").fetchone() == (0,)


@pytest.mark.parametrize(
    ("applied", "run"),
    [
        ("3.4_50_post", []),
        ("3.3_50_post", ["3.4_01_pre"]),
        ("3.4_01_pre", []),
        ("3.2_01_pre", ["3.2_50_post", "3.3_01_pre", "3.3_50_post", "3.4_01_pre"]),
    ],
)
def test_what_old_workers_do_not_survive_waits_for_the_next_release(applied, run):
    files = [f"3.{minor}_{step}" for minor in (2, 3, 4) for step in ("01_pre_x", "50_post_x")]
    long = {file[: -len("_x")]: file for file in files}
    assert pending(files, long[applied]) == [long[file] for file in run]
