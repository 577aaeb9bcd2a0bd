"""The registry: who is imported, who is refused, and what becomes of a plugin that fails or hangs."""

from __future__ import annotations

import importlib
import os
import resource
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.core.strangers import Strangers, allowed, event, plugin, signal, strangers

from tieline.core.errors import ConfigError, Problem
from tieline.core.hooks import Committed, hookimpl
from tieline.core.model import Audience, ConnectionName, Fields, RecordKind, Signal, Tlp
from tieline.core.plugins import installed, missing_powers, plugin_for_tool
from tieline.core.port import AdapterKind, ConnectionSettings, Cursor, Health, Power, Reading, Ref, Source
from tieline.core.registry import Limits, Registry
from tieline.core.yaml import Node, load_yaml

__all__ = ["strangers"]

SNOW = ConnectionName("snow")
QUICK = Limits(ask=timedelta(seconds=20), tell=timedelta(seconds=20))
HEAD = "from tieline.core.hooks import hookimpl\n"


def problems(*plugins: object) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        Registry([plugin(f"p{number}", one) for number, one in enumerate(plugins, 1)])
    return list(caught.value.problems)


def load_problems(*names: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        Registry.load(allowed(*names))
    return list(caught.value.problems)


# -- finding ---------------------------------------------------------------------------------------------------------


def test_only_an_allowed_plugin_is_ever_imported(strangers: Strangers) -> None:
    strangers.install("acme", {"good": HEAD, "evil": "raise SystemExit('imported')"})
    registry = Registry.load(allowed("good"))
    assert "acme_good" in sys.modules
    assert "acme_evil" not in sys.modules
    states = {state.name: state for state in registry.states()}
    assert (states["good"].state, states["good"].distribution, states["good"].version) == ("working", "acme", "1.2")
    assert (states["evil"].state, states["evil"].origin) == ("not allowed", "acme_evil")


def test_an_unknown_plugin_is_refused_with_the_nearest_name(strangers: Strangers) -> None:
    strangers.install("acme", {"paging": HEAD})
    (found,) = load_problems("pagin")
    assert (found.code, found.line, found.column) == ("CFG011", 1, 5)
    assert "did you mean 'paging'?" in found.fix


def test_two_distributions_with_one_plugin_name_are_refused(strangers: Strangers) -> None:
    strangers.install("acme", {"paging": HEAD})
    strangers.install("evil-acme", {"paging": "raise SystemExit('imported')"})
    (found,) = load_problems("paging")
    assert found.code == "CFG012"
    assert "acme and evil-acme" in found.what


def test_a_missing_extra_is_answered_with_the_command_that_installs_it(strangers: Strangers) -> None:
    strangers.install("acme", {"paging": "import acme_sdk_that_is_not_here"}, extras=("paging",))
    strangers.install("other", {"mail": "import other_sdk_that_is_not_here"})
    paging, mail = load_problems("paging", "mail")
    assert (paging.code, paging.fix) == ("CFG013", "pip install 'acme[paging]'")
    assert "other_sdk_that_is_not_here" in mail.fix


ODD = """
from pydantic import BaseModel, field_validator

class Settings(BaseModel):
    word: str = "a"

    @field_validator("word")
    @classmethod
    def _known(cls, word):
        return {"a": 1}[word]

class plugin:
    settings = Settings

    def __init__(self, settings):
        pass
"""


def test_a_check_of_settings_that_fails_itself_is_a_problem_of_the_plugin(strangers: Strangers) -> None:
    strangers.install("acme", {"odd": ODD})
    points = strangers.folder / "acme-1.2.dist-info" / "entry_points.txt"
    points.write_text(f"{points.read_text('utf-8')}:plugin\n", "utf-8")
    word = Node("s3cret", 2, 11)
    with pytest.raises(ConfigError) as caught:
        Registry.load({"odd": Node({"word": word}, 1, 5)})
    (found,) = caught.value.problems
    assert (found.code, "has a fault in what checks its settings: KeyError in acme_odd.py:10" in found.what) == (
        "CFG013",
        True,
    ), found
    assert "s3cret" not in str(found)


def test_what_is_installed_is_read_once_and_again_when_something_was_installed(strangers: Strangers) -> None:
    before = installed()
    assert [one.dist is other.dist for one, other in zip(before, installed(), strict=True)] == [True] * len(before)
    strangers.install("acme", {"late": HEAD})
    assert [one.name for one in installed() if one not in before] == ["late"]


def test_packages_that_cannot_be_listed_now_are_not_taken_for_none(strangers: Strangers) -> None:
    strangers.install("acme", {"late": HEAD})
    with no_file_left_to_open(), pytest.raises(ConfigError, match="cannot be listed: Too many open files"):
        installed()
    assert {"late", "memory"} <= {one.name for one in installed()}


@contextmanager
def no_file_left_to_open() -> Iterator[None]:
    """This process has as many files open as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    importlib.invalidate_caches()
    with ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        with suppress(OSError):
            while True:
                opened.enter_context(Path(os.devnull).open("rb"))
        yield


def test_a_plugin_that_fails_at_import_is_a_problem_and_the_next_one_is_still_looked_at(strangers: Strangers) -> None:
    strangers.install("acme", {"a": "1 / 0", "b": "raise ValueError('no')"})
    assert [found.code for found in load_problems("a", "b")] == ["CFG013", "CFG013"]


def test_the_plugin_of_a_tool_has_its_name_or_the_beginning_of_it() -> None:
    names = ["jira", "jira-dc-old", "service"]
    assert plugin_for_tool("jira", names) == "jira"
    assert plugin_for_tool("jira-jsm", names) == "jira"
    assert plugin_for_tool("jira-dc-old", names) == "jira-dc-old"
    assert plugin_for_tool("jirajsm", names) is None


FACTORY = """
from datetime import timedelta
from pydantic import BaseModel
from tieline.core.hooks import hookimpl
class Settings(BaseModel, extra="forbid"):
    by: str
    wait: timedelta = timedelta(0)
class Grouping:
    settings = Settings
    def __init__(self, settings):
        self.settings_given = settings
    @hookimpl
    def tieline_group_key(self, signal):
        return f"{self.settings_given.by} {self.settings_given.wait.total_seconds():g}"
"""


def test_a_class_is_called_with_its_checked_settings(strangers: Strangers) -> None:
    strangers.install("acme", {"keys": FACTORY})
    info = strangers.folder / "acme-1.2.dist-info" / "entry_points.txt"
    info.write_text("[tieline]\nkeys = acme_keys:Grouping\n")
    root = load_yaml("keys: {by: service, wait: 5m}", "tieline.yaml")
    assert isinstance(root.value, dict)
    assert Registry.load(root.value).group_key(signal()) == "service 300"
    wrong = load_yaml("keys:\n  bi: service\n  wait: soon\n", "tieline.yaml")
    assert isinstance(wrong.value, dict)
    with pytest.raises(ConfigError) as caught:
        Registry.load(wrong.value)
    places = [(found.code, found.line, found.column) for found in caught.value.problems]
    assert places == [("CFG003", 1, 1), ("CFG002", 2, 3), ("CFG007", 3, 9)]


def test_settings_for_a_plugin_that_takes_none_are_refused(strangers: Strangers) -> None:
    strangers.install("acme", {"plain": HEAD})
    with pytest.raises(ConfigError, match="takes no settings"):
        Registry.load({"plain": Node({"by": Node("x", 2, 7)}, 2, 3, 1, 1)})


# -- registering -----------------------------------------------------------------------------------------------------


class Misspelled:
    @hookimpl
    def tieline_grup_key(self, signal: Signal) -> str:
        return "x"


class Unmarked:
    def tieline_group_key(self, signal: Signal) -> str:
        return "x"


class WrongArguments:
    @hookimpl
    def tieline_group_key(self, alarm: Signal) -> str:
        return "x"


class Wrapper:
    @hookimpl(hookwrapper=True)
    def tieline_group_key(self, signal: Signal) -> Any:
        yield


def test_a_misspelled_hook_is_refused_with_the_right_name() -> None:
    (found,) = problems(Misspelled())
    assert (found.code, found.fix) == ("CFG014", "did you mean 'tieline_group_key'?")


def test_a_hook_without_its_mark_is_refused() -> None:
    (found,) = problems(Unmarked())
    assert (found.code, found.fix) == ("CFG014", "write @hookimpl above it.")


def test_a_hook_with_a_wrong_signature_is_refused() -> None:
    (found,) = problems(WrongArguments())
    assert found.code == "CFG015"
    assert "alarm" in found.what


def test_a_wrapper_is_refused_because_it_changes_the_answers_of_others() -> None:
    (found,) = problems(Wrapper())
    assert found.code == "CFG014"


def test_the_faults_of_all_plugins_come_at_once() -> None:
    assert sorted(found.code for found in problems(Misspelled(), Unmarked(), WrongArguments())) == [
        "CFG014",
        "CFG014",
        "CFG015",
    ]


class Reads:
    def check(self) -> Health:
        raise NotImplementedError

    def changes(self, since: Cursor | None) -> Any:
        return iter(())

    def read(self, ref: Ref) -> Reading:
        raise NotImplementedError


def connects_to_reads(name: ConnectionName, settings: Any, workbench: Any) -> Reads:
    return Reads()


def connects_to_something(name: ConnectionName, settings: Any, workbench: Any) -> Source:
    return Reads()


KIND = AdapterKind("acme", RecordKind.INCIDENT, ConnectionSettings, connects_to_something, frozenset(), "acme-incident")


class Offers:
    def __init__(self, *kinds: Any) -> None:
        self.kinds = kinds

    @hookimpl
    def tieline_adapters(self) -> Sequence[AdapterKind]:
        return self.kinds


def test_tools_are_registered_by_name() -> None:
    registry = Registry([plugin("acme", Offers(KIND, replace(KIND, tool="acme-cloud")))])
    assert sorted(registry.adapters) == ["acme", "acme-cloud"]
    assert next(state for state in registry.states() if state.name == "acme").tools == ("acme", "acme-cloud")


def test_one_tool_from_two_plugins_is_refused() -> None:
    (found,) = problems(Offers(KIND), Offers(KIND))
    assert found.code == "CFG016"
    assert "'p1' and 'p2'" in found.what


def test_a_claimed_power_needs_its_protocol() -> None:
    kind = replace(KIND, connect=connects_to_reads, powers=frozenset({Power.WRITE, Power.COMMENT, Power.REOPEN}))
    (found,) = problems(Offers(kind))
    assert "write (needs Adapter), comment (needs Commenter)" in found.what
    assert len(missing_powers(kind, Reads())) == 2
    assert missing_powers(KIND, Reads()) == []


def test_what_is_no_adapter_kind_and_what_raises_is_refused() -> None:
    class Raises:
        @hookimpl
        def tieline_adapters(self) -> Sequence[AdapterKind]:
            raise RuntimeError("not today")

    assert [found.code for found in problems(Offers("jira"), Raises())] == ["CFG016", "CFG016"]


# -- asking ----------------------------------------------------------------------------------------------------------


class Keys:
    """Answers with the next of its answers; an exception is raised, an event is waited for."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls = 0

    @hookimpl
    def tieline_group_key(self, signal: Signal) -> str | None:
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, threading.Event):
            answer.wait(30)
            return "late"
        return answer  # type: ignore[no-any-return]  # some answers are wrong on purpose


