"""What every source owes when things go wrong: the stated error, never an empty answer, and no secret."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import quote

import pytest

from tieline.adapters.testing.contract.expect import expect, here, listed, needs, pages, raises, refs, told
from tieline.adapters.testing.driver import ToolDriver
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, StaleVersion, TryAgain
from tieline.core.port import Source

STATUSES: dict[int, type[RemoteError]] = {
    301: NeedsOperator,
    400: Rejected,
    401: NeedsOperator,
    403: NeedsOperator,
    404: Gone,
    405: NeedsOperator,
    409: StaleVersion,
    410: Gone,
    412: StaleVersion,
    413: Rejected,
    422: Rejected,
    423: TryAgain,
    429: TryAgain,
    500: TryAgain,
    502: TryAgain,
    503: TryAgain,
    504: TryAgain,
}

ODD_HEADERS: dict[str, dict[str, str]] = {
    "a date of no calendar": {"date": "Mon, 99 Foo 99999 99:99:99 GMT"},
    "a date with an endless zone": {"date": "Mon, 23 Nov 2026 19:04:00 +9999"},
    "the last of all dates": {
        "date": "Fri, 31 Dec 9999 23:59:59 -2359",
        "retry-after": "Fri, 31 Dec 9999 23:59:59 -2359",
    },
    "a wait beyond every calendar": {"retry-after": "99999999999999"},
    "a wait of hundreds of digits": {"retry-after": "9" * 400},
    "a wait that ended long ago": {"retry-after": "-99999999999999"},
    "a wait that is no number": {"retry-after": "nan"},
    "a reset beyond every calendar": {"ratelimit-reset": "9" * 30, "x-ratelimit-reset": "9" * 30},
    "a charset that nobody knows": {"content-type": "application/json; charset=klingon"},
    "a charset that is no encoding of text": {"content-type": "application/json; charset=hex"},
    "a charset that raises": {"content-type": "application/json; charset=idna"},
    "a charset that is another one": {"content-type": "application/json; charset=utf-16"},
    "no media type": {"content-type": ""},
    "an encoding that it is not in": {"content-encoding": "gzip"},
}
"""What a broken tool, or something in between, may say beside its answer."""

NONSENSE = {
    "a web page": b"<!doctype html><title>Log in</title>",
    "half a JSON": b'{"result": [{"id": "1", "tit',
    "null": b"null",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "a text": b'"maintenance"',
    "not UTF-8": b'{"result": "\xff\xfe"}',
    "nothing": b"",
}


class FailingContract:
    """Statuses, lost answers and nonsense while reading."""

    @needs("make", "fail", "heal")
    @pytest.mark.parametrize("status", STATUSES)
    def test_each_status_means_its_error(self, adapter: Source, tool: ToolDriver, status: int) -> None:
        ref = tool.make("Disk full")
        tool.fail(status)
        kind = STATUSES[status] if STATUSES[status] is not Gone or tool.reads_by_address else NeedsOperator
        error = raises(kind, lambda: adapter.read(ref), f"a read that is answered {status}")
        told(error, status)
        tool.heal()
        expect(adapter.read(ref).ref == ref, "the adapter works again when the tool does")

    @needs("make", "fail")
    @pytest.mark.parametrize("what", NONSENSE)
    def test_nonsense_with_status_200_is_an_error(self, adapter: Source, tool: ToolDriver, what: str) -> None:
        ref = tool.make("Disk full")
        media = "text/html" if what == "a web page" else "application/json"
        tool.fail(200, content=NONSENSE[what], headers={"content-type": media})
        error = raises(RemoteError, lambda: adapter.read(ref), f"a read that is answered 200 with {what}")
        expect(not isinstance(error, Gone), f"{what} does not prove that a record is gone")

    @needs("make", "fail")
    @pytest.mark.parametrize("status", [404, 410])
    def test_a_page_of_something_in_between_does_not_say_that_a_record_is_gone(
        self, adapter: Source, tool: ToolDriver, status: int
    ) -> None:
        ref = tool.make("Disk full")
        tool.fail(status, content=b"<!doctype html><h1>Not Found</h1>nginx", headers={"content-type": "text/html"})
        error = raises(RemoteError, lambda: adapter.read(ref), f"a read that is answered {status} with a web page")
        expect(not isinstance(error, Gone), "a web page was written by something else than the tool")
        told(error, status)

    @needs("make", "fail", "heal")
    @pytest.mark.parametrize("header", ODD_HEADERS)
    def test_odd_headers_break_nothing(self, adapter: Source, tool: ToolDriver, header: str) -> None:
        ref = tool.make("Disk full")
        for status in (200, 400, 404, 429, 503):
            tool.fail(status, content=b"<html>\xff\xfe", headers=ODD_HEADERS[header])
            raises(RemoteError, lambda: adapter.read(ref), f"a read that is answered {status} with {header}")
            tool.heal()

    @needs("connect", "fail")
    @pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
    def test_an_error_is_never_an_empty_page(self, adapter: Source, tool: ToolDriver, status: int) -> None:
        start = here(adapter)
        tool.fail(status)
        raises(STATUSES[status], lambda: listed(adapter, start), f"a listing that is answered {status}")

    @needs("connect", "fail")
    def test_a_web_page_is_never_an_empty_page(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        tool.fail(200, content=b"<!doctype html><title>Log in</title>", headers={"content-type": "text/html"})
        raises(RemoteError, lambda: listed(adapter, start), "a listing that is answered 200 with a web page")

    @needs("make", "fail", "heal")
    def test_an_error_on_a_later_page_is_not_the_end(self, adapter: Source, tool: ToolDriver) -> None:
        start = here(adapter)
        made = [tool.make(f"Disk full on db{number}") for number in range(2 * tool.page_size + 1)]
        found = []
        try:
            for page in pages(adapter, start):
                found.extend(refs(page.readings))
                tool.fail(503)
        except TryAgain:
            return
        lost = [ref for ref in made if ref not in found]
        expect(
            not lost, f"a listing that breaks after its first page raises; this one ended and hid {len(lost)} records"
        )

    @needs("connect", "fail")
    def test_check_raises_when_the_tool_is_down(self, adapter: Source, tool: ToolDriver) -> None:
        tool.fail(503)
        raises(TryAgain, adapter.check, "check() while the tool answers 503")


class WaitingContract:
    """Retry-After."""

    @needs("make", "fail")
    def test_retry_after_in_seconds_is_the_wait(self, adapter: Source, tool: ToolDriver) -> None:
        wait = self._wait(adapter, tool, "7")
        expect(wait == timedelta(seconds=7), f"Retry-After: 7 is a wait of 7 s, not {wait}")

    @needs("make", "fail", "now")
    def test_retry_after_as_a_date_is_the_wait(self, adapter: Source, tool: ToolDriver) -> None:
        date = format_datetime(tool.now() + timedelta(seconds=90), usegmt=True)
        wait = self._wait(adapter, tool, date)
        expect(
            wait is not None and timedelta(0) <= wait <= timedelta(seconds=91),
            f"Retry-After with a date 90 s ahead is a wait of at most 90 s, not {wait}",
        )

    @needs("make", "fail")
    @pytest.mark.parametrize("value", ["1e999", "99999999999", "99999999999999", "9" * 400, "-5", "soon", "", "nan"])
    def test_an_absurd_retry_after_is_bounded(self, adapter: Source, tool: ToolDriver, value: str) -> None:
        wait = self._wait(adapter, tool, value)
        expect(
            wait is None or timedelta(0) <= wait <= timedelta(days=1),
            f"Retry-After: {value} is taken for a wait of {wait}; an absurd one is bounded",
        )

    def _wait(self, adapter: Source, tool: ToolDriver, value: str) -> timedelta | None:
        ref = tool.make("Disk full")
        tool.fail(429, headers={"retry-after": value})
        error = raises(TryAgain, lambda: adapter.read(ref), f"a read answered 429 with Retry-After: {value}")
        return error.wait if isinstance(error, TryAgain) else None


class SecretContract:
    """Credentials stay where they are."""

    @needs("connect")
    def test_the_adapter_prints_no_secret(self, adapter: Source, tool: ToolDriver) -> None:
        self._clean(tool, f"{adapter!r} {adapter!s}", "the adapter's repr")

    @needs("connect", "fail", "missing_ref")
    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
    def test_no_error_and_no_log_line_shows_a_secret(self, adapter: Source, tool: ToolDriver, status: int) -> None:
        with _logged() as lines:
            adapter.check()
            tool.fail(status, content=b"<html>no", headers={"location": "https://elsewhere.example/"})
            for act in (adapter.check, lambda: adapter.read(tool.missing_ref()), lambda: listed(adapter, None)):
                self._clean(tool, _told(act), f"the error of a request that is answered {status}")
        self._clean(tool, "\n".join(lines), "a log line")

    @needs("connect_refused")
    def test_refused_credentials_are_not_shown(self, tool: ToolDriver) -> None:
        self._clean(tool, _told(lambda: tool.connect_refused().check()), "the error of refused credentials")

    def _clean(self, tool: ToolDriver, text: str, where: str) -> None:
        for secret in tool.secrets:
            shown = [form for form in _forms(secret) if form in text]
            expect(not shown, f"{where} shows a secret")


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Every line that any logger writes, at its most talkative."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{self.format(record)} {record.args!r}")

    root, listener = logging.getLogger(), Listener(logging.DEBUG)
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(listener)
        root.setLevel(level)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode().rstrip("=")


def _told(act: Callable[[], object]) -> str:
    """Everything that an error of `act` could put in front of a person: message, repr, notes, causes and context."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever leaves the adapter may end in a log
        return "\n".join([str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)])
    return ""
