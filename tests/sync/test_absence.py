"""Alerts that a source no longer lists: which ends are believed, which are doubted, and how a doubt is over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.core.store_backends import BACKENDS, postgres_database, postgres_server
from tests.docs.shapes import faults
from tests.sync.deciding import decide

from tieline.adapters.alertmanager.simulated.notify import Webhook
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.testing.clock import START, ManualClock
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.cli.accounts import account
from tieline.cli.main import cli
from tieline.core.config import load_text
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Receiver, Ref
from tieline.core.store.store import Store
from tieline.sync import explain
from tieline.sync.alerts import absence
from tieline.sync.alerts.absence import Belief, Doubt, Verdict, judge
from tieline.sync.build import build
from tieline.sync.daemon.lane import Lane
from tieline.sync.engine import Engine
from tieline.sync.intake import inbox
from tieline.sync.polling import poll

__all__ = ["postgres_database", "postgres_server"]

ALERTS = ConnectionName("alerts")
TOKEN = "hook-token-of-the-tests"
CONFIG = """
tieline: 1
store: {store}
signals: {{doubt_from: {doubt_from}}}
connections:
  alerts:
    tool: alertmanager
    url: http://alertmanager.test
    restart_grace: 5m
    webhook_token: {{env: ABSENCE_HOOK_TOKEN}}
    page_size: 4
