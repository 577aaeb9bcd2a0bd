"""The connections that the page on reaching a tool shows are accepted, and ask for what the adapters need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, Block, blocks

from tieline.adapters.jira.schema import NEEDED, USEFUL
from tieline.adapters.jira.settings import JiraSettings
from tieline.adapters.pagerduty.settings import SCOPES, PagerDutySettings
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.core.config import load_text

pytest.importorskip("cryptography.x509")
from tests.threats.authority import Authority

PAGE = DOCS / "how-to" / "reach-a-tool.md"
WHOLE = [one for one in blocks(PAGE) if one.file]
"""The connections that are shown from their first line to their last."""

PERMISSIONS = {"USER_PICKER": "Browse users and groups"}
"""What Jira's screens call otherwise than its API."""


def test_there_is_a_whole_connection_for_each_way() -> None:
    assert {one.file for one in WHOLE} == {
        "servicenow.yaml", "servicenow-refresh.yaml", "jira.yaml", "jira-consent.yaml", "pagerduty.yaml",
    }  # fmt: skip


@pytest.mark.parametrize("block", WHOLE, ids=lambda one: str(one.file))
def test_the_connection_is_accepted(block: Block, tmp_path: Path) -> None:
    Authority(tmp_path)  # puts its ca.pem there
    text = f"tieline: 1\nconnections:\n{block.text}"
    config, registry = load_text(text, tmp_path / "tieline.yaml")
    registry.close()
    (connection,) = config.connections.values()
    settings = connection.settings
    assert isinstance(settings, ServiceNowSettings | JiraSettings | PagerDutySettings)
    assert settings.oauth is not None
    if isinstance(settings, PagerDutySettings) and settings.oauth is not None:
        assert settings.oauth.scopes == SCOPES


def test_the_page_names_every_permission_that_check_looks_for() -> None:
    said = " ".join(PAGE.read_text(encoding="utf-8").split())
    for permission in (*NEEDED, *USEFUL):
        words = PERMISSIONS.get(permission, permission.replace("_", " ").title())
        assert re.search(rf"\b{words}\b", said), permission
