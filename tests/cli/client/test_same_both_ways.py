"""A command says the same, in every shape, whether a server does it or this process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.test_looks import COMMANDS, FIRST, LOOKS, place, prepared, shown

from tieline.adapters.testing.clock import ManualClock
from tieline.cli import main
from tieline.cli.accounts import account, owner_of, owns_store
from tieline.cli.client import calls
from tieline.cli.client.sessions import Session
from tieline.cli.main import OF_THIS_MACHINE, perform
from tieline.cli.open import configuration_to_act
from tieline.sync.api.local import Local
from tieline.sync.api.serving import Web
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS

__all__ = ["place", "prepared"]

pytestmark = pytest.mark.slow

OFFERED = {*OWN.by_name, *OWN_VIEWS.by_name}
NAMES = [name for name, words in COMMANDS.items() if OFFERED & {words[0], " ".join(words[:2])}]


@contextmanager
def served(clock: ManualClock) -> Iterator[None]:
    """The workspace in this folder is served, and whoever runs the tests owns it."""
    file = Path("tieline.yaml")
    text = file.read_text("utf-8").rstrip()
    file.write_text(f"{text}\nweb: {{listen: '127.0.0.1:0', calls_per_minute: 100000}}\n", "utf-8")
    web = Web(
        lambda: configuration_to_act("."),
        owns_store,
        owner_of,
        account=lambda _config, _peer: Local(account(), owns_store=True, could_open=True),
        clock=clock,
    )
    web.start()
    yield
    web.stop()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the calls that went out."""
    made: list[str] = []
    call = calls.call

    def counting(session: Session, method: str, path: str, *others: object) -> calls.Reply:
        made.append(path)
        return call(session, method, path, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(calls, "call", counting)
    return made


WHILE_SERVED = {"status": ('"role": "web",\n      "running": 0', '"role": "web",\n      "running": 1')}
"""What is another one because somebody serves: who serves is at work."""


def kept(name: str) -> dict[str, str]:
    """How a command looks that this process does itself, by shape."""
    text = (LOOKS / f"{name}.txt").read_text("utf-8")
    _command, *parts = re.split(r"^──── (.+) ────\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], (part.removesuffix("\n") for part in parts[1::2]), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_it_looks_the_same(
    name: str, place: Callable[[], ManualClock], counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, beside = WHILE_SERVED.get(name, ("", ""))
    looks = {shape: text.replace(alone, beside) for shape, text in kept(name).items()}
    for shape, columns in {"80 columns": 80, "140 columns": 140, "JSON": 80}.items():
        if shape not in looks:
            continue
        clock = place()
        monkeypatch.setenv("COLUMNS", str(columns))
        for before in FIRST.get(name, ()):
            perform(before, clock)
        with served(clock):
            counted.clear()
            found = shown(clock, (*COMMANDS[name], *(["--json"] if shape == "JSON" else [])), columns)
        assert found.removesuffix("\n") == looks[shape].removesuffix("\n"), shape
        assert counted, "no server was asked"


def test_what_is_offered_is_asked_of_a_server() -> None:
    assert not {name.partition(" ")[0] for name in OFFERED} & OF_THIS_MACHINE
    assert set(main.COMMANDS) >= OF_THIS_MACHINE
