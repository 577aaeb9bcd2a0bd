"""What tools say by webhook of alerts, down the whole road: once, again, changed, over, and all that can be wrong."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select
from tests.adapters.webhook.senders import SECRET, SENDERS, Sender, with_word

from tieline.adapters.testing.clock import ManualClock
from tieline.core.config import load_text
from tieline.core.errors import Forged
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Receiver
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync import explain
from tieline.sync.build import build
from tieline.sync.daemon.lane import Lane
from tieline.sync.intake.intake import Intake

NAMES = itertools.count(1)


class Ward:
    """A Tieline that listens to every sender."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        file = folder / "tieline.yaml"
        lines = ["tieline: 1", f"store: 'sqlite:///{folder}/ward.db'", "plugins: [severity]", "connections:"]
        for name, sender in SENDERS.items():
            options = {"tool": "webhook", "mapping": sender.mapping, **sender.settings("{env: TIELINE_TEST_ANY}")}
            words = (f"{key}: {_yaml(value)}" for key, value in options.items())
            lines.append(f"  {name}: {{{', '.join(words)}}}")
        file.write_text("\n".join(lines), encoding="utf-8")
        config, registry = load_text(file.read_bytes(), file)
        self.store = Store.open(config.store)
        self.store.migrate()
        self.engine = build(
            config,
            self.store,
            registry,
            clock=self.clock,
            sleep=self.clock.advance,
            wake=lambda _name: None,
            dice=random.Random(7),
        )
        self.intake = Intake(self.engine)
        self.lanes = {name: Lane(self.engine, here) for name, here in self.engine.connections.items()}

    def take(self, name: str, delivery: Delivery) -> bool:
        """A delivery comes in; answers whether it was new."""
        here = self.engine.connections[ConnectionName(name)]
        receiver = cast("Receiver", here.source)
        self.clock.advance(1)
        receiver.verify(delivery, self.clock.now())
        [new] = self.intake.store([(here.name, receiver.parse(delivery))])
        while self.lanes[here.name].step():
            pass
        return new

    def signals(self, name: str) -> list[Any]:
        """What is known of the alerts of a sender, the newest first."""
        with self.store.read() as connection:
            found = select(t.signal).where(t.signal.c.connection == name).order_by(t.signal.c.id.desc())
            return list(connection.execute(found))

    def status(self, name: str) -> str:
        """The status of the incident that its newest alert belongs to."""
        with self.store.read() as connection:
            incidents = {one.id: one for one, _copies in explain.incidents(connection)}
        return str(incidents[self.signals(name)[0].incident_id].fields["status"])


def _yaml(value: Any) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIELINE_TEST_ANY", SECRET)
        one = Ward(tmp_path_factory.mktemp("ward"))
        yield one
        one.store.close()
        one.engine.registry.close()


@pytest.fixture(params=sorted(SENDERS))
def sender(request: pytest.FixtureRequest) -> Sender:
    return SENDERS[request.param]


def fresh() -> str:
    """A name that no alert had before."""
    return f"a{next(NAMES)}"


def test_an_alert_fires_and_its_end_resolves_the_incident(ward: Ward, sender: Sender) -> None:
    name = fresh()
    assert ward.take(sender.tool, sender.delivery(sender.tell(name, True, "It is bad"), f"{name}-1"))
    [newest, *_] = ward.signals(sender.tool)
    assert newest.firing
    assert newest.fields["severity"] == sender.severity
    assert "It is bad" in newest.fields[sender.described]
    assert ward.status(sender.tool) == "new"
    assert ward.take(sender.tool, sender.delivery(sender.tell(name, False, "It is bad"), f"{name}-2"))
    assert not ward.signals(sender.tool)[0].firing
    assert ward.status(sender.tool) == "resolved"


def test_a_repeated_delivery_is_known_again(ward: Ward, sender: Sender) -> None:
    name = fresh()
    delivery = sender.delivery(sender.tell(name, True, "It is bad"), name)
    before = len(ward.signals(sender.tool))
    assert [ward.take(sender.tool, delivery), ward.take(sender.tool, delivery)] == [True, False]
    assert len(ward.signals(sender.tool)) == before + 1