"""


@dataclass
class Watch:
    """An Alertmanager, and the engine that watches it. `restart` is a crash of ours."""

    file: Path
    clock: ManualClock
    am: AlertmanagerSimulator
    engine: Engine
    lane: Lane
    told: list[Delivery]

    @classmethod
    def begin(cls, folder: Path, store: str, doubt_from: object = 10) -> Watch:
        clock = ManualClock()
        told: list[Delivery] = []

        def post(_url: str, headers: Any, body: bytes) -> int:
            told.append(Delivery({name.lower(): value for name, value in headers.items()}, body))
            return 200

        webhook = Webhook(url="http://tieline.test/hooks/alerts", headers={"authorization": f"Bearer {TOKEN}"})
        am = AlertmanagerSimulator(clock.now, webhook=webhook, post=post)
        file = folder / "tieline.yaml"
        file.write_text(CONFIG.format(store=store, doubt_from=doubt_from), encoding="utf-8")
        engine, lane = cls._start(file, clock, am)
        return cls(file, clock, am, engine, lane, told)

    @staticmethod
    def _start(file: Path, clock: ManualClock, am: AlertmanagerSimulator) -> tuple[Engine, Lane]:
        config, registry = load_text(file.read_bytes(), file)
        store = Store.open(config.store)
        store.migrate()
        engine = build(
            config,
            store,
            registry,
            clock=clock,
            sleep=clock.advance,
            wake=lambda _name: None,
            dice=am.random,
            transports={ALERTS: HttpxTransport(am)},
        )
        return engine, Lane(engine, engine.connections[ALERTS])

    def restart(self) -> None:
        self.engine.store.close()
        self.engine, self.lane = self._start(self.file, self.clock, self.am)

    def fire(self, count: int, first: int = 0) -> list[Ref]:
        """So many alerts begin."""
        return [
            self.am.fire({"alertname": "DiskFull", "instance": f"db{number}"}).ref
            for number in range(first, first + count)
        ]

    def poll(self, times: int = 1) -> None:
        """The next polls come due, and what they bring is taken in."""
        for _ in range(times):
            self.clock.advance(31)
            self.work()

    def work(self) -> None:
        """The lane runs dry without a poll that is not due."""
        for _ in range(50):
            if not self.lane.step():
                return

    def hear(self) -> None:
        """Alertmanager notifies us of everything that is due, and it is taken in."""
        self.am.flush()
        source = self.engine.connections[ALERTS].source
        assert isinstance(source, Receiver)
        for delivery in self.told:
            source.verify(delivery, self.clock.now())
            with self.engine.store.write() as tx:
                inbox.accept(tx, ALERTS, source.parse(delivery), self.clock.now())
        self.told.clear()
        self.work()

    def forget(self) -> None:
        """It restarted with an empty state, so long ago that its silence counts as an answer."""
        self.am.restart()
        self.am.api.started -= timedelta(days=1)

    def firing(self) -> set[str]:
        """The episodes that fire, as far as we know."""
        with self.engine.store.write() as tx:
            return set(absence.firing(tx, ALERTS))

    def open_incidents(self) -> int:
        with self.engine.store.read() as connection:
            return int(explain.status(connection, self.clock.now())["incidents_open"])

    def doubt(self) -> Doubt | None:
        with self.engine.store.read() as connection:
            return absence.doubts(connection).get(ALERTS)

    def journal(self, *kinds: str) -> list[tuple[str, str, str]]:
        query = text("SELECT kind, actor, reason FROM journal ORDER BY seq")
        with self.engine.store.read() as connection:
            return [(one.kind, one.actor, one.reason) for one in connection.execute(query) if one.kind in kinds]


@pytest.fixture(params=BACKENDS)
def watch(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Watch]]:
    monkeypatch.setenv("ABSENCE_HOOK_TOKEN", TOKEN)
    store = "sqlite:///watch.db" if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    made: list[Watch] = []

    def make(**options: Any) -> Watch:
        made.append(Watch.begin(tmp_path, store, **options))
        return made[-1]

    yield make
    for one in made:
        one.engine.store.close()
        one.engine.registry.close()


def test_an_alertmanager_that_forgot_everything_resolves_nothing(watch):
    world = watch()
    refs = world.fire(12)
    world.poll(2)
    world.forget()
    world.poll(5)

    assert world.firing() == set(refs)
    assert world.open_incidents() == 12
    assert world.journal("signal_ended") == []


def test_more_than_half_a_list_that_is_missing_is_doubted(watch):
    world = watch(doubt_from=5)
    refs = world.fire(20)
    world.poll(2)
    for ref in refs[:11]:
        world.am.resolve(ref)
    world.poll(3)

    assert world.firing() == set(refs)


def test_exactly_half_a_list_that_is_missing_is_believed(watch):
    world = watch(doubt_from=5)
    refs = world.fire(20)
    world.poll(2)
    for ref in refs[:10]:
        world.am.resolve(ref)
    world.poll()

    assert world.firing() == set(refs[10:])
    assert world.doubt() is None


def test_an_alert_that_its_source_denied_for_a_moment_fires_again_when_it_is_listed(watch):
    world = watch()
    [ref] = world.fire(1)
    world.poll(2)
    held = dict(world.am.state.alerts)
    world.am.state.alerts.clear()
    with world.engine.store.write() as tx:
        inbox.put(tx, ALERTS, [(ref, None)], asked=0, now=world.clock.now())
    world.work()
    assert world.firing() == set()
    world.am.state.alerts.update(held)
    world.poll(2)

    assert world.firing() == {ref}
    assert world.open_incidents() == 1


def test_an_alert_that_is_listed_again_before_its_end_was_taken_in_fires_on(watch):
    world = watch()
    [ref] = world.fire(1)
    world.poll(2)
    held = dict(world.am.state.alerts)
    world.forget()
    here = world.lane.here
    poll.poll(world.engine, here)  # its end waits in the inbox, and we stop here
    world.am.state.alerts.update(held)
    world.restart()
    world.poll(3)

    assert world.firing() == {ref}
    assert world.open_incidents() == 1


def test_an_alert_that_no_listing_ever_told_of_is_asked_for_until_it_ends(watch):
    world = watch()
    world.poll()
    [ref] = world.fire(1)
    world.hear()
    held = dict(world.am.state.alerts)
    world.forget()
    world.clock.advance(5)
    poll.poll(world.engine, world.lane.here)  # misses it, and has it asked for
    world.am.state.alerts.update(held)
    world.work()
    assert world.firing() == {ref}
    world.am.resolve(ref)  # before the next listing, and the webhook is lost
    world.poll(3)

    assert world.firing() == set()


def test_an_alert_that_came_and_went_after_our_clock_was_set_back_ends(watch):
    world = watch()
    world.poll()
    world.clock.step(-3600)
    world.lane.poll_at = world.clock.now() + timedelta(seconds=30)  # it has just failed
    [ref] = world.fire(1)
    world.hear()
    assert world.firing() == {ref}
    world.am.resolve(ref)  # before the next listing, and the webhook is lost
    world.clock.advance(3600)
    world.poll(3)

    assert world.firing() == set()


def test_a_few_alerts_that_end_together_are_believed_at_once(watch):
    world = watch()
    refs = world.fire(9)
    other = world.fire(1, first=90)
    world.poll(2)
    for ref in refs:
        world.am.resolve(ref)
    world.poll()

    assert world.firing() == set(other)


def test_a_small_source_that_lists_nothing_at_all_is_believed_at_the_second_pass(watch):
    world = watch()
    refs = world.fire(3)
    world.poll(2)
    world.forget()
    world.poll()
    assert world.firing() == set(refs)
    assert world.doubt() is None

    world.restart()
    world.poll()
    assert world.firing() == set()
    assert world.open_incidents() == 0


def test_a_small_source_that_lists_nothing_for_one_pass_ends_nothing(watch):
    world = watch()
    refs = world.fire(3)
    world.poll(2)
    kept = dict(world.am.state.alerts)
    for _ in range(3):
        world.am.state.alerts.clear()
        world.poll()
        world.am.state.alerts.update(kept)
        world.poll()

    assert world.firing() == set(refs)
    assert world.journal("signal_ended") == []


def test_without_the_brake_every_listing_is_believed(watch):
    world = watch(doubt_from="null")
    world.fire(12)
    world.poll(2)
    world.forget()
    world.poll()

    assert world.firing() == set()


def test_new_alerts_of_a_doubted_pass_are_taken_in_and_do_not_outvote_it(watch):
    world = watch()
    refs = world.fire(12)
    world.poll(2)
    world.forget()
    new = world.fire(30, first=100)
    world.poll(3)

    assert world.firing() == {*refs, *new}
    assert world.open_incidents() == 42


def test_an_end_that_a_webhook_tells_counts_and_needs_no_confirmation(watch):
    world = watch()
    refs = world.fire(12)
    world.hear()
    world.poll(2)
    for ref in refs:
        world.am.resolve(ref)
    world.hear()
    world.poll(2)

    assert world.firing() == set()
    assert world.journal("ends_doubted") == []


def test_webhooks_go_on_being_taken_in_while_ends_are_doubted_and_can_end_the_doubt(watch):
    world = watch()
    refs = world.fire(12)
    world.hear()
    world.poll(2)
    kept = dict(world.am.state.alerts)
    world.am.state.alerts.clear()
    world.poll(2)
    new = world.fire(1, first=50)
    world.hear()
    assert world.firing() == {*refs, *new}

    world.am.state.alerts.update(kept)
    for ref in refs[:3]:
        world.am.resolve(ref)
    world.hear()
    assert world.firing() == {*refs[3:], *new}

    for ref in refs[3:]:
        world.am.state.alerts.pop(ref.partition("@")[0])
    world.poll()
    assert world.firing() == set(new), "nine are few enough to be believed"
    assert world.doubt() is None


def test_a_doubt_is_over_when_the_source_lists_its_alerts_again(watch):
    world = watch()
    refs = world.fire(12)
    world.poll(2)
    kept = dict(world.am.state.alerts)
    world.am.state.alerts.clear()
    world.poll(2)
    assert world.doubt() is not None

    world.am.state.alerts.update(kept)
    world.poll()
    assert world.doubt() is None
    assert world.firing() == set(refs)

    world.am.resolve(refs[0])
    world.poll()
    assert world.firing() == set(refs[1:]), "its memory of them was kept: a believable end is still seen"


def test_enough_alerts_that_are_listed_again_make_the_rest_believable(watch):
    world = watch()
    refs = world.fire(12)
    world.poll(2)
    kept = dict(world.am.state.alerts)
    world.am.state.alerts.clear()
    world.poll(2)
    back = {ref.partition("@")[0] for ref in refs[:3]}
    world.am.state.alerts.update({name: alert for name, alert in kept.items() if name in back})
    world.poll()

    assert world.firing() == set(refs[:3])
    assert world.doubt() is None


def test_what_a_person_confirms_ends_at_the_next_poll_and_is_journalled(watch):
    world = watch()
    world.fire(12)
    world.poll(2)
    world.forget()
    world.poll(2)
    decide(world.engine, "doubts confirm", connection=ALERTS)
    assert len(world.firing()) == 12
    world.poll()

    assert world.firing() == set()
    assert world.open_incidents() == 0
    assert world.doubt() is None
    assert world.journal("ends_doubted", "ends_confirmed", "ends_believed") == [
        ("ends_doubted", "tieline", "too_many"),
        ("ends_confirmed", "ann@example.com", "confirmed"),
        ("ends_believed", "tieline", "confirmed"),
    ]


def test_a_confirmation_is_good_for_those_alerts_and_no_others(watch):
    world = watch()
    first = world.fire(12)
    second = world.fire(11, first=100)
    world.poll(2)
    for ref in first:
        world.am.resolve(ref)
    world.poll(2)
    decide(world.engine, "doubts confirm", connection=ALERTS)
    world.forget()
    world.poll(3)

    assert world.firing() == set(second)
    doubt = world.doubt()
    assert doubt is not None
    assert doubt.open == set(second)


def test_a_confirmed_alert_that_is_listed_again_fires_on(watch):
    world = watch()
    refs = world.fire(12)
    world.poll(2)
    kept = dict(world.am.state.alerts)
    world.am.state.alerts.clear()
    world.poll()
    decide(world.engine, "doubts confirm", connection=ALERTS)
    world.am.state.alerts.update(kept)
    world.poll(2)

    assert world.firing() == set(refs)
    assert world.doubt() is None


def test_there_is_nothing_to_confirm_where_nothing_is_doubted(watch):
    world = watch()
    world.fire(3)
    world.poll(2)

    with pytest.raises(LookupError, match="no ends of alerts are doubted"):
        decide(world.engine, "doubts confirm", connection=ALERTS)


def test_a_doubt_survives_a_restart_and_so_does_its_confirmation(watch):
    world = watch()
    refs = world.fire(12)
    world.poll(2)
    world.forget()
    world.poll()
    before = world.doubt()
    world.restart()
    world.poll(2)
    assert world.firing() == set(refs)
    assert world.doubt() == before

    decide(world.engine, "doubts confirm", connection=ALERTS)
    world.restart()
    world.poll()
    assert world.firing() == set()


def test_alerts_that_only_webhooks_told_of_are_doubted_with_the_others(watch):
    world = watch()
    world.poll()
    refs = world.fire(12)
    world.hear()
    world.forget()
    world.poll(4)
    assert world.firing() == set(refs)

    decide(world.engine, "doubts confirm", connection=ALERTS)
    world.poll(2)
    assert world.firing() == set()


def test_a_source_that_denies_an_alert_is_not_believed_while_its_listings_are_doubted(watch):
    world = watch()
    refs = world.fire(12)
    world.poll(2)
    world.forget()
    world.poll()
    with world.engine.store.write() as tx:
        inbox.put(tx, ALERTS, [(refs[0], None)], asked=0, now=world.clock.now())
    world.work()

    assert world.firing() == set(refs)


def test_a_doubt_is_logged_once_when_it_begins_and_once_when_it_is_over(watch):
    world = watch()
    world.fire(12)
    world.poll(2)
    kept = dict(world.am.state.alerts)
    with capture_logs() as logs:
        world.am.state.alerts.clear()
        world.poll(4)
        world.am.state.alerts.update(kept)
        world.poll(2)

    said = [entry for entry in logs if entry["event"].startswith("ends_")]
    assert [(entry["event"], entry["log_level"]) for entry in said] == [
        ("ends_doubted", "warning"),
        ("ends_believed", "info"),
    ]
    assert "no longer lists 12 of 12 alerts" in said[0]["sentence"]


def test_the_status_tells_of_a_doubt_and_of_what_to_do(watch):
    world = watch()
    world.fire(12)
    world.poll(2)
    world.forget()
    world.poll()
    with world.engine.store.read() as connection:
        found = explain.status(connection, world.clock.now())

    assert found["ends_doubted"] == 12
    told = found["connections"]["alerts"]["doubt"]
    assert (told["missing"], told["of"], told["confirmed"]) == (12, 12, False)
    assert "tieline doubts confirm alerts" in told["sentence"]


def test_what_is_missed_is_never_more_than_what_fires(watch):
    """Alerts that begin while others are missed, and are then missed as well, count on both sides."""
    world = watch()
    refs = world.fire(15)
    world.poll(2)
    for ref in refs[:13]:
        world.am.state.alerts.pop(ref.partition("@")[0])
    world.poll()
    late = world.fire(4, first=100)
    world.poll()
    for ref in late:
        world.am.state.alerts.pop(ref.partition("@")[0])
    world.poll(2)
    doubt = world.doubt()
    assert doubt is not None
    assert "no longer lists 17 of 19 alerts that fire" in doubt.sentence(ALERTS)
    told = explain.doubt_as_facts(ALERTS, doubt)
    assert (told["missing"], told["of"]) == (17, 19)


# -- the decision --------------------------------------------------------------------------------------------------


def refs(*numbers: int) -> frozenset[Ref]:
    return frozenset(Ref(f"episode {number}") for number in numbers)


@pytest.mark.parametrize(
    ("lacking", "firing", "reason"),
    [
        (0, 20, Belief.FEW),
        (9, 9, Belief.NONE_LEFT),
        (9, 10, Belief.FEW),
        (10, 19, Belief.TOO_MANY),
        (10, 20, Belief.FEW),
        (2, 2, Belief.FEW),
        (3, 3, Belief.NONE_LEFT),
    ],
)
def test_how_many_missing_alerts_are_too_many(lacking, firing, reason):
    verdict = judge(refs(*range(lacking)), refs(*range(firing)), None, many=10, listed_any=False)
    assert verdict.reason is reason


def doubted(*numbers: int, of: int = 9, reason: Belief = Belief.TOO_MANY, confirmed: frozenset[Ref] = absence.NONE):
    return Doubt(START, refs(*numbers), of, reason, 9, confirmed)


@pytest.mark.parametrize(
    ("lacking", "firing", "doubt", "verdict"),
    [
        pytest.param(5, 9, None, Verdict(refs(*range(5)), 9, Belief.TOO_MANY, 9), id="more than half"),
        pytest.param(4, 9, None, Verdict(absence.NONE, 9, Belief.FEW), id="fewer than many"),
        pytest.param(5, 10, None, Verdict(absence.NONE, 10, Belief.FEW), id="half"),
        pytest.param(
            5,
            30,
            doubted(4),
            Verdict(refs(*range(5)), 9, Belief.TOO_MANY, 30),
            id="later alerts do not outvote a doubt",
        ),
        pytest.param(
            5, 8, doubted(4), Verdict(refs(*range(5)), 8, Belief.TOO_MANY, 8), id="of no more than what fires by now"
        ),
        pytest.param(5, 30, doubted(20), Verdict(absence.NONE, 30, Belief.FEW), id="a doubt about others"),
        pytest.param(
            5,
            30,
            doubted(4, reason=Belief.NONE_LEFT),
            Verdict(absence.NONE, 30, Belief.FEW),
            id="a doubt that is quiet",
        ),
        pytest.param(
            5, 30, doubted(4, confirmed=refs(4)), Verdict(absence.NONE, 29, Belief.CONFIRMED), id="confirmed, and few"
        ),
        pytest.param(
            6,
            9,
            doubted(0, 5, confirmed=refs(0)),
            Verdict(refs(*range(1, 6)), 8, Belief.TOO_MANY, 8),
            id="many without the confirmed",
        ),
        pytest.param(3, 3, None, Verdict(refs(0, 1, 2), 3, Belief.NONE_LEFT, 3), id="none is left"),
        pytest.param(
            3,
            3,
            doubted(0, 1, 2, of=3, reason=Belief.NONE_LEFT),
            Verdict(absence.NONE, 3, Belief.SEEN_TWICE),
            id="none is left, again",
        ),
        pytest.param(
            4,
            4,
            doubted(0, 1, 2, of=3, reason=Belief.NONE_LEFT),
            Verdict(refs(0, 1, 2, 3), 4, Belief.NONE_LEFT, 4),
            id="none is left, of more",
        ),
        pytest.param(2, 2, None, Verdict(absence.NONE, 2, Belief.FEW), id="none is left, of two"),
        pytest.param(3, 4, None, Verdict(absence.NONE, 4, Belief.FEW), id="one is left"),
    ],
)
def test_what_is_believed_of_a_pass(lacking, firing, doubt, verdict):
    assert judge(refs(*range(lacking)), refs(*range(firing)), doubt, many=5, listed_any=False) == verdict


def test_a_doubt_says_what_is_missing_since_when_and_what_to_do():
    doubt = doubted(1, 2, 3)
    assert doubt.is_loud and doubt.open == refs(1, 2, 3)
    assert doubt.sentence(ALERTS).startswith("alerts no longer lists 3 of 9 alerts that fire, since 20")
    assert doubt.sentence(ALERTS).endswith("If they have ended: tieline doubts confirm alerts")
    some = replace(doubt, confirmed=refs(1, 2), reason=Belief.NONE_LEFT)
    assert not some.is_loud and some.open == refs(3)
    assert "tieline doubts confirm" in some.sentence(ALERTS)
    assert replace(doubt, confirmed=refs(1, 2, 3, 4)).sentence(ALERTS).endswith("and taken in at the next poll.")


@pytest.mark.parametrize(
    ("held", "fires", "firing"),
    [(refs(4), refs(1, 2, 3, 4), 9), (refs(4), refs(*range(12)), 12), (refs(20), refs(*range(12)), 13)],
)
def test_a_doubt_that_widens_counts_all_that_fires(held, fires, firing):
    wider = absence.widened(doubted(1, 2, 3), held, fires)
    assert (wider.episodes, wider.firing, wider.of) == (refs(1, 2, 3) | held, firing, 9)


def test_a_source_that_lists_something_new_has_not_lost_everything():
    assert judge(refs(1, 2, 3), refs(1, 2, 3), None, many=10, listed_any=True).reason is Belief.FEW


episodes = st.frozensets(st.integers(0, 30).map(lambda number: Ref(f"episode {number}")))
before = st.builds(
    Doubt,
    st.just(START),
    episodes,
    st.integers(1, 40),
    st.sampled_from((Belief.TOO_MANY, Belief.NONE_LEFT)),
    st.integers(1, 40),
    episodes,
)


@given(episodes, episodes, st.none() | before, st.integers(1, 12), st.booleans())
def test_only_what_is_missing_and_unconfirmed_is_doubted_and_then_all_of_it(lacking, others, doubt, many, listed_any):
    verdict = judge(lacking, lacking | others, doubt, many=many, listed_any=listed_any)
    unconfirmed = lacking - (doubt.confirmed if doubt is not None else frozenset())
    assert verdict.doubted in (frozenset(), unconfirmed)
    assert len(verdict.doubted) <= verdict.firing
    assert bool(verdict.doubted) == (verdict.reason in (Belief.TOO_MANY, Belief.NONE_LEFT))
    if len(unconfirmed) >= many and len(unconfirmed) * 2 > len(lacking | others):
        assert verdict.doubted == unconfirmed


@given(episodes, episodes, st.none() | before, st.booleans())
def test_nothing_is_doubted_where_every_listing_is_to_be_believed(lacking, others, doubt, listed_any):
    assert judge(lacking, lacking | others, doubt, many=None, listed_any=listed_any).doubted == frozenset()


@given(before, episodes, episodes)
def test_a_sentence_never_counts_more_that_are_missing_than_fire(doubt, gone, fires):
    doubt = replace(doubt, firing=max(doubt.firing, len(doubt.episodes)))
    wider = absence.widened(doubt, gone & (fires - doubt.confirmed), fires)
    missing, firing = map(int, re.findall(r"lists (\d+) of (\d+) ", wider.sentence(ALERTS))[0])
    assert missing <= firing


# -- the command line ----------------------------------------------------------------------------------------------


def test_a_person_sees_a_doubt_and_confirms_it_by_commands(watch):
    world = watch()
    world.fire(12)
    world.poll(2)
    world.forget()
    world.poll()

    def said(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["-w", str(world.file.parent), *words], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return " ".join(result.stdout.split())

    said("access", "grant", account().identity, "admin")
    # No daemon runs, which is what `status` says first.
    assert "tieline doubts confirm alerts" in said("status", code=1)
    assert json.loads(said("status", "--json", code=1))["connections"]["alerts"]["doubt"]["missing"] == 12
    assert faults("tieline status", said("status", "--json", code=1)) == []
    assert faults("tieline doubts", said("doubts", "--json")) == []
    (listed,) = json.loads(said("doubts", "--json"))["items"]
    assert (listed["connection"], listed["missing"], len(listed["episodes"])) == ("alerts", 12, 12)
    assert faults("tieline doubts confirm", said("doubts", "confirm", "alerts", "--json")) == []
    assert f"confirmed by {account()}" in said("doubts", "confirm", "alerts")
    assert "taken in at the next poll" in said("doubts")

    world.poll()
    assert world.firing() == set()
    assert said("doubts") == "no ends are doubted: every source is believed"
