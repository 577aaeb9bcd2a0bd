"""Whatever a server answers, or does not, is told in a sentence that says what to do next; nothing is done twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.client.conftest import Served
from tests.cli.client.serving import TOKEN, answer, description, problem, run, told

from tieline.cli.client import calls

EDIT = ("edit", "INC-1", "title=x")


def test_what_a_command_says_goes_out_and_what_comes_back_is_shown(served: Served) -> None:
    server = served(lambda _line: told("INC-1 changed", {"incident": "INC-1"}, ("It waits.",)))
    assert run(*EDIT) == (0, "It waits.\nINC-1 changed\n")
    ((line, headers, body),) = [one for one in server.asked if "edit" in one[0]]
    assert line == "POST /api/v1/edit"
    assert headers["authorization"] == f"bearer {TOKEN}"
    assert json.loads(body) == {"incident": "INC-1", "changes": {"title": "x"}}
    assert json.loads(run(*EDIT, "--json")[1].partition("\n")[2]) == {"incident": "INC-1"}
    assert run("incidents", "--status", "new", "--limit", "3") == (0, "It waits.\nINC-1 changed\n")
    assert server.calls[-1] == "GET /api/v1/incidents?status=new&limit=3"


def test_a_question_with_a_file_in_it_goes_out_as_a_body_however_long_it_is(served: Served, tmp_path: Path) -> None:
    server = served(lambda _line: told("It says that already.", {}, ()))
    (tmp_path / "limits.yaml").write_text("# why\n" * 50_000, encoding="utf-8")
    assert run("policy", "plan", "escalation.limits", str(tmp_path / "limits.yaml"))[0] == 0
    line, headers, body = server.asked[-1]
    assert (line, headers["content-type"]) == ("POST /api/v1/policy/plan", "application/json")
    assert json.loads(body) == {"policy": "escalation.limits", "document": "# why\n" * 50_000}


def test_an_act_whose_answer_is_lost_is_asked_for_again_under_one_key(served: Served) -> None:
    server = served(lambda _line: told() if len(server.calls) == 3 else None)
    assert run(*EDIT) == (0, "It is done.\n")
    keys = [headers["idempotency-key"] for line, headers, _body in server.asked if line == "POST /api/v1/edit"]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert len(keys[0]) >= 32


def test_an_act_that_is_never_answered_names_the_key_under_which_it_is_done_once(served: Served) -> None:
    server = served(lambda _line: None)
    code, words = run(*EDIT)
    assert code == 4
    key = server.asked[-1][1]["idempotency-key"]
    doubt = f"Whether it was done is not known: ask again with --key {key}, under which it is done once\n"
    assert words.endswith(f"did not answer: it hung up. {doubt}")
    assert run(*EDIT, "--key", "deploy-1")[1].count("--key deploy-1") == 1
    assert "not known" not in run("incidents")[1]


def test_a_server_that_ends_in_the_middle_is_told(served: Served) -> None:
    cut = told("It is " + "x" * 5_000)[:-3_000]
    served(lambda _line: cut)
    code, words = run("incidents")
    assert (code, "its answer was cut off" in words) == (4, True)


def test_a_server_that_is_down_is_told_at_once_and_help_is_there(served: Served) -> None:
    server = served(lambda _line: told())
    run(*EDIT)
    server.close()
    code, words = run(*EDIT)
    assert code == 4
    assert words == f"{server.url} cannot be reached: Connection refused. Is it running, and is the address right?\n"
    assert json.loads(run(*EDIT, "--json")[1]) == {"error": words.strip(), "exit_code": 4}
    assert run("--help")[0] == 0
    assert "--take" in run("conflicts", "settle", "--help")[1]


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (problem(401, "not-proved", "the token x ended."), 1, "the token x ended. `tieline login http://127.0.0.1:"),
        (problem(403, "not-allowed", "ann may not."), 1, "ann may not.\n"),
        (problem(404, "not-there", "there is no INC-1"), 5, "there is no INC-1\n"),
        (problem(409, "not-done", "it is so already"), 1, "it is so already\n"),
        (problem(412, "changed", "it moved"), 1, "it moved\n"),
        (problem(422, "key-reused", "take another key"), 1, "take another key\n"),
        (problem(422, "wrong-words", "x", [{"field": "at", "detail": "no time"}]), 2, "Error: at: no time\n"),
        (problem(422, "wrong-words", "title is what", [{"field": 1}]), 2, "Error: title is what\n"),
        (problem(429, "too-often", "too often", Retry_After="40"), 4, "too often; ask again in 40 s\n"),
        (problem(503, "busy", "the store does not answer: locked", Retry_After="9"), 4, "locked; ask again in 9 s\n"),
        (problem(503, "busy", "not now", Retry_After="Wed, 21 Oct"), 4, "not now; ask again later\n"),
        (problem(500, "broken", "a fault of ours"), 1, "a fault of ours\n"),
        (answer(502, "<html>Bad gateway", "text/html"), 4, "stands in front of it: 502, text/html; the server behind"),
        (answer(200, "<html>Welcome", "text/html"), 1, "200, text/html; is the address right"),
        (answer(403, "<html>Sign in", "text/html; charset=x"), 1, "403, text/html; is the address"),
        (answer(200, b'{"facts": "\xff"}', calls.SHOWN), 1, "what answers is not Tieline's API"),
        (answer(200, b"[" * 100_000, calls.SHOWN), 1, "what answers is not Tieline's API"),
        (answer(200, b'{"facts": NaN, "shown": [], "notes": []}', calls.SHOWN), 1, "what answers is not Tieline's"),
        (answer(200, {"facts": {}, "shown": [{"picture": 1}], "notes": []}, calls.SHOWN), 1, "as new as this version"),
        (answer(200, {"facts": {}, "shown": [], "notes": 1}, calls.SHOWN), 1, "what answers is not Tieline's API"),
        (answer(200, {"facts": {}}), 1, "what answers is not Tieline's API"),
        (answer(401, b"{", "application/problem+json"), 1, "what answers is not Tieline's API"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 4, "that is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", 1, "what answers is not Tieline's API"),
    ],
)
def test_every_answer_is_told_with_what_to_do(served: Served, reply: bytes, code: int, words: str) -> None:
    served(lambda _line: reply)
    found, said = run("incidents")
    assert (found, words in said) == (code, True), said
    assert TOKEN not in said


def test_a_server_that_is_busy_for_a_moment_is_waited_for(served: Served) -> None:
    server = served(
        lambda _line: told() if len(server.calls) == 2 else problem(503, "busy", "not now", Retry_After="0")
    )
    assert run(*EDIT) == (0, "It is done.\n")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed_and_no_token_goes_elsewhere(served: Served, status: int) -> None:
    other = served(lambda _line: told())
    server = served(lambda _line: answer(status, "", Location=f"{other.url}/api/v1/edit"))
    code, words = run(*EDIT)
    assert code == 1
    assert f"{server.url} sends its callers on to {other.url}/api/v1/edit, where no token is shown" in words
    assert other.asked == []


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m"


def test_what_a_server_says_moves_no_cursor(served: Served) -> None:
    table = {"table": HOSTILE, "columns": [HOSTILE], "rows": [[HOSTILE], [{"a": HOSTILE}]], "empty": HOSTILE}
    parts: list[Any] = [table, {**table, "rows": []}, {"note": HOSTILE, "about": HOSTILE}, {"sentence": HOSTILE}]
    parts.append({"fact": HOSTILE, "value": [HOSTILE]})
    said = {"facts": {HOSTILE: HOSTILE}, "shown": parts, "notes": [HOSTILE]}
    server = served(lambda _line: answer(200, said, calls.SHOWN))
    written = run("incidents")[1] + run("incidents", "--json")[1]
    server.of = lambda _line: problem(409, "not-done", HOSTILE)
    written += run(*EDIT)[1] + run(*EDIT, "--json")[1]
    server.of = lambda _line: problem(422, "wrong-words", "x", [{"field": HOSTILE, "detail": HOSTILE}])
    written += run(*EDIT)[1]
    facts = {"help": HOSTILE, "arguments": [{"name": "what", "type": "text", "help": HOSTILE, "choices": [HOSTILE]}]}
    server.described = answer(200, description(**{"kitchen/order": ("post", facts)}), ETag='"2"')
    written += run("kitchen", "order", "--help")[1] + run("kitchen", "order", "--what", "x")[1]
    assert len(written) > 500
    assert not set(written) & set("\x1b\x07\u202e\x9b")


def test_a_command_of_a_newer_server_is_learnt_and_one_that_is_gone_is_told(served: Served) -> None:
    server = served(lambda _line: told("ordered"))
    run("incidents")
    assert run("kitchen", "order", "tea") == (
        2,
        "Usage: tieline [OPTIONS] COMMAND [ARGS]...\nTry 'tieline --help' for help.\n\n"
        "Error: there is no command 'kitchen'.\n",
    )
    what = {"name": "what", "type": "text", "is_word": True, "is_required": True}
    server.described = answer(
        200, description(**{"kitchen/order": ("post", {"help": "Order.", "arguments": [what]})}), ETag='"2"'
    )
    server.of = lambda _line: told("ordered").replace(b'Offer: "1"', b'Offer: "2"')
    run("incidents")  # it says that it offers something else by now
    assert run("kitchen", "order", "tea") == (0, "ordered\n")
    server.described = answer(200, description(), ETag='"3"')
    server.of = lambda _line: problem(404, "not-there", "there is no call", Tieline_Offer='"3"')
    code, words = run("kitchen", "order", "tea")
    assert code == 2
    assert "offers no `tieline kitchen order` any more; `tieline --help` shows what it does" in words


def test_an_argument_that_is_another_by_now_is_told(served: Served) -> None:
    server = served(lambda _line: told())
    run(*EDIT)
    named = {"name": "ticket", "type": "text", "is_word": True, "is_required": True}
    server.described = answer(200, description(edit=("post", {"help": "Edit.", "arguments": [named]})), ETag='"2"')
    wrong = [{"field": "ticket", "detail": "it is missing"}]
    server.of = lambda _line: problem(422, "wrong-words", "x", wrong, Tieline_Offer='"2"')
    assert run(*EDIT) == (2, "ticket: it is missing. `tieline edit` takes something else by now: `--help` shows it\n")


def test_what_no_server_offers_is_not_done_here_instead(served: Served, home: Path) -> None:
    server = served(lambda _line: told())
    older = description()
    del older["paths"]["/api/v1/restrict"]
    server.described = answer(200, older, ETag='"1"')
    (home / "elsewhere" / "tieline.yaml").write_text("tieline: 1\nconnections: {}\n")
    code, words = run("restrict", "INC-1", "--reason", "x")
    assert code == 2
    assert f"{server.url} offers no `tieline restrict`" in words


def test_what_no_token_reaches_is_told_with_where_it_is_done(served: Served) -> None:
    server = served(lambda _line: told())
    offered = description()
    withheld = ["account add", "account password", "account remove", "token issue"]
    for name in withheld:
        del offered["paths"][f"/api/v1/{name.replace(' ', '/')}"]
    server.described = answer(200, {**offered, "x-not-by-token": withheld}, ETag='"1"')
    for _from_the_server_and_as_it_was_kept in range(2):
        for words in (("token", "issue", "x", "--role", "admin"), ("account", "add", "--help-me")):
            assert run(*words) == (
                1,
                f"{server.url} does `tieline {' '.join(words[:2])}` for nobody who shows a token, as a login does: "
                "what is made so would outlive a token that is stolen. Run it as yourself on the machine of the "
                "server\n",
            )
    assert run("token", "revoke", "0123456789ab") == (0, "It is done.\n")
    assert "Not done for whoever shows a token" in run("account", "--help")[1]


def test_an_answer_without_end_is_not_kept(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "LARGEST", 1_000)
    server = served(lambda _line: told("x" * 2_000))
    server.described = answer(200, description(), ETag='"1"')
    code, words = run("incidents")
    assert (code, "answered more than 1,000 bytes" in words) == (1, True)


def test_a_plugin_is_written_here_though_a_server_does_the_rest(served: Served, home: Path) -> None:
    served(lambda _line: told())
    code, words = run("plugin", "new", "notes", "--folder", "notes")
    assert code == 0, words
    assert (home / "elsewhere" / "notes").is_dir()
