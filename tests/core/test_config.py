"""The configuration: what it means, and one bad file for each way to get it wrong."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import model_validator
from tests.core.strangers import Strangers, strangers

from tieline.core import config as config_module
from tieline.core.config import Config, ConnectionConfig, load_text, load_workspace
from tieline.core.errors import ConfigError, Problem
from tieline.core.example import example_config
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, Tlp
from tieline.core.options import Comments, SignalsConfig
from tieline.core.plugins import Plugin, installed
from tieline.core.port import AdapterKind
from tieline.core.reference import config_schema, plain_value, show_config, unresolved_secrets
from tieline.core.registry import Limits, Registry
from tieline.core.settings import Findings, parse_duration, parse_size, show_duration, validated
from tieline.core.yaml import Node, load_yaml

__all__ = ["strangers"]

GOLDEN = Path(__file__).parents[1] / "golden" / "config"
EXPECTED = re.compile(r"# (CFG\d{3}) at (\d+):(\d+): (.+)")
MARK = "from tieline.core.hooks import hookimpl\n@hookimpl\n"


def load(text: str, folder: Path = Path("/nowhere")) -> Config:
    return load_text(text, folder / "tieline.yaml")[0]


def left(config: Config) -> ConnectionConfig:
    return config.connections[ConnectionName("left")]


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return list(caught.value.problems)


BARE = "tieline: 1\nconnections:\n  left:\n    tool: servicenow\n    username: u\n    url: https://x.service-now.com\n"
MEMORY = "tieline: 1\nconnections:\n  left:\n    tool: memory\n"


# -- bad files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_a_bad_file_is_refused_with_code_place_and_fix(path: Path, strangers: Strangers) -> None:
    strangers.install(
        "strangers",
        {
            "needy": "import a_library_that_is_not_here",
            "misspelled": MARK + "def tieline_grup_key(signal): ...",
            "arguments": MARK + "def tieline_group_key(alarm): ...",
            "twin": MARK + "def tieline_adapters():\n"
            "    from tieline.adapters.memory.plugin import KIND\n    return [KIND]",
        },
        extras=["needy"],
    )
    found = EXPECTED.match(path.read_text(encoding="utf-8"))
    assert found is not None
    with pytest.raises(ConfigError) as caught:
        load_workspace(path)
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.column) == (found[1], int(found[2]), int(found[3])), str(problem)
    assert problem.code == path.stem[:6]
    assert found[4] in str(problem)
    assert problem.file == str(path)
    assert "canary" not in str(problem)


def test_every_code_has_its_bad_file() -> None:
    codes = set(re.findall(r"CFG\d{3}", config_module.__doc__ or ""))
    files = {path.stem[:6] for path in GOLDEN.glob("*.yaml")}
    assert codes - files == {"CFG001"}  # a file that cannot be read cannot be kept here
    assert files <= codes


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CFG001") as caught:
        load_workspace(tmp_path / "tieline.yaml")
    assert len(caught.value.problems) == 1


def test_all_problems_of_all_parts_come_at_once_in_the_order_of_the_file() -> None:
    found = problems(
        "tieline: 2\nstor: x\nplugins: [groping]\npoll_every: soon\nconnections:\n"
        "  UP:\n    tool: memry\n  left:\n    tool: memory\n    opens: severty == 'x'\n    ceilling: red\n  right:\n"
    )
    assert [(problem.line, problem.code) for problem in found] == [
        (1, "CFG005"),
        (2, "CFG002"),
        (3, "CFG011"),
        (4, "CFG007"),
        (6, "CFG008"),
        (7, "CFG009"),
        (10, "CFG010"),
        (11, "CFG002"),
        (12, "CFG004"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("tieline: 2", (1, 10), "tieline is not 1. Fix: write 1."),
        ("poll_every: 5s", (1, 1), "tieline is missing"),
        ("- a", (1, 1), "holds no options"),
        ("tieline: 1\nserver: {listen: 8484}", (2, 18), "server.listen is no text. Fix: put the value in quotes"),
        ("tieline: 1\nserver: {listen: '0.0.0.0:99999'}", (2, 18), "an address and a port"),
        ("tieline: 1\nserver: {body_limit: 1 potato}", (2, 22), "write a size like"),
        ("tieline: 1\nserver:\n  body_limt: 1", (3, 3), "did you mean 'body_limit'?"),
        ("tieline: 1\nserver: [a]", (2, 9), "and is no list. Fix: write `server: {listen: …}`"),
        ("tieline: x", (1, 10), "tieline is not 1. Fix: write 1."),
        ("tieline: 1\nstore:", (2, 7), "store is not an address like sqlite:///tieline.db, or a reference like {env: "),
        ("tieline: 1\nsignals: {alerts_shown: 500}", (2, 25), "alerts_shown is more than 50. Fix: write 50 or less."),
        ("tieline: 1\nsignals: {alerts_shown: 1.5}", (2, 25), "is no whole number. Fix: write a whole number."),
        ("tieline: 1\nsignals: {alerts_shown: x}", (2, 25), "is no whole number. Fix: write a whole number."),
        ("tieline: 1\nsignals: {resolve: null}", (2, 20), "resolve is neither true nor false"),
        ("tieline: 1\nplugins: {grouping: 5}", (2, 21), "plugins.grouping has options of its own. Fix: write `name: "),
        (MEMORY + "    ceiling: pink", (5, 14), "'amber+strict' or 'red'. Fix: write one of them."),
        (MEMORY + "    people: ada", (5, 13), "people is no list. Fix: write a list: [one, two]."),
        (MEMORY + "    path: 5", (5, 11), "path is no path. Fix: write the path of a file."),
        ("tieline: 1\nsignals: {resolve: maybe}", (2, 20), "write true or false"),
        ("tieline: 1\nplugins: grouping", (2, 10), "write a list"),
        ("tieline: 1\nplugins: [{grouping: 1}]", (2, 11), "make `plugins` a mapping"),
        ("tieline: 1\nplugins: {grouping: {bye: [a]}}", (2, 22), "did you mean 'by'?"),
        ("tieline: 1\nplugins: {measurement: {a: 1}}", (2, 11), "takes no settings"),
        ("tieline: 1\nstore: postgresql://me:hunter2-canary@db/x", (2, 8), "a password in the open"),
        ("tieline: 1\nstore: {env: TIELINE_NOT_SET}", (2, 8), "TIELINE_NOT_SET is not set"),
        ("tieline: 1\nstore: [a]", (2, 8), "or a reference like {env: NAME}. Fix: write one of them."),
        (MEMORY + "    opens: [a]", (5, 12), "left.opens is not true, false or a condition in CEL. Fix: write one of"),
        (MEMORY + "    copies: 7", (5, 13), "left.copies is not true, false or a condition in CEL. Fix: write one of"),
        (
            BARE + "    password: {env: X}\n    verify_tls: [a]",
            (8, 17),
            "true, false or the path of a CA bundle. Fix: w",
        ),
        (BARE + "    password: {env: X}\n    verify_tls: 5", (8, 17), "verify_tls is not true, false or the path of a"),
        ("tieline: 1\nsignals: {doubt_from: x}", (2, 23), "is no whole number. Fix: write a whole number, or null."),
        ("tieline: 1\nsignals: {doubt_from: 0}", (2, 23), "doubt_from is less than 1. Fix: write 1 or more, or null."),
        ("tieline: 1\nsignals: {unknown_urgency: x}", (2, 28), "'medium' or 'low'. Fix: write one of them, or null."),
        ("tieline: 1\nsignals: {reraise_after: x}", (2, 26), "like 30s, 5m, 4h or 1d, or null."),
        (
            BARE + "    password: {env: X}\n    timeout: 601",
            (8, 14),
            "timeout is more than 600. Fix: write 600 or less.",
        ),
        (
            BARE + "    password: {env: X}\n    timeout: 0",
            (8, 14),
            "timeout is not more than 0. Fix: write more than 0.",
        ),
        (MEMORY + "    poll_every: x", (5, 17), "like 30s, 5m, 4h or 1d."),
        (
            MEMORY + "    comments: sideways",
            (5, 15),
            "comments is not 'both', 'in', 'out' or 'none'. Fix: write one of them.",
        ),
        (MEMORY + "    calls_per_minute: 0", (5, 23), "calls_per_minute is less than 1. Fix: write 1 or more."),
        (MEMORY + "    poll_every: 0s", (5, 17), "poll_every is not more than 0 seconds"),
        (MEMORY + "    opens: 'true +'", (5, 18), "`+`"),
        (MEMORY + "    opens: |\n      title == 'a'\n      && servity == 'b'\n", (7, 10), "did you mean 'severity'?"),
        (MEMORY + "    opens: yes", (5, 12), "write true or false"),
        (MEMORY + "    opens: title ==", (5, 20), "ends too early"),
        (MEMORY + "    history: -1d", (5, 14), "no duration"),
        (MEMORY + "    overley: x.yaml", (5, 5), "did you mean 'overlay'?"),
        ("tieline: 1\nconnections: {left: {tool: 5}}", (2, 28), "put the value in quotes"),
        ("tieline: 1\nconnections: {jira: {tool: jira-clowd}}", (2, 28), "did you mean 'jira"),
        (BARE + "    password: {env: HOME}\n    client_key: k.pem", (8, 17), "belong to a `client_certificate`"),
        (BARE, (3, 3), "`password` is missing"),
        (
            BARE + "    oauth:\n      grant: refresh_token\n      client_id: x\n      client_secret: {env: HOME}",
            (8, 14),
            "goes with `grant",
        ),
    ],
)
def test_what_is_wrong_stands_at_its_place(text: str, place: tuple[int, int], words: str) -> None:
    (problem,) = problems(text)
    assert (problem.line, problem.column) == place, str(problem)
    assert words in str(problem)
    assert "Input" not in str(problem)
    assert "canary" not in str(problem)


@pytest.mark.parametrize(
    ("connection", "wanted"),
    [
        (
            "tool: jira, project: 'a\"b', overlap: 1s",
            ["url is missing", "quotes, backslashes", "give either `email`", "`overlap` must be longer"],
        ),
        (
            "tool: pagerduty, auth: bearer",
            ["from_email is missing", "service is missing", "either `api_key` or `oauth`"],
        ),
        (
            "tool: servicenow, oauth: {client_id: x, grant: refresh_token}",
            ["url is missing", "username is missing", "oauth.client_secret is missing", "goes with `grant"],
        ),
        (
            "tool: prometheus, username: u, verify_tls: ca.pem, ca_file: b.pem, client_key: k.pem",
            ["url is missing", "go together", "`ca_file` or `verify_tls`", "belong to a `client_certificate`"],
        ),
        (
            "tool: alertmanager, webhook_username: u, poll_evry: 3s, overlay: none.yaml",
            ["poll_evry is not an option", "`webhook_username` and", "give `url` to poll it", "there is no file"],
        ),
        (
            "tool: jira, url: 'https://x.atlassian.net', project: A, email: a@b.c, api_token: canary, "
            "proxy: {url: 'http://p', username: u}",
            ["api_token: write a reference", "`username` and `password` go together"],
        ),
    ],
)
def test_what_is_missing_hides_nothing_else_that_is_wrong(connection: str, wanted: list[str]) -> None:
    found = [str(problem) for problem in problems(f"tieline: 1\nconnections: {{left: {{{connection}}}}}")]
    assert len(found) == len(wanted), found
    for words in wanted:
        assert any(words in one for one in found), (words, found)


@pytest.mark.parametrize("option", ["overlay", "mapping"])
def test_a_folder_where_a_file_belongs_is_told_as_that(tmp_path: Path, option: str) -> None:
    (tmp_path / "maps.yaml").mkdir()
    with pytest.raises(ConfigError) as caught:
        load(MEMORY + f"    {option}: maps.yaml\n", tmp_path)
    (problem,) = caught.value.problems
    assert (problem.code, problem.what) == ("CFG018", f"{tmp_path / 'maps.yaml'} is a folder, and no file.")
    assert problem.fix == "name a file in it."


def test_another_option_hides_no_store_that_cannot_be_used() -> None:
    assert [problem.code for problem in problems("store: mysql://x\npoll_evry: 3s")] == ["CFG003", "CFG019", "CFG002"]


def test_what_was_left_to_a_person_is_refused_wherever_it_stands_and_judged_when_it_is_written() -> None:
    text = (
        "tieline: 1\nplugins: {grouping: {by: [change-me]}}\nconnections:\n"
        "  pager: {tool: pagerduty, api_key: {env: X}, from_email: a@example.org, service: change-me}\n"
        "  jira: {tool: jira, url: https://api.atlassian.com/ex/jira/change-me, project: change-me, pat: {env: Y}}\n"
    )
    found = [(problem.code, problem.line, problem.what.partition(":")[0]) for problem in problems(text)]
    assert found == [
        ("CFG025", 2, "plugins.grouping.by[0]"),
        ("CFG025", 4, "connections.pager.service"),
        ("CFG025", 5, "connections.jira.url"),
        ("CFG025", 5, "connections.jira.project"),
    ]


def test_a_secret_that_was_left_to_a_person_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOW_PASSWORD", "change-me")
    [told] = unresolved_secrets(load(BARE + "    password: {env: SNOW_PASSWORD}"))
    assert told.endswith("connections.left.password: env:SNOW_PASSWORD still holds `change-me`; put the secret there")


def test_a_secret_in_the_open_is_never_repeated_wherever_it_stands() -> None:
    text = (
        "tieline: 1\nconnections:\n  snow:\n    tool: servicenow\n    url: https://example.service-now.com\n"
        "    username: u\n    password: canary1\n    webhook_secret: [canary2]\n    oauth:\n      client_id: x\n"
        "      client_secret: {value: canary3}\n"
    )
    found = problems(text)
    assert [(problem.code, problem.line) for problem in found] == [("CFG006", 7), ("CFG006", 8), ("CFG006", 11)]
    assert "canary" not in "".join(map(str, found))


def test_a_missing_secret_says_how_to_write_it() -> None:
    found = problems("tieline: 1\nconnections: {snow: {tool: servicenow, url: 'https://x.example.com', username: u}}")
    assert "add `password: {env: NAME}`" in str(found[0])


# -- accounts --------------------------------------------------------------------------------------------------------


TWO = "tieline: 1\nconnections:\n  left:\n    tool: memory\n{left}  right:\n    tool: memory\n{right}"


def two(left: str, right: str) -> Config:
    return load(TWO.format(left=left, right=right))


def test_a_connection_shares_nothing_unless_it_says_so() -> None:
    assert left(load(MEMORY)).account == ""


def test_connections_of_one_account_have_the_budget_that_any_of_them_names() -> None:
    shared = "    account: desk\n"
    for config in (
        two(shared, f"{shared}    calls_per_minute: 90\n"),
        two(f"{shared}    calls_per_minute: 90\n", shared),
    ):
        assert [(one.account, one.calls_per_minute) for one in config.connections.values()] == [("desk", 90)] * 2


def test_connections_of_two_accounts_are_held_against_nobody() -> None:
    config = two("    account: desk\n    calls_per_minute: 60\n", "    account: other\n    user: bot\n")
    assert [one.calls_per_minute for one in config.connections.values()] == [60, 60_000]


def test_all_that_tells_two_accounts_apart_is_told_at_its_place() -> None:
    given = TWO.format(
        left="    account: desk\n    user: ann\n    calls_per_minute: 60\n",
        right="    account: desk\n    password: {env: P}\n    calls_per_minute: 61\n",
    )
    found = problems(given)
    assert [(one.line, one.column, one.code) for one in found] == [
        (10, 14, "CFG027"),  # it names no user: told where its account stands
        (11, 15, "CFG027"),
        (12, 23, "CFG027"),
    ]
    assert [one.fix for one in found[:2]] == ["write the same, or give it an account of its own."] * 2


@pytest.mark.parametrize("name", ["Desk", "-desk", "desk_1", "d" * 41])
def test_an_account_is_called_as_connections_are(name: str) -> None:
    (found,) = problems(f"{MEMORY}    account: {name}\n")
    assert (found.line, found.column, found.code) == (5, 14, "CFG005")
    assert "lower-case letters" in found.what


def test_tools_that_log_in_alike_may_share_an_account() -> None:
    of = "    account: site\n    url: https://x.atlassian.net\n    email: a@example.com\n    api_token: {{env: T}}\n"
    both = TWO.format(left=of.replace("{{", "{").replace("}}", "}"), right=of.replace("{{", "{").replace("}}", "}"))
    both = both.replace("tool: memory", "tool: jira\n    project: OPS", 1).replace(
        "tool: memory", "tool: jira-jsm\n    project: IT"
    )
    assert {one.account for one in load(both).connections.values()} == {"site"}


def test_every_shipped_tool_says_what_an_account_is() -> None:
    registry = Registry.load(
        {point.name: Node({}, 1, 1) for point in installed() if point.value.startswith("tieline.")}
    )
    without = [tool for tool, kind in registry.adapters.items() if not kind.settings.account_options]
    assert without == ["sns", "webhook"], "nobody logs in where there is nothing to ask"
    registry.close()


def test_what_has_no_account_shares_none(strangers: Strangers) -> None:
    strangers.install("strangers", {"nameless": NAMELESS})
    given = "tieline: 1\nplugins: [nameless]\nconnections:\n  left:\n    tool: nameless\n    account: desk\n"
    (found,) = problems(given)
    assert (found.line, found.column, found.code) == (6, 14, "CFG017")
    assert "the adapter of nameless does not say" in found.what


NAMELESS = (
    MARK + "def tieline_adapters():\n"
    "    from dataclasses import replace\n"
    "    from tieline.adapters.memory.plugin import KIND\n"
    "    from tieline.core.port import ConnectionSettings\n"
    "    return [replace(KIND, tool='nameless', settings=ConnectionSettings)]"
)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("account: str = ''", "has options of its own that every connection has: account"),
        ("account_options = ('url',)", "knows an account by options that it does not have: url"),
    ],
)
def test_a_tool_whose_options_no_connection_could_give_is_not_registered(
    strangers: Strangers, body: str, words: str
) -> None:
    odd = NAMELESS.replace("settings=ConnectionSettings", "settings=Odd").replace(
        "    return", f"    class Odd(ConnectionSettings):\n        {body}\n    return"
    )
    strangers.install("strangers", {"nameless": odd})
    found = problems("tieline: 1\nplugins: [nameless]\n")
    assert [(one.code, words in one.what) for one in found] == [("CFG016", True)]


# -- good files ------------------------------------------------------------------------------------------------------


def test_an_almost_empty_file_has_every_default() -> None:
    config = load("tieline: 1")
    assert config.store == "sqlite:////nowhere/tieline.db"
    assert (config.server.listen, config.server.body_limit) == ("127.0.0.1:8484", 1024 * 1024)
    assert (config.signals.window, config.signals.silence_for) == (timedelta(minutes=5), timedelta(hours=4))
    assert (config.poll_every, config.stop_within) == (timedelta(seconds=30), timedelta(seconds=20))
    assert config.connections == {}


def test_a_connection_takes_what_it_does_not_say_from_the_file_and_from_its_tool() -> None:
    config = load(
        "tieline: 1\npoll_every: 90s\nconnections:\n  left: {tool: memory}\n  right: {tool: memory, poll_every: 5s}"
    )
    assert left(config).poll_every == timedelta(seconds=90)
    assert config.connections[ConnectionName("right")].poll_every == timedelta(seconds=5)
    assert left(config).calls_per_minute == left(config).kind.calls_per_minute
    assert left(config).mapping == left(config).kind.mapping
    assert (left(config).comments, left(config).ceiling) == (Comments.BOTH, Tlp.AMBER)
    assert left(config).webhook_silence == timedelta(hours=1)


def test_everything_a_connection_can_say_is_heard(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "mine.yaml").touch()
    (tmp_path / "over.yaml").touch()
    config = load(
        MEMORY + "    mapping: maps/mine.yaml\n    overlay: over.yaml\n    calls_per_minute: 7\n    comments: in\n"
        "    ceiling: amber+strict\n    opens: severity in ['high', 'critical']\n    copies: false\n"
        "    webhook_silence: null\n    history: 2d\n",
        tmp_path,
    )
    one = left(config)
    assert (one.mapping, one.overlay) == (tmp_path / "maps" / "mine.yaml", tmp_path / "over.yaml")
    assert (one.calls_per_minute, one.comments, one.ceiling) == (7, Comments.IN, Tlp.AMBER_STRICT)
    assert one.opens.holds({"severity": "high"})
    assert not one.opens.holds({"severity": "low"})
    assert not one.copies.holds({})
    assert one.webhook_silence is None
    assert one.settings.history == timedelta(days=2)


def test_a_record_opens_an_incident_only_in_monitoring_and_a_copy_goes_only_where_it_can_be_written() -> None:
    config = load(
        "tieline: 1\nconnections:\n  left: {tool: memory}\n"
        "  prom: {tool: prometheus, url: 'https://prometheus.example.com'}\n"
    )
    prometheus = config.connections[ConnectionName("prom")]
    assert (left(config).opens.holds({}), left(config).copies.holds({})) == (False, True)
    assert (prometheus.opens.holds({}), prometheus.copies.holds({})) == (True, False)


def test_relative_stores_stand_beside_the_file_and_secret_ones_come_from_their_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load("tieline: 1\nstore: sqlite:///data/x.db").store == "sqlite:////nowhere/data/x.db"
    assert load("tieline: 1\nstore: sqlite:////srv/x.db").store == "sqlite:////srv/x.db"
    monkeypatch.setenv("TIELINE_STORE", "postgresql://me:canary@db/x")
    config = load("tieline: 1\nstore: {env: TIELINE_STORE}")
    assert config.store == "postgresql://me:canary@db/x"
    assert "canary" not in repr(config) + json.dumps(show_config(config))


@pytest.mark.parametrize("tool", ["memory", "spool"])
def test_every_path_of_a_connection_counts_from_the_file(tool: str) -> None:
    settings = left(load(f"tieline: 1\nconnections:\n  left: {{tool: {tool}, path: kept/here}}\n")).settings
    assert dict(settings)["path"] == Path("/nowhere/kept/here")
    settings = left(load(f"tieline: 1\nconnections:\n  left: {{tool: {tool}, path: /srv/here}}\n")).settings
    assert dict(settings)["path"] == Path("/srv/here")


def test_a_bundle_of_authorities_counts_from_the_file(tmp_path: Path) -> None:
    import certifi

    (tmp_path / "ca.pem").write_bytes(Path(certifi.where()).read_bytes())
    said = "tieline: 1\nconnections:\n  left: {tool: prometheus, url: 'https://x.example', verify_tls: ca.pem}\n"
    assert dict(left(load(said, tmp_path)).settings)["verify_tls"] == str(tmp_path / "ca.pem")


def test_plugins_are_a_list_or_a_mapping_with_settings() -> None:
    assert dict(load("tieline: 1\nplugins: [grouping, severity]").plugins) == {"grouping": {}, "severity": {}}
    mapped = load("tieline: 1\nplugins: {grouping: {by: [service]}, severity: }")
    assert dict(mapped.plugins) == {"grouping": {"by": ["service"]}, "severity": {}}


def test_whoever_loads_may_bring_the_plugins() -> None:
    """A simulation owns its plugins, and calls them without threads."""

    def provide(allowed: Any, findings: Findings) -> Registry:
        from tieline.adapters.memory import plugin as memory

        return Registry([Plugin("memory", memory)], limits=Limits(inline=True), findings=findings)

    config, registry = load_text(MEMORY, Path("/nowhere/tieline.yaml"), provide)
    assert left(config).kind is registry.adapters["memory"]


def test_a_check_of_a_connection_that_fails_itself_is_a_problem_of_the_adapter() -> None:
    from tieline.adapters.memory import plugin as memory

    kind = next(one for one in memory.tieline_adapters() if one.tool == "memory")

    class Odd(kind.settings):  # type: ignore[name-defined, misc]
        @model_validator(mode="after")
        def _known(self) -> Any:
            raise KeyError("s3cret")

    class Adapters:
        @hookimpl
        def tieline_adapters(self) -> list[AdapterKind]:
            return [replace(kind, settings=Odd)]

    def provide(allowed: Any, findings: Findings) -> Registry:
        return Registry([Plugin("memory", Adapters())], limits=Limits(inline=True), findings=findings)

    with pytest.raises(ConfigError) as caught:
        load_text(MEMORY, Path("/nowhere/tieline.yaml"), provide)
    told = "the adapter of 'memory' has a fault in what checks its settings: KeyError in test_config.py:"
    assert [(one.code, told in one.what) for one in caught.value.problems] == [("CFG013", True)], caught.value
    assert "s3cret" not in str(caught.value)


# -- what is generated -----------------------------------------------------------------------------------------------


def everything() -> Registry:
    """All installed plugins of this distribution."""
    return Registry.load({point.name: Node(None, 1, 1) for point in installed()})


def test_the_schema_names_every_option_of_every_tool() -> None:
    kinds = everything().adapters
    schema = config_schema(kinds)
    assert json.loads(json.dumps(schema)) == schema
    connections = {one["title"]: one for one in schema["properties"]["connections"]["additionalProperties"]["anyOf"]}
    assert connections.keys() == kinds.keys()
    for tool, kind in kinds.items():
        assert kind.settings.model_fields.keys() <= connections[tool]["properties"].keys()
        assert "ceiling" in connections[tool]["properties"]
    references = set(re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema)))
    assert references <= schema["$defs"].keys()
    assert schema["properties"]["poll_every"]["default"] == "30s"
    assert connections["servicenow"]["properties"]["password"]["anyOf"][0]["maxProperties"] == 1


def test_the_example_without_connections_loads_as_it_is() -> None:
    text = example_config([], ["grouping"])
    assert load(text).plugins.keys() == {"grouping"}


def test_the_example_with_pages_has_them_served_with_the_daemon() -> None:
    found = load(example_config([], ["console"]))
    assert found.web.beside_run
    assert not load(example_config([], ["grouping"])).web.beside_run


def test_the_example_with_its_comments_taken_away_still_loads() -> None:
    """Every default is written so that it reads back as itself."""
    text = example_config([], [])
    bare = "\n".join(re.sub(r"^# (\w+:|  )", r"\1", line) for line in text.splitlines())
    assert show_config(load(bare)) == show_config(load("tieline: 1"))


def test_the_example_of_every_tool_is_wrong_only_where_a_person_must_choose() -> None:
    for tool, kind in everything().adapters.items():
        text = example_config([kind])
        assert f"tool: {tool}" in text
        try:
            load(text)
        except ConfigError as error:
            assert {problem.code for problem in error.problems} == {"CFG025"}, error
        for name in kind.settings.model_fields:
            assert re.search(rf"^    (# )?{name}: ", text, re.MULTILINE), (tool, name)


def test_every_default_in_an_example_reads_back_as_itself() -> None:
    """Text that looks like a number keeps its quotes: `closed_states: ["7"]`."""
    for kind in everything().adapters.values():
        shown = {
            name: info.get_default(call_default_factory=True, validated_data={})
            for name, info in kind.settings.model_fields.items()
            if not info.is_required()
        }
        for line in example_config([kind]).splitlines():
            if (found := re.fullmatch(r"    # (\w+: .+)", line)) and (name := found[1].partition(":")[0]) in shown:
                (read,) = load_yaml(found[1], "x").plain().values()
                assert read == plain_value(shown[name]), line


SNOW = """
tieline: 1
connections:
  snow:
    tool: servicenow
    url: https://example.service-now.com
    username: tieline
    password: {env: SNOW_PASSWORD}
    oauth: {client_id: x, client_secret: {file: /nowhere/secret}}