class Alarms(list[tuple[str, str]]):
    def __call__(self, name: str, sentence: str) -> None:
        self.append((name, sentence))


def test_the_first_plugin_of_the_file_that_answers_decides() -> None:
    registry = Registry([plugin("a", Keys(None)), plugin("b", Keys("b")), plugin("c", Keys("c"))], limits=QUICK)
    assert registry.group_key(signal()) == "b"


def test_without_plugins_there_is_no_answer() -> None:
    registry = Registry()
    assert registry.group_key(signal()) is None
    assert registry.classify(signal(), {}) is None
    assert registry.refused_fields({"title": "x"}, SNOW, Tlp.CLEAR) == frozenset()
    assert not registry.refuses_comment(Audience.STAFF, SNOW, Tlp.CLEAR)
    assert registry.metrics() == b""
    registry.tell(event())


@pytest.mark.parametrize("inline", [True, False])
def test_a_plugin_that_raises_silences_nobody(inline: bool) -> None:
    limits = replace(QUICK, inline=inline)
    registry = Registry([plugin("a", Keys(ValueError("no"))), plugin("b", Keys("b"))], limits=limits, alarm=Alarms())
    assert registry.group_key(signal()) == "b"


def test_five_failures_in_a_row_set_a_plugin_aside_with_two_alarms() -> None:
    alarms = Alarms()
    bad = Keys(ValueError("secret words"))
    registry = Registry([plugin("bad", bad), plugin("good", Keys("good"))], limits=QUICK, alarm=alarms)
    for _ in range(8):
        assert registry.group_key(signal()) == "good"
    assert bad.calls == 5
    assert list(registry.set_aside) == ["bad"]
    assert [name for name, _sentence in alarms] == ["bad", "bad"]
    assert "ValueError at" in alarms[0][1]
    assert "set aside" in alarms[1][1]
    assert "secret words" not in str(alarms) + str(registry.set_aside)
    assert next(state for state in registry.states() if state.name == "bad").state == "set aside"


