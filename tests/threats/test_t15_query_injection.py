"""T15: a key that is looked for is a value, whatever characters it has: it finds its own record or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.threats.conftest import Tally, cases

from tieline.adapters.jira.jql import quoted
from tieline.adapters.jira.simulated.desk import Desk
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.adapters.prometheus.promql import selector
from tieline.adapters.servicenow.query import condition
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.core.errors import RemoteError
from tieline.core.port import Token

SPECIAL = [
    "^OR",
    "^NQ",
    "^EQ",
    "sys_idISNOTEMPTY",
    '"',
    "\\",
    "'",
    " OR 1=1",
    " ORDER BY ",
    "javascript:",
    "%",
    "*",
    "\n",
    "&",
]
KEYS = st.lists(st.sampled_from(SPECIAL) | st.text(max_size=6), max_size=5).map("".join)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("tool", ["servicenow", "pagerduty", "jira"])
def test_a_foreign_key_finds_nothing_that_is_not_its_own(tool: str, tally: Tally) -> None:
    driver = {"servicenow": ServiceNowDriver, "pagerduty": PagerDutyDriver}.get(tool)
    source: Any = driver().connect() if driver is not None else Desk().connect()
    body = driver().new_body("somebody else's") if driver is not None else {}
    if driver is not None:
        source.create(body, Token("tl-somebody-elses"))
    played: list[int] = []

    @settings(
        max_examples=cases(60, 10_000),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(KEYS)
    def look(key: str) -> None:
        for ask in (source.find, source.person_id):
            try:
                found = ask(key)
            except (RemoteError, ValueError):
                continue  # refused is as good as not found
            assert found is None or getattr(found, "token", None) == key, key
        played.append(1)

    look()
    tally(len(played))


@pytest.mark.timeout(0)
def test_a_value_never_leaves_its_quotes(tally: Tally) -> None:
    played: list[int] = []

    @settings(max_examples=cases(200, 10_000), deadline=None)
    @given(KEYS)
    def build(key: str) -> None:
        inner = quoted(key)[1:-1]
        assert '"' not in inner.replace("\\\\", "").replace('\\"', "")
        assert inner.replace("\\\\", "").replace('\\"', "").count("\\") == 0
        metric = selector("up", {"job": key})
        assert '"' not in metric[len('up{job="') : -2].replace("\\\\", "").replace('\\"', "")
        try:
            made = condition("correlation_id", "=", key)
        except ValueError:
            played.append(1)
            return
        assert "^" not in made.removeprefix("correlation_id=").replace("^^", "")
        played.append(1)

    build()
    tally(len(played))