"""


def test_a_dump_shows_references_and_never_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOW_PASSWORD", "canary")
    shown = show_config(load(SNOW))["connections"]["snow"]
    assert shown["password"] == {"env": "SNOW_PASSWORD"}
    assert shown["oauth"]["client_secret"] == {"file": "/nowhere/secret"}
    assert (shown["poll_every"], shown["copies"], shown["ceiling"]) == ("30s", True, "amber")
    assert "canary" not in json.dumps(shown)


def test_references_are_followed_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(SNOW)
    sentences = unresolved_secrets(config)
    assert len(sentences) == 2
    place = "/nowhere/tieline.yaml:8:5"
    assert sentences[0].startswith(f"{place}: connections.snow.password: the environment variable SNOW_PASSWORD is not")
    assert "/nowhere/secret" in sentences[1]
    monkeypatch.setenv("SNOW_PASSWORD", "x")
    assert len(unresolved_secrets(config)) == 1


# -- units -----------------------------------------------------------------------------------------------------------


@given(st.integers(min_value=0, max_value=36_500 * 86_400_000))
def test_a_duration_reads_back_as_it_was_shown(milliseconds: int) -> None:
    length = timedelta(milliseconds=milliseconds)
    assert parse_duration(show_duration(length)) == length


@pytest.mark.parametrize(
    "text", ["", "30", "s", "1 s", "-1s", "1.s", "1e3s", "1y", "36501d", "9" * 500 + "d", True, 5, None]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration|years"):
        parse_duration(text)


def test_sizes_have_units_of_both_kinds() -> None:
    assert [parse_size(text) for text in ("1MiB", "1.5KiB", "2kB", "7B", 12)] == [1048576, 1536, 2000, 7, 12]
    for text in ("", "MiB", "1 m", "-1", -1, True, "1" * 400 + "MiB"):
        with pytest.raises(ValueError, match="size"):
            parse_size(text)


def test_settings_with_a_bad_duration_are_not_given_to_anybody() -> None:
    findings = Findings("x.yaml")
    assert validated(SignalsConfig, load_yaml("window: soon", "x.yaml"), "signals", findings) is None
    assert [problem.code for problem in findings.problems] == ["CFG007"]


def test_a_problem_of_yaml_comes_before_all_others() -> None:
    assert [problem.code for problem in problems("tieline: 1\ntieline: 1\nplugins: &x [y]")] == ["YAML008", "YAML009"]
    assert load_yaml("a: 1", "x").plain() == {"a": 1}
