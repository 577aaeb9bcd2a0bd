"""The shipped mappings on the simulated sites: what is written there reads back as what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.adapters.jira.adapter import JiraAdapter
from tieline.adapters.jira.plugin import tieline_adapters
from tieline.adapters.jira.settings import JsmSettings
from tieline.adapters.jira.simulated.desk import Desk
from tieline.core.model import Fields, Status
from tieline.core.port import Reading, Token
from tieline.mappings import load

DESCRIPTION = "# What we know\n\n- disk full on **db1**\n- see https://runbooks.example/disk\n\n```\ndf -h\n```"
FIXED: dict[str, Any] = {"resolution": {"name": "Done"}}


def connected(tool: str) -> JiraAdapter:
    desk = Desk(cloud=tool != "jira-dc")
    if tool == "jira-jsm":
        return desk.connect(kind=JsmSettings)
    return desk.connect(transition_fields=FIXED)


def ids_of(adapter: JiraAdapter, *emails: str) -> dict[str, str]:
    found = {email: adapter.person_id(email) for email in emails}
    return {email: identity for email, identity in found.items() if identity is not None}


def written(adapter: JiraAdapter, mapping: Any, reading: Reading, fields: Fields) -> Reading:
    """The difference between what the tool holds and what is meant, as the engine writes it."""
    ids = ids_of(adapter, *mapping.people_in(fields))
    said = mapping.normalize(reading.body, reading.people).fields
    difference = {name: value for name, value in mapping.project(fields, ids).items() if said.get(name) != value}
    patch = mapping.denormalize(difference, fields, ids).body
    return adapter.update(reading.ref, patch, reading.version) if patch else reading


@pytest.mark.parametrize("tool", [kind.tool for kind in tieline_adapters()])
def test_an_incidents_life_reads_back_as_it_was_meant(tool: str) -> None:
    mapping = load(next(kind.mapping for kind in tieline_adapters() if kind.tool == tool))
    adapter = connected(tool)
    assert adapter.check().account
    fields: dict[str, Any] = {
        "title": "Disk full 🔥",
        "description": DESCRIPTION,
        "priority": "p2",
        "tags": ("db", "sev2"),
        "assignee": "anna@example.com",
    }
    ids = ids_of(adapter, "anna@example.com")
    body = mapping.denormalize({**fields, "status": "new"}, {**fields, "status": "new"}, ids, creating=True).body
    reading = adapter.create(body, Token("01J"))
    assert "unfinished" not in reading.annotations
    for status in (*Status, Status.IN_PROGRESS):
        meant = {**fields, "status": status.value, "close_code": "fixed"}
        reading = written(adapter, mapping, reading, meant)
        read = mapping.normalize(reading.body, reading.people)
        projected = mapping.project(meant, ids)
        assert not read.unmapped
        wanted = {name: projected[name] for name in ("title", "description", "priority", "tags", "assignee", "status")}
        assert {name: read.fields[name] for name in wanted} == wanted
        assert written(adapter, mapping, reading, meant) is reading, "what was written is not written again"