def test_an_alert_that_says_something_else_is_the_same_alert(ward: Ward, sender: Sender) -> None:
    name = fresh()
    ward.take(sender.tool, sender.delivery(sender.tell(name, True, "It is bad"), f"{name}-1"))
    before = len(ward.signals(sender.tool))
    later = sender.tell(name, True, "It is worse")
    if sender.tool == "checkmk":
        later["micro_time"] = "1780308060000000"
    if sender.tool == "uptime-kuma":
        later["heartbeat"]["time"] = "2026-06-01 10:01:00.000"
    if sender.tool == "healthchecks":
        later["now"] = "2026-06-01T10:01:00+00:00"
    assert ward.take(sender.tool, sender.delivery(later, f"{name}-2"))
    [newest, *rest] = ward.signals(sender.tool)
    assert (len(rest) + 1, newest.firing) == (before, True)
    assert "It is worse" in newest.fields[sender.described]


def test_a_beginning_that_is_replayed_after_the_end_fires_nothing(ward: Ward, sender: Sender) -> None:
    if sender.tool == "dynatrace":
        return  # it opens a problem again in the same words: see below
    name = fresh()
    begins = sender.delivery(sender.tell(name, True, "It is bad"), f"{name}-1")
    ward.take(sender.tool, begins)
    ward.take(sender.tool, sender.delivery(sender.tell(name, False, "It is bad"), f"{name}-2"))
    ward.clock.advance(3600)
    assert not ward.take(sender.tool, begins)
    assert ward.status(sender.tool) == "resolved"


def test_a_signed_end_that_is_replayed_under_another_number_ends_nothing(ward: Ward) -> None:
    sender, name = SENDERS["sentry"], fresh()
    ends = sender.tell(name, False, "It is bad")
    ward.take(sender.tool, sender.delivery(sender.tell(name, True, "It is bad"), f"{name}-1"))
    ward.take(sender.tool, sender.delivery(ends, f"{name}-2"))
    ward.take(sender.tool, sender.delivery(sender.tell(name, True, "It is bad again"), f"{name}-3"))
    assert not ward.take(sender.tool, sender.delivery(ends, f"{name}-4"))
    assert ward.signals(sender.tool)[0].firing


def test_a_problem_that_is_opened_again_in_the_same_words_fires_again(ward: Ward) -> None:
    sender, name = SENDERS["dynatrace"], fresh()
    begins = sender.delivery(sender.tell(name, True, "It is bad"))
    ward.take(sender.tool, begins)
    ward.take(sender.tool, sender.delivery(sender.tell(name, False, "It is bad")))
    ward.clock.advance(600)
    assert ward.take(sender.tool, begins)
    assert ward.signals(sender.tool)[0].firing


def test_a_severity_that_nobody_knows_is_told_and_not_taken_for_a_calm_one(ward: Ward, sender: Sender) -> None:
    if not sender.unknown:
        return  # its state is all that says how bad it is
    told = sender.tell(fresh(), True, "It is bad")
    told = with_word(told, sender.unknown, "purple")
    ward.take(sender.tool, sender.delivery(told, fresh()))
    [newest, *_] = ward.signals(sender.tool)
    assert newest.firing
    assert newest.fields.get("severity") is None
    assert newest.fields["severity_word"] == "purple"


def test_a_state_that_nobody_knows_ends_no_alert_and_is_put_aside_by_name(ward: Ward, sender: Sender) -> None:
    name = fresh()
    ward.take(sender.tool, sender.delivery(sender.tell(name, True, "It is bad"), f"{name}-1"))
    odd = with_word(sender.tell(name, True, "It is odd"), sender.state, "MELTING")
    ward.take(sender.tool, sender.delivery(odd, f"{name}-2"))
    assert ward.signals(sender.tool)[0].firing
    with ward.store.read() as connection:
        sentences = connection.execute(select(t.inbox.c.parked).where(t.inbox.c.connection == sender.tool)).scalars()
        assert any("MELTING" in sentence for sentence in sentences)


def test_a_forged_delivery_is_refused(ward: Ward, sender: Sender) -> None:
    true = sender.delivery(sender.tell(fresh(), True, "It is bad"))
    forged = [
        sender.delivery(sender.tell(fresh(), True, "It is bad"), secret="of another tenant"),
        replace(true, headers={"content-type": "application/json"}),
    ]
    if sender.proof == "hmac":
        forged.append(replace(true, body=true.body.replace(b"bad", b"sad")))
    for one in forged:
        with pytest.raises(Forged):
            ward.take(sender.tool, one)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"<html>no</html>", b'{"a": 1}', b"[{}]"])