def test_an_answer_in_between_forgives_the_failures_before() -> None:
    answers = [ValueError(), ValueError(), ValueError(), ValueError(), "ok"] * 3
    registry = Registry([plugin("flaky", Keys(*answers))], limits=QUICK, alarm=Alarms())
    assert [registry.group_key(signal()) for _ in answers].count("ok") == 3
    assert registry.set_aside == {}


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize(("slow", "told"), [(0, 1), (3_600, 0)])
def test_a_plugin_that_is_slow_is_told_of_once_a_minute(inline: bool, slow: int, told: int) -> None:
    alarms = Alarms()
    limits = replace(QUICK, inline=inline, slow=timedelta(seconds=slow))
    registry = Registry([plugin("slow", Keys("a"))], limits=limits, alarm=alarms)
    for _ in range(3):
        assert registry.group_key(signal()) == "a"
        assert registry.judge([(signal(), {})])[0] == ["a"]
    assert [name for name, _sentence in alarms] == ["slow"] * told
    assert all("tieline_group_key took 0.0 s to answer" in sentence for _name, sentence in alarms)


def test_a_plugin_that_hangs_is_set_aside_at_once_and_the_engine_goes_on() -> None:
    never = threading.Event()
    registry = Registry(
        [plugin("hangs", Keys(never)), plugin("good", Keys("good"))],
        limits=Limits(ask=timedelta(milliseconds=50)),
        alarm=Alarms(),
    )
    try:
        assert registry.group_key(signal()) == "good"
        assert "no answer within" in registry.set_aside["hangs"]
    finally:
        never.set()


