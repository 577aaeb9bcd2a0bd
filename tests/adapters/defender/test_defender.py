"""What is Defender's own: incidents that it alone makes and merges, words in either case, comments without ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tieline.adapters.defender.driver import DefenderDriver
from tieline.adapters.defender.simulator import PERSON
from tieline.core.config import load_text
from tieline.core.errors import ConfigError, Rejected
from tieline.core.marks import marked
from tieline.core.model import Audience
from tieline.core.port import Ref, Token

TOKEN = Token("tieline-0f3a")
WORKSPACE = """
tieline: 1
store: sqlite:///here.db
connections:
  xdr:
    tool: defender
    tenant: acme.example
    client_id: 5c1f0000-0000-4000-8000-0000000c11e7
    client_secret: {env: XDR_SECRET}
"""


@pytest.fixture
def tool() -> DefenderDriver:
    return DefenderDriver()


def told(tool: DefenderDriver, ref: Ref) -> dict[str, Any]:
    return dict(tool.simulator.incidents[ref])


def test_nothing_is_copied_into_a_tool_that_makes_its_records_itself(tool: DefenderDriver, tmp_path: Path) -> None:
    config, registry = load_text(WORKSPACE, tmp_path / "tieline.yaml")
    registry.close()
    (connection,) = config.connections.values()
    assert not connection.copies.holds({})
    with pytest.raises(ConfigError, match=r"CFG017 .*makes its records itself"):
        load_text(f"{WORKSPACE}    copies: true\n", tmp_path / "tieline.yaml")
    with pytest.raises(Rejected, match="takes none from outside"):
        tool.connect().create({"displayName": "Disk full"}, TOKEN)


@pytest.mark.parametrize(
    ("patch", "native", "tags"),
    [
        ({"status": "on hold"}, "inProgress", ["vip", "status: on hold"]),
        ({"status": "closed"}, "resolved", ["vip", "status: closed"]),
        ({"status": "cancelled", "customTags": ["vip", "eu"]}, "resolved", ["vip", "eu", "status: cancelled"]),
        ({"status": "resolved"}, "resolved", ["vip"]),
    ],
)
def test_a_word_that_defender_lacks_is_a_tag_beside_the_nearest_word(
    tool: DefenderDriver, patch: dict[str, Any], native: str, tags: list[str]
) -> None:
    ref, adapter = tool.make("Malware"), tool.connect()
    tool.edit(ref, {"customTags": ["vip"]})
    after = adapter.update(ref, patch, adapter.read(ref).version)
    assert {name: after.body[name] for name in patch} == patch
    assert (told(tool, ref)["status"], told(tool, ref)["customTags"]) == (native, tags)


def test_what_a_person_sets_beside_our_tag_counts(tool: DefenderDriver) -> None:
    ref, adapter = tool.make("Malware"), tool.connect()
    tool.edit(ref, {"customTags": ["status: on hold"], "status": "Resolved"})
    read = adapter.read(ref)
    assert (read.body["status"], read.body["customTags"]) == ("resolved", [])


def test_another_classification_takes_a_determination_that_fits(tool: DefenderDriver) -> None:
    ref, adapter = tool.make("Malware"), tool.connect()
    tool.edit(ref, {"classification": "TruePositive", "determination": "malware"})
    seen = adapter.update(ref, {"classification": "truePositive", "status": "resolved"}, adapter.read(ref).version)
    assert told(tool, ref)["determination"] == "malware", "one that is there and fits stays"
    adapter.update(ref, {"classification": "falsePositive"}, seen.version)
    assert told(tool, ref)["determination"] == "other"


def test_one_that_was_merged_leads_to_the_other_and_takes_no_status(tool: DefenderDriver) -> None:
    ref, into, adapter = tool.make("Malware"), tool.make("Multi-stage"), tool.connect()
    tool.merge(ref, into)
    read = adapter.read(ref)
    assert read.merged_into == into
    with pytest.raises(Rejected, match="merged into another one"):
        adapter.update(ref, {"status": "active"}, read.version)


def test_it_waits_for_somebody_only_where_all_words_are_asked_for(tool: DefenderDriver) -> None:
    ref = tool.make("Malware")
    tool.edit(ref, {"status": "awaitingAction"})
    assert tool.connect().read(ref).body["status"] == "awaitingAction"


def test_two_that_say_the_same_are_two_and_a_mark_that_was_copied_is_nobodys(tool: DefenderDriver) -> None:
    ref, adapter = tool.make("Malware"), tool.connect()
    ours = adapter.add_comment(ref, "Isolated.", Audience.STAFF, TOKEN)
    tool.simulator.say(ref, marked("Isolated.", TOKEN), PERSON)
    first, second = adapter.comments(ref)
    assert (first, first.token, first.body) == (ours, TOKEN, "Isolated.")
    assert (second.ours, second.token, second.body) == (False, None, marked("Isolated.", TOKEN))
    assert first.id != second.id


def test_what_defender_writes_itself_is_refused_by_name(tool: DefenderDriver) -> None:
    ref, adapter = tool.make("Malware"), tool.connect()
    with pytest.raises(Rejected) as caught:
        adapter.update(ref, {"displayName": "Phishing", "severity": "high"}, adapter.read(ref).version)
    assert set(caught.value.refused) == {"displayName", "severity"}
