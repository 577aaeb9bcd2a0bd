"""Faults in how errors are told: swallowed, mistaken for an answer, or telling a secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import Honest, Saboteur, Tamper, Verbs, answering, instead, throw
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.port import Cursor, Health, Page

_HOPELESS = timedelta(days=36_500)


def _empty_page(words: str, *, later: bool = False, unless: str = "") -> Tamper:
    """Takes an error for the end of the listing."""

    def tamper(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
        def changes(since: Cursor | None) -> Iterator[Page]:
            cursor = None
            try:
                for page in honest.changes(since):
                    yield page
                    cursor = page.cursor
            except RemoteError as error:
                told = str(error)
                if (cursor is not None) is not later or words not in told or (unless and unless in told):
                    raise
                yield Page((), cursor or since or Cursor(""))

        return {"changes": changes}

    return tamper


def _waiting(change: Any) -> Tamper:
    """Misreads Retry-After."""
    return instead("read", TryAgain, lambda error, _tool: throw(change(error)), "429")


def _telling(honest: Honest, tool: ToolDriver) -> Verbs:
    """Writes the credentials into its log."""

    def check() -> Health:
        logging.getLogger("sabotaged").debug("logging in with %s", tool.secrets[0])
        return honest.check()

    return {"check": check}


class _Blurting(NeedsOperator):
    """An error of the adapter's own making: its words do not pass the redaction that ours do."""

    def __init__(self, password: str) -> None:
        super().__init__("memory", "refused")
        self._password = password

    def __str__(self) -> str:
        return f"memory: the password {self._password} was refused; renew it"


def _blurted(error: Exception, tool: ToolDriver) -> Any:
    raise _Blurting(tool.secrets[0]) from error


def _wait(error: TryAgain, wait: timedelta | None) -> TryAgain:
    return TryAgain(error.connection, "429", wait=wait, maybe_done=error.maybe_done)


FAILING: Final = (
    Saboteur(
        "a 401 is worth another try",
        instead("read", NeedsOperator, lambda _error, _tool: throw(TryAgain("memory", "no")), "401"),
        ("test_each_status_means_its_error",),
    ),
    Saboteur(
        "a web page means that the record is gone",
        instead("read", TryAgain, lambda _error, _tool: throw(Gone("memory", "gone")), "answered 200"),
        ("test_nonsense_with_status_200_is_an_error",),
    ),
    Saboteur(
        "an error names another status",
        instead("read", Rejected, lambda _error, _tool: throw(Rejected("memory", "no", status=418)), "answered 4"),
        ("test_each_status_means_its_error",),
    ),
    Saboteur(
        "the page of a proxy means that the record is gone",
        instead("read", TryAgain, lambda _error, _tool: throw(Gone("memory", "gone", status=404)), "page is not"),
        ("test_a_page_of_something_in_between_does_not_say_that_a_record_is_gone",),
    ),
    Saboteur(
        "a wait is longer than a span of time can be",
        _waiting(lambda error: OverflowError() if error.wait == timedelta(hours=1) else error),
        ("test_odd_headers_break_nothing", "test_an_absurd_retry_after_is_bounded"),
    ),
    Saboteur(
        "an error is an empty page",
        _empty_page("", unless="answered 200"),
        ("test_an_error_is_never_an_empty_page",),
    ),
    Saboteur("a web page is an empty page", _empty_page("answered 200"), ("test_a_web_page_is_never_an_empty_page",)),
    Saboteur(
        "an error on a later page is the end",
        _empty_page("", later=True),
        ("test_an_error_on_a_later_page_is_not_the_end",),
    ),
    Saboteur(
        "check() is content with a tool that is down",
        instead("check", TryAgain, lambda _error, _tool: Health("somebody", "1")),
        ("test_check_raises_when_the_tool_is_down",),
    ),
    Saboteur(
        "seconds of Retry-After are ignored",
        _waiting(lambda error: _wait(error, None) if error.wait == timedelta(seconds=7) else error),
        ("test_retry_after_in_seconds_is_the_wait",),
    ),
    Saboteur(
        "a date in Retry-After is ignored",
        _waiting(lambda error: _wait(error, None) if error.wait == timedelta(seconds=90) else error),
        ("test_retry_after_as_a_date_is_the_wait",),
    ),
    Saboteur(
        "an absurd Retry-After is obeyed",
        _waiting(lambda error: _wait(error, _HOPELESS) if error.wait == timedelta(hours=1) else error),
        ("test_an_absurd_retry_after_is_bounded",),
    ),
    Saboteur(
        "the adapter's repr shows its password",
        lambda _honest, tool: {"shown": f"Adapter(password={tool.secrets[0]!r})"},
        ("test_the_adapter_prints_no_secret",),
    ),
    Saboteur("the password is logged", _telling, ("test_no_error_and_no_log_line_shows_a_secret",)),
    Saboteur(
        "an error shows the password",
        instead("check", NeedsOperator, _blurted, "was refused; renew"),
        ("test_refused_credentials_are_not_shown",),
    ),
    Saboteur(
        "find() takes an error for not found",
        instead("find", TryAgain, lambda _error, _tool: None),
        ("test_an_error_is_never_not_found",),
    ),
    Saboteur(
        "comments() takes an error for silence",
        instead("comments", TryAgain, lambda _error, _tool: ()),
        ("test_an_error_is_never_no_comments",),
    ),
    Saboteur(
        "describe() takes an error for an empty schema",
        instead("describe", TryAgain, lambda _error, _tool: {}),
        ("test_an_error_is_never_an_empty_schema",),
    ),
    Saboteur(
        "person_id() takes an error for nobody",
        instead("person_id", TryAgain, lambda _error, _tool: None),
        ("test_an_error_is_never_nobody",),
    ),
    Saboteur(
        "acknowledge() takes an error for done",
        answering("acknowledge", lambda honest, _tool, *args, **how: _calm(honest, *args, **how)),
        ("test_a_failed_acknowledgement_is_an_error", "test_an_acknowledgement_with_a_lost_answer_may_be_done"),
    ),
    Saboteur(
        "acknowledge() takes a lost answer for a refusal",
        instead(
            "acknowledge",
            TryAgain,
            lambda _error, _tool: throw(TryAgain("memory", "lost", maybe_done=False)),
        ),
        ("test_an_acknowledgement_with_a_lost_answer_may_be_done",),
    ),
)


def _calm(honest: Honest, *args: Any, **how: Any) -> str:
    try:
        return honest.acknowledge(*args, **how)
    except TryAgain:
        return ""