def test_an_answer_of_the_wrong_type_is_a_failure() -> None:
    registry = Registry([plugin("a", Keys(5)), plugin("b", Keys(""))], limits=QUICK, alarm=Alarms())
    for _ in range(5):
        assert registry.group_key(signal()) is None
    assert sorted(registry.set_aside) == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ({"severity": "critical", "priority": "p1"}, True),
        ({"tags": ("a", "b"), "title": None}, True),
        ({"severity": "catastrophic"}, False),
        ({"severity": 1}, False),
        ({"sev": "high"}, False),
        ({"title": 5}, False),
        ({"tags": ["a"]}, False),
        ("critical", False),
    ],
)
def test_only_fields_that_the_model_knows_are_taken_from_a_classifier(answer: Any, taken: bool) -> None:
    class Classifies:
        @hookimpl
        def tieline_classify(self, signal: Signal, fields: Fields) -> Fields | None:
            return answer  # type: ignore[no-any-return]  # some answers are wrong on purpose

    registry = Registry([plugin("a", Classifies())], limits=QUICK, alarm=Alarms())
    assert registry.classify(signal(), {}) == (answer if taken else None)


class Guard:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    @hookimpl
    def tieline_disclose(self, fields: Fields, audience: Audience | None) -> frozenset[str]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]  # some answers are wrong on purpose