def test_a_malformed_delivery_is_refused_with_a_sentence(ward: Ward, sender: Sender, body: bytes) -> None:
    receiver = cast("Receiver", ward.engine.connections[ConnectionName(sender.tool)].source)
    try:
        received = receiver.parse(Delivery({"content-type": "application/json"}, body))
    except ValueError as error:
        assert len(str(error)) > 10
    else:
        assert received.hints == ()


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("uptime-kuma", {"heartbeat": None, "monitor": None, "msg": "Testing"}),
        ("uptime-kuma", with_word(SENDERS["uptime-kuma"].tell("m", True, "x"), ("heartbeat", "status"), 3)),
        ("google-cloud", {"version": "test", "incident": {"incident_id": "12345", "state": "open"}}),
        (
            "dynatrace",
            with_word(
                SENDERS["dynatrace"].tell("99999", True, "x"),
                ("ProblemTitle",),
                "Dynatrace problem notification test run",
            ),
        ),
        (
            "checkmk",
            with_word(SENDERS["checkmk"].tell("db1", True, "x"), ("notification_type",), "ACKNOWLEDGEMENT"),
        ),
        ("sentry", with_word(SENDERS["sentry"].tell("1", False, "x"), ("action",), "assigned")),
    ],
)
def test_what_is_about_no_alert_is_taken_and_leads_to_nothing(ward: Ward, tool: str, told: dict[str, Any]) -> None:
    before = len(ward.signals(tool))
    assert ward.take(tool, SENDERS[tool].delivery(told, fresh()))
    assert len(ward.signals(tool)) == before


WORDS = ["x" * 40_000, "🔥 👩‍🚒", "\u202eexe.gnp قاعدة", "a\x00b\x1b[31m", "<script>alert(1)</script>{{7*7}}"]


@pytest.mark.parametrize("words", WORDS, ids=["long", "emoji", "right to left", "control", "markup"])
def test_whatever_people_write_fires(ward: Ward, sender: Sender, words: str) -> None:
    name = fresh()
    assert ward.take(sender.tool, sender.delivery(sender.tell(name, True, words), name))
    assert ward.signals(sender.tool)[0].firing


def test_a_name_that_is_longer_than_the_store_takes_is_told_from_others_all_the_same(ward: Ward) -> None:
    sender = SENDERS["new-relic"]
    before = len(ward.signals(sender.tool))
    for end in ("a", "b"):
        ward.take(sender.tool, sender.delivery(sender.tell("n" * 5_000 + end, True, "It is bad")))
    assert len(ward.signals(sender.tool)) == before + 2


def test_alerts_of_two_rules_are_told_apart_by_their_labels(ward: Ward, sender: Sender) -> None:
    rules: set[str] = set()
    for words in ("It is bad", "It is hot"):
        told = json.dumps(sender.tell(fresh(), True, words)).replace("memory above", words).replace("Too many", words)
        told = told.replace("Failure rate", words).replace("Filesystem", words).replace('"Shop"', json.dumps(words))
        ward.take(sender.tool, sender.delivery(json.loads(told), fresh()))
        rules.add(ward.signals(sender.tool)[0].labels["alertname"])
    assert len(rules) == 2


def test_an_issue_alert_of_sentry_and_a_metric_alert_with_its_number_are_two(ward: Ward) -> None:
    sender, number = SENDERS["sentry"], "4711"
    alert = {"id": number, "identifier": "4", "date_started": "2026-06-01T10:00:00Z"}
    metric = {"action": "critical", "data": {"metric_alert": alert, "description_title": "Critical: errors"}}
    ward.take(sender.tool, sender.delivery(sender.tell(number, True, "It is bad"), "m-1"))
    ward.take(sender.tool, sender.delivery(metric, "m-2"))
    ward.take(sender.tool, sender.delivery({**metric, "action": "resolved"}, "m-3"))
    fires = {one.episode: one.firing for one in ward.signals(sender.tool)}
    assert (fires["issue:4711"], fires["metric:4711"]) == (True, False)
