"""Every error raised on purpose, grouped by what the daemon does next.

TielineError
├── ConfigError         stop at start-up (or refuse the reload) and print every problem
├── StoreUnavailable    keep nothing in memory, answer 503, try again: the disk is full, locked or away
│   └── LeaseLost       stop this turn: another worker has taken the work over; nothing was written
├── JournalBroken       stop: what was recorded no longer verifies
├── NotProved           do nothing: whoever asks has not shown who they are
├── NotAllowed          do nothing, journal that it was tried, and tell who could
├── PluginFault         do nothing of it: the code of a plugin raised what it may not raise
└── RemoteError         one tool; `connection` names which
    ├── TryAgain        keep the work, come back after `wait`; `maybe_done` says the write may have taken effect
    ├── NeedsOperator   stop this connection, keep its work, tell a person
    ├── StaleVersion    read again and decide again; nothing was written
    ├── Gone            the record was deleted over there, or merged into `merged_into`
    ├── Rejected        the tool refused the values; park this record only
    ├── Unforeseen      the adapter raised anything else: its own fault; nobody knows what was done
    └── Forged          a delivery that is not from the tool: 401, counted, never stored

NotThere (a LookupError) and Misfit (a ValueError) are what somebody asked for and cannot have. They are raised on
purpose, where a KeyError of any code is a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from tieline.core.redaction import redacted


class TielineError(Exception):
    """The root. Its message says where, what, and what to do next; it never carries a secret that we know."""

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


def as_sentence(words: object) -> str:
    """Words as a sentence that others can follow. A tool's own often end with a full stop, and one is enough."""
    said = str(words).rstrip()
    return said if said.endswith((".", "!", "?", "…")) else f"{said}."


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file a person wrote. Lines and columns count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about what a person wrote: where it stands, what is wrong and how to mend it.

    `line` is 0 where it stands in no file, as an address of the command line does: `file` is then what is meant.
    """

    file: str
    line: int
    column: int
    code: str
    what: str
    fix: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.code} {self.what} Fix: {self.fix}"

    def at(self, place: Place) -> Problem:
        """The same, told where a person can mend it."""
        return replace(self, file=place.file, line=place.line, column=place.column)


class ConfigError(TielineError):
    """A file a person wrote cannot be acted on. Carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem], follows: str = "") -> None:
        """`follows` is what comes of it; whoever was to act on the file says so, where it is not given."""
        self.problems = tuple(problems)
        self.follows = follows
        super().__init__("\n".join([*map(str, self.problems), *filter(None, [follows])]))


class StoreUnavailable(TielineError):
    """The store did not take a write or answer a read. Nothing was acknowledged; try again after `wait`."""

    def __init__(self, message: str, wait: timedelta = timedelta(seconds=5)) -> None:
        super().__init__(message)
        self.wait = wait


class LeaseLost(StoreUnavailable):
    """This worker was silent for so long that another one took its work over. Nothing of this transaction was kept."""


class JournalBroken(TielineError):
    """The hash chain does not verify; `seq` is the first bad entry."""

    def __init__(self, seq: int, message: str) -> None:
        super().__init__(message)
        self.seq = seq


class NotProved(TielineError):
    """Whoever asks has not proved who they are, or what proved it is over."""


class NotAllowed(TielineError):
    """Whoever acts has not the right to. The message says who could, and what to ask for."""


class PluginFault(TielineError):
    """The code of a plugin raised what it may not raise: its own fault. The cause is what it raised."""


class NotThere(LookupError):
    """What is meant is not there for whoever asks. The message is the sentence that they are told."""


class Misfit(ValueError):
    """What was asked for is not what it takes. The message is the sentence that they are told."""


class RemoteError(TielineError):
    """Something between us and one tool.

    `verb` is what the tool was asked; the engine writes it down when it asks, since the same class means one thing to
    one verb and another to the next.
    """

    verb: str = ""

    def __init__(self, connection: str, message: str, *, status: int | None = None) -> None:
        super().__init__(f"{connection}: {message}")
        self.connection = connection
        self._status = status

    @property
    def status(self) -> int | None:
        """The status of the HTTP answer which says so, or said what this was made of; None where none came."""
        told = self.__context__
        return self._status if self._status is not None or not isinstance(told, RemoteError) else told.status

    def __str__(self) -> str:
        words, status = super().__str__(), self.status
        return words if status is None or str(status) in words else f"{words} (HTTP {status})"


class Limit(StrEnum):
    """Of what there were too many calls, where a tool says so (429)."""

    CONNECTION = "connection"  # of our calls altogether; also where the tool does not say of what
    ENDPOINT = "endpoint"  # of one kind of call; also where a tool that answers cannot answer this kind for now
    RECORD = "record"  # of calls about one record


class TryAgain(RemoteError):
    """Transient. `wait` is the tool's Retry-After where it sent one. After a write, `maybe_done` is true when
    the request may have reached the tool: time-out, dropped connection, 5xx. `limit` is set when nothing is wrong
    but the pace."""

    def __init__(
        self,
        connection: str,
        message: str,
        *,
        wait: timedelta | None = None,
        maybe_done: bool = False,
        limit: Limit | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(connection, message, status=status)
        self.wait = wait
        self.maybe_done = maybe_done
        self.limit = limit


class NeedsOperator(RemoteError):
    """Credentials, permissions, schema or plan: a person must act, and the message is the sentence to act on."""


class StaleVersion(RemoteError):
    """The record moved since the version named in the write. Nothing was written."""


class Gone(RemoteError):
    """The record no longer exists. `merged_into` names the record that took its place, where the tool says so."""

    def __init__(
        self, connection: str, message: str, *, merged_into: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(connection, message, status=status)
        self.merged_into = merged_into


class Rejected(RemoteError):
    """The tool understood and refused: a missing required field, a forbidden transition, a value it does not have.

    `refused` are the members of the body that it refused, by their paths as mappings write them (`fields.labels`),
    each with the tool's own words: the rest can be written without them. One that was not in the body is required
    there. Empty where the tool does not say which, or where nothing else would be taken either.
    """

    def __init__(
        self, connection: str, message: str, *, refused: Mapping[str, str] | None = None, status: int | None = None
    ) -> None:
        super().__init__(connection, message, status=status)
        self.refused: Mapping[str, str] = dict(refused or {})


class Unforeseen(RemoteError):
    """An adapter, or the library below it, raised what no adapter may raise. Only the engine makes one of it."""


class Forged(RemoteError):
    """A webhook whose signature, token or time does not prove its sender."""