FIELDS: Fields = {"title": "x", "status": "new", "close_notes": "y"}


def test_every_guard_is_asked_and_any_refusal_stands() -> None:
    registry = Registry(
        [plugin("a", Guard(frozenset({"title", "team"}))), plugin("b", Guard(frozenset({"close_notes"})))], limits=QUICK
    )
    assert registry.refused_fields(FIELDS, SNOW, Tlp.RED) == {"title", "close_notes"}


@pytest.mark.parametrize("answer", [ValueError("broken"), None, "title", True])
def test_a_guard_without_an_answer_refuses_everything_even_when_it_is_set_aside(answer: Any) -> None:
    registry = Registry([plugin("a", Guard(frozenset())), plugin("b", Guard(answer))], limits=QUICK, alarm=Alarms())
    for _ in range(7):
        assert registry.refused_fields(FIELDS, SNOW, Tlp.RED) == FIELDS.keys()
        assert registry.refuses_comment(Audience.CUSTOMERS, SNOW, Tlp.RED)
    assert "b" in registry.set_aside


def test_a_comment_is_kept_back_by_name() -> None:
    assert Registry([plugin("a", Guard(frozenset({"comment"})))]).refuses_comment(Audience.CUSTOMERS, SNOW, Tlp.RED)
    assert not Registry([plugin("a", Guard(frozenset()))]).refuses_comment(Audience.CUSTOMERS, SNOW, Tlp.RED)


# -- telling ---------------------------------------------------------------------------------------------------------


class Hears:
    def __init__(self, fail: Exception | None = None, gate: threading.Event | None = None) -> None:
        self.heard: list[int] = []
        self.started = threading.Event()
        self.fail = fail
        self.gate = gate

    @hookimpl
    def tieline_committed(self, event: Committed) -> None:
        self.started.set()
        if self.gate is not None:
            self.gate.wait(30)
        if self.fail is not None:
            raise self.fail
        self.heard.append(event.seq)


@pytest.mark.parametrize("inline", [True, False])
def test_an_observer_that_raises_silences_nobody_and_is_set_aside(inline: bool) -> None:
    bad, good = Hears(fail=RuntimeError("no")), Hears()
    limits = replace(QUICK, inline=inline)
    registry = Registry([plugin("bad", bad), plugin("good", good)], limits=limits, alarm=Alarms())
    for seq in range(1, 11):
        registry.tell(event(seq))
    assert registry.drain()
    assert good.heard == list(range(1, 11))
    assert list(registry.set_aside) == ["bad"]
    registry.close()


def test_an_observer_that_hangs_stops_neither_the_engine_nor_the_others() -> None:
    gate = threading.Event()
    hangs, good = Hears(gate=gate), Hears()
    limits = Limits(tell=timedelta(0))
    registry = Registry([plugin("hangs", hangs), plugin("good", good)], limits=limits, alarm=Alarms())
    try:
        registry.tell(event(1))
        assert hangs.started.wait(20)
        registry.tell(event(2))
        assert "did not return" in registry.set_aside["hangs"]
    finally:
        gate.set()
        registry.close()


def test_an_observer_that_falls_too_far_behind_is_set_aside() -> None:
    gate = threading.Event()
    hangs = Hears(gate=gate)
    registry = Registry([plugin("slow", hangs)], limits=replace(QUICK, backlog=3), alarm=Alarms())
    try:
        for seq in range(10):
            registry.tell(event(seq))
        assert "3 events behind" in registry.set_aside["slow"]
    finally:
        gate.set()
        registry.close()


