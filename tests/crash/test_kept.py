"""Whatever was answered 2xx is there afterwards, exactly once: a real daemon, real sockets, and kills under load."""

import pytest
from tests.crash.commands import crash, needs_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_what_was_acknowledged_is_kept_when_the_daemon_is_killed_or_stopped(tmp_path):
    figures = crash(tmp_path, "kept", "--kills", "8", "--each", "300")
    assert figures["failures"] == []
    assert figures["lost"] == figures["twice"] == 0
    assert figures["acknowledged"] > 8 * 150
    assert figures["deaths"] == {"kill": 4, "term": 4}


def test_and_when_the_database_server_is_killed(tmp_path):
    needs_postgres()
    figures = crash(
        tmp_path, "kept", "--store", "postgresql", "--kills", "4", "--deaths", "kill,server", "--each", "300"
    )
    assert figures["failures"] == []
    assert figures["acknowledged"] > 4 * 150
    assert figures["deaths"] == {"kill": 2, "server": 2}
