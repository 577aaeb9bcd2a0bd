"""T6: what a ticket or a file says is a value and is never evaluated, rendered or formatted."""

from __future__ import annotations

from pathlib import Path

from tests.sync.world import World
from tests.threats.conftest import Tally, cases

from tieline.core.config import load_text
from tieline.core.errors import ConfigError

SECRET = "canary-that-only-an-evaluation-shows"
INNER = [
    "1337*1337", "__import__('os').system('touch exploded')", "open('exploded','w')", "self.__init__.__globals__",
    "''.__class__.__mro__[1].__subclasses__()", "config", "request.application.__globals__", "7*'7'", "cycler.__init__",
    "lipsum.__globals__['os'].popen('touch exploded')", "i.__class__.__init__.__globals__[SECRET]", "SECRET",
    "range(10**9)",
    "'x'*10**9", "constructor.constructor('return 1337*1337')()", "T(java.lang.Runtime).getRuntime().exec('id')",
]  # fmt: skip
WRAPS = ["{{%s}}", "{%% print(%s) %%}", "${%s}", "#{%s}", "<%%= %s %%>", "{%s}", "%%(%s)s", "$(%s)", "`%s`", "{{{%s}}}",
         "{!r:%s}", "=%s", "@(%s)", "{{=%s}}", "$[[%s]]", "*{%s}"]  # fmt: skip
PAYLOADS = [wrap % inner for wrap in WRAPS for inner in INNER]
EVALUATED = (str(1337 * 1337), SECRET, "<class", "<Config", "7777777", "<function", "x" * 1000)
FIELDS = ("title", "description", "team", "service", "category", "close_notes")


def test_no_payload_in_a_field_or_comment_is_evaluated(tmp_path: Path, tally: Tally) -> None:
    assert len(PAYLOADS) >= 200
    world = World(tmp_path, options={"left": "comments: both", "right": "comments: both"})
    step = cases(11, 1)
    chosen = PAYLOADS[::step]
    for payload in chosen:
        row = world.tools["left"].make({**dict.fromkeys(FIELDS, payload), "status": "new", "tags": [payload]})
        world.tools["left"].comment(row.ref, payload)
    world.settle(12)
    rows = world.tools["right"].rows()
    told = repr(rows)
    journal = (tmp_path / "world.db").read_bytes() + (tmp_path / "world.db-wal").read_bytes()
    escaped = [sign for sign in EVALUATED if sign in told or sign.encode() in journal]
    world.engine.store.close()
    world.engine.registry.close()
    assert len(rows) == len(chosen)
    escaped += [payload for payload in chosen if not any(row.body["title"] == payload for row in rows)]
    tally(len(chosen) * (len(FIELDS) + 2), [*escaped, *tmp_path.glob("exploded")])


OPTIONS = [
    "store: '{}'", "poll_every: '{}'", "server: {{listen: '{}'}}",
    "plugins: ['{}']",
    "connections: {{'{}': {{tool: memory}}}}",
    "connections: {{left: {{tool: '{}'}}}}", "connections: {{left: {{tool: memory, opens: '{}'}}}}",
    "connections: {{left: {{tool: memory, copies: '{}'}}}}", "connections: {{left: {{tool: memory, overlay: '{}'}}}}",
    "connections: {{left: {{tool: memory, mapping: '{}'}}}}", "connections: {{left: {{tool: memory, account: '{}'}}}}",
    "connections: {{left: {{tool: memory, ceiling: '{}'}}}}", "connections: {{left: {{tool: memory, password: '{}'}}}}",
]  # fmt: skip


def test_no_payload_in_an_option_is_evaluated(tmp_path: Path, tally: Tally) -> None:
    escaped: list[str] = []
    chosen = PAYLOADS[:: cases(29, 1)]
    for option in OPTIONS:
        for payload in chosen:
            line = option.replace("{{", "{").replace("}}", "}").replace("'{}'", "'" + payload.replace("'", "''") + "'")
            try:
                config, registry = load_text(f"tieline: 1\n{line}\n", tmp_path / "tieline.yaml")
                registry.close()
                told = repr(config.connections)
            except ConfigError as error:
                told = str(error)
            escaped += [f"{line}: {sign}" for sign in EVALUATED if sign in told and sign not in ("<class", "<function")]
    tally(len(chosen) * len(OPTIONS), [*escaped, *tmp_path.glob("exploded"), *Path().glob("exploded")])