def test_closing_lets_the_observers_finish() -> None:
    good = Hears()
    registry = Registry([plugin("good", good)], limits=QUICK)
    for seq in range(100):
        registry.tell(event(seq))
    registry.close()
    assert good.heard == list(range(100))


def test_many_threads_ask_at_once() -> None:
    class Echo:
        @hookimpl
        def tieline_group_key(self, signal: Signal) -> str:
            return signal.labels["n"]

    registry = Registry([plugin("echo", Echo())], limits=QUICK)
    answers: list[bool] = []

    def ask(first: int) -> None:
        answers.extend(registry.group_key(signal(n=str(n))) == str(n) for n in range(first, first + 200))

    threads = [threading.Thread(target=ask, args=(first * 1000,)) for first in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    registry.close()
    assert answers == [True] * 1200


def test_closing_ends_the_threads_that_asked() -> None:
    before = {thread for thread in threading.enumerate() if thread.name == "plugin"}
    registry = Registry([plugin("a", Keys("a"))], limits=QUICK)
    registry.group_key(signal())
    started = {thread for thread in threading.enumerate() if thread.name == "plugin"} - before
    assert len(started) == 1
    registry.close()
    for thread in started:
        thread.join(20)
    assert not any(thread.is_alive() for thread in started)


def test_one_bad_question_of_a_batch_does_not_cost_the_others_their_answers():
    class Picky:
        @hookimpl
        def tieline_group_key(self, signal):
            if signal.episode == "bad":
                raise ValueError(signal.episode)
            return signal.episode

    registry = Registry([plugin("picky", Picky())], limits=QUICK, alarm=Alarms())
    batch = [replace(signal(), episode=name) for name in ("one", "bad", "two")]
    assert registry.judge([(one, {}) for one in batch]) == (["one", None, "two"], [None] * 3)


class Judge:
    """Groups all but the second episode, and titles each."""

    @hookimpl
    def tieline_group_key(self, signal: Signal) -> str | None:
        return signal.episode if signal.episode != "two" else None

    @hookimpl
    def tieline_classify(self, signal: Signal, fields: Fields) -> Fields | None:
        return {"title": f"{signal.episode}: {fields['title']}"}


BATCH = [(replace(signal(), episode=name), {"title": "Disk full"}) for name in ("one", "two")]
TITLES = [{"title": "one: Disk full"}, {"title": "two: Disk full"}]


@pytest.mark.parametrize("inline", [True, False])
def test_a_batch_is_judged_as_each_of_it_would_be_alone(inline: bool) -> None:
    plugins = [plugin("judge", Judge()), plugin("rest", Keys("rest"))]
    registry = Registry(plugins, limits=replace(QUICK, inline=inline))
    alone = [registry.group_key(one) for one, _fields in BATCH], [registry.classify(*pair) for pair in BATCH]
    assert registry.judge(BATCH) == alone == (["one", "rest"], TITLES)


def test_whoever_fails_in_a_batch_is_counted_and_the_others_still_answer() -> None:
    bad = Keys(ValueError("no"))
    registry = Registry([plugin("bad", bad), plugin("judge", Judge())], limits=QUICK, alarm=Alarms())
    for _ in range(3):
        assert registry.judge(BATCH) == (["one", None], TITLES)
    assert list(registry.set_aside) == ["bad"]
    asked = bad.calls
    registry.judge(BATCH)
    assert bad.calls == asked


def test_whoever_hangs_in_a_batch_is_set_aside_and_the_others_still_answer() -> None:
    never = threading.Event()
    limits = Limits(ask=timedelta(milliseconds=50))
    registry = Registry([plugin("hangs", Keys(never)), plugin("judge", Judge())], limits=limits, alarm=Alarms())
    try:
        assert registry.judge(BATCH) == (["one", None], TITLES)
        assert list(registry.set_aside) == ["hangs"]
    finally:
        never.set()


def test_nobody_is_handed_a_batch_where_nobody_judges() -> None:
    assert Registry(limits=QUICK).judge(BATCH) == ([None] * 2, [None] * 2)
