"""The small language that the contract tests are written in."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pytest

from tieline.adapters.testing.driver import ToolDriver
from tieline.core.errors import RemoteError
from tieline.core.port import Cursor, Page, Power, Reading, Ref, Source, Token

T = TypeVar("T")
Driver = ToolDriver | type[ToolDriver]
Test = TypeVar("Test", bound=Callable[..., None])

ENDLESS = 500
"""Pages after which a listing counts as one that never ends."""

HOUR = 3600.0
"""Longer than any overlap an adapter may look back."""

HOSTILE = {
    "empty": "",
    "blank": " \t ",
    "64 kB": "x" * 65_536,
    "emoji": "disk 🔥 on db1 👩‍🚒",
    "right to left": "\u202eexe.gnp قاعدة البيانات",
    "control characters": "a\x00b\x07c\x1b[31md",
    "lines": "one\r\ntwo\rthree\n\u2028four",
    "markup": "<script>alert(1)</script> [code]<b>x</b>[/code] *bold* {color:red}x{color}",
    "templates": "{{7*7}} ${7*7} {0.__class__} %(x)s #{7*7}",
    "query": "x' OR 1=1 -- ^ORactive=true\" ORDER BY 1",
    "accents": "e\u0301 \u00e9 \ufeff\u00df \u0130",
}


def needs(*wanted: Power | str) -> Callable[[Test], Test]:
    """What a test is about: adapters that claim these powers, and tools of which these words hold (`tells_age`). And
    what it waits for: these verbs of the driver."""
    for verb in wanted:
        if not isinstance(verb, Power) and not hasattr(ToolDriver, verb):
            raise AttributeError(f"ToolDriver has no verb {verb!r}")

    def mark(test: Test) -> Test:
        test.needs = wanted  # type: ignore[attr-defined]
        return test

    return mark


def claims(tool: Driver) -> dict[str, object]:
    """All that says which tests are about a tool."""
    words = [name for name, value in vars(ToolDriver).items() if isinstance(value, bool)]
    return {name: getattr(tool, name) for name in ("powers", "lacks", *words)}


def foreign(test: Callable[..., None], tool: Driver) -> str:
    """Why a test is not about this tool, by what is claimed of it; "" if it is."""
    for wanted in getattr(test, "needs", ()):
        if isinstance(wanted, Power):
            if wanted not in tool.powers:
                return f"the adapter does not claim {wanted.value}"
        elif wanted in tool.lacks:
            return f"the tool cannot {wanted}: {tool.lacks[wanted]}"
        elif _is_a_word(wanted) and not getattr(tool, wanted):
            return f"{wanted} does not hold"
    return ""


def unfilled(test: Callable[..., None], tool: Driver) -> str:
    """Which verb of the driver a test waits for; "" if it has all of them."""
    words = [wanted for wanted in getattr(test, "needs", ()) if not isinstance(wanted, Power)]
    waits = (word for word in words if not _is_a_word(word) and not tool.can(word))
    return next((f"the driver has no verb {verb}" for verb in waits), "")


def _is_a_word(wanted: str) -> bool:
    return isinstance(getattr(ToolDriver, wanted), bool)


def expect(held: bool, sentence: str) -> None:
    """Fail with a sentence that tells the author what to mend."""
    if not held:
        pytest.fail(sentence)


def raises(kind: type[RemoteError], act: Callable[[], object], when: str) -> RemoteError:
    """The error of exactly this class that `act` raises. A different class, or none, fails with a sentence."""
    try:
        answer = act()
    except RemoteError as error:
        expect(isinstance(error, kind), f"{when}: raise {kind.__name__}, not {type(error).__name__} ({error})")
        return error
    except Exception as error:
        message = f"{when}: raise {kind.__name__}, not {type(error).__name__} ({error}); nothing else may leave a port"
        raise AssertionError(message) from error
    raise AssertionError(f"{when}: raise {kind.__name__}; the adapter answered {answer!r:.200} instead")


def told(error: RemoteError, status: int) -> None:
    """The error names the HTTP status that it is about, as a value and in its sentence."""
    expect(error.status == status, f"{type(error).__name__}.status is {status}, not {error.status}")
    expect(str(status) in str(error), f"the sentence names the status {status}: {error}")


def token() -> Token:
    """A create token that no other run has used: contracts may run against a real tool."""
    return Token(f"tieline-{uuid.uuid4().hex}")


def pages(source: Source, since: Cursor | None) -> Iterator[Page]:
    """The pages of one pass. Fails when they do not end."""
    for number, page in enumerate(source.changes(since)):
        expect(number < ENDLESS, f"changes() did not end within {ENDLESS} pages")
        yield page


def listed(source: Source, since: Cursor | None) -> list[Reading]:
    """All readings of one pass."""
    return [reading for page in pages(source, since) for reading in page.readings]


def refs(readings: Sequence[Reading]) -> list[Ref]:
    return [reading.ref for reading in readings]


def here(source: Source, since: Cursor | None = None) -> Cursor:
    """The cursor after everything that has happened."""
    cursors = [page.cursor for page in pages(source, since)]
    if not cursors:
        raise AssertionError("changes() yielded no page; at least one comes, so that a cursor always exists")
    return cursors[-1]


def newcomers_of(source: Source) -> Callable[[], set[Ref]]:
    """What is listed from now on of records that nobody has made yet: a real tool holds those of other tests."""
    start = here(source)
    before = set(refs(listed(source, start)))
    return lambda: set(refs(listed(source, start))) - before
