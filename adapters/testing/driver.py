"""What the contract suite needs beside an adapter: somebody who works in the tool, and somebody who breaks it.

An author subclasses `ToolDriver` (or `SimulatorDriver`, where the tool has a simulator) and fills the verbs that the
tool has. A test whose verb is missing is skipped, and says so: a driver is small at first and grows. Where CI is true
it fails instead, so that nobody takes half of the contract for the whole. What nobody can do there stands in `lacks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import uuid4

from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import LOST, Fault, Request, Response, Simulator
from tieline.core.model import Audience
from tieline.core.port import Body, Delivery, Power, Reading, Ref, Source, Token, Workbench
from tieline.core.secrets import Secret

MISSING: Final = Secret("env", "TIELINE_NO_SUCH_SECRET")
"""A reference that leads nowhere."""


class ToolDriver:
    """A person in the tool. Every verb is optional; a verb that is not overridden skips the tests that need it."""

    powers: frozenset[Power] = frozenset()
    """What the adapter claims: hand over `AdapterKind.powers`. The tests of the others are not collected."""
    lacks: ClassVar[Mapping[str, str]] = {}
    """Verbs that nobody can fill, each with the reason: {"merge": "Acme Desk merges nothing"}. Their tests are not
    collected."""
    secrets: tuple[str, ...] = ()
    """The credentials that `connect` uses. They must appear in no error, log record or repr; make them long and odd."""
    page_size: int = 100
    """How many records the connected adapter asks for at once. Set it small (3), so that paging is cheap to test."""
    reads_by_address: bool = True
    """False where a record has no address of its own and is looked for in a listing: no 404 says that it is gone."""
    known_email: str = ""
    """Somebody the tool knows, in lower case; for Power.PEOPLE."""
    tells_birth: bool = False
    """True where `find` can tell how a record was born that nobody has touched since."""
    signs_body: bool = True
    """False where a delivery is proved by a shared token only, so that a changed body cannot be noticed."""
    signs_bytes: bool = True
    """False where not the bytes of the body are signed, but what its members say."""
    signs_time: bool = True
    """False where the signature does not cover the time of sending, so that an old delivery cannot be noticed."""
    tells_time: bool = True
    """False where no answer carries the tool's own time, so that `check` cannot tell how far the clocks are apart."""
    tells_age: bool = True
    """False where the tool does not tell when it changed a record (`Reading.age` is None)."""
    credential_headers: tuple[str, ...] = ()
    """The headers (lower case) that prove a delivery."""
    credential_parameters: tuple[str, ...] = ()
    """The query parameters that prove a delivery."""

    taken: int = 0
    """Calls that the adapters took from their budget."""

    def take(self) -> None:
        """What the `Workbench` gets as `spend`."""
        self.taken += 1

    # Connecting

    def connect(self) -> Source:
        """A new adapter instance on the same tool, as after a restart of the daemon; `history` is zero."""
        raise NotImplementedError

    def connect_refused(self) -> Source:
        """An adapter whose credentials the tool refuses. Building it raises nothing."""
        raise NotImplementedError

    def connect_unproved(self) -> Source:
        """An adapter whose webhook secret is referred to and cannot be had: hand over `MISSING`. Building it raises
        nothing."""
        raise NotImplementedError

    # The tool's own words

    def new_body(self, title: str, description: str = "") -> Body:
        """What `create` takes."""
        raise NotImplementedError

    def invalid_body(self) -> Body:
        """What `create` must refuse: a required field is missing, or a value is not one of the tool's."""
        raise NotImplementedError

    def unfit_body(self, title: str) -> tuple[Body, str]:
        """What `create` must refuse for one member alone, and that member's path as mappings write it. Without the
        member the rest makes a record."""
        raise NotImplementedError

    def patch_title(self, title: str) -> Body:
        """What `update` takes to change the title only."""
        raise NotImplementedError

    def patch_description(self, text: str | None) -> Body:
        """What `update` takes to change the description only; None clears it."""
        raise NotImplementedError

    def title_in(self, body: Body) -> str:
        """The title in a body that was read."""
        raise NotImplementedError

    def description_in(self, body: Body) -> str | None:
        """The description in a body that was read; None when the tool says that it is empty. Raises KeyError when
        the body does not speak of it."""
        raise NotImplementedError

    def text_kept(self, text: str) -> str:
        """What the tool itself keeps of a description: override it where the tool trims or cuts."""
        return text

    def patch_closed(self) -> Body:
        """What `update` takes to close a record."""
        raise NotImplementedError

    def patch_reopened(self) -> Body:
        """What `update` takes to open a closed record again."""
        raise NotImplementedError

    def is_open(self, body: Body) -> bool:
        """Whether a body that was read is of an open record."""
        raise NotImplementedError

    # What tests begin with

    def record(self, adapter: Any, title: str, description: str = "") -> Reading:
        """A record that nobody has touched since: created by the adapter or, where the tool alone makes its records
        (`lacks` says so of `new_body`), made there."""
        if self.can("new_body"):
            made: Reading = adapter.create(self.new_body(title, description), Token(f"tieline-{uuid4().hex}"))
            return made
        found: Reading = adapter.read(self.make(title, description))
        return found

    def write(self, adapter: Any) -> Callable[[], object]:
        """A write that is fit to be taken, not yet sent: of a new record or, where the tool alone makes them, of one
        that is there."""
        if self.can("new_body"):
            return lambda: adapter.create(self.new_body("Disk full"), Token(f"tieline-{uuid4().hex}"))
        seen = self.record(adapter, "Disk full")
        return lambda: adapter.update(seen.ref, self.patch_title("Disk full on db1"), seen.version)

    # What people do in the tool

    def make(self, title: str, description: str = "") -> Ref:
        """A person (or, for monitoring, a rule) makes a record."""
        raise NotImplementedError

    def edit(self, ref: Ref, patch: Body) -> None:
        """A person edits a record; `patch` is of the same kind as for `update`."""
        raise NotImplementedError

    def touch(self, ref: Ref) -> None:
        """Anything that changes a record. Override it where a title cannot be edited (monitoring)."""
        self.edit(ref, self.patch_title(f"touched at {self.now():%H:%M:%S.%f}"))

    def spoil(self, ref: Ref) -> None:
        """Something odd comes into a record, and stays in every answer that shows it: a member is missing, a date is
        none, a null stands where a text was. The record counts as changed."""
        raise NotImplementedError

    def delete(self, ref: Ref) -> None:
        """A person deletes a record."""
        raise NotImplementedError

    def merge(self, ref: Ref, into: Ref) -> None:
        """A person merges one record into another."""
        raise NotImplementedError

    def missing_ref(self) -> Ref:
        """A well-formed reference to nothing."""
        raise NotImplementedError

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:
        """A person comments; answers with the comment's id as the adapter gives it."""
        raise NotImplementedError

    def comment_body(self, text: str) -> Any:
        """What `add_comment` takes for this plain text; override it where comments are not plain text."""
        return text

    def comment_text(self, body: Any) -> str:
        """The plain text of a comment that was read; the reverse of `comment_body`."""
        return str(body)

    def comment_kept(self, text: str) -> str:
        """What the tool itself keeps of a comment: override it where that is not as with a description."""
        return self.text_kept(text)

    def public_comments(self, ref: Ref) -> Sequence[str]:
        """The plain texts of the comments that a customer of the tool can read, by the tool's own account."""
        raise NotImplementedError

    def acts_in_force(self, ref: Ref) -> int:
        """How many acknowledgements (silences) are in force on the signal, by the tool's own account."""
        raise NotImplementedError

    def links(self, ref: Ref) -> Sequence[str]:
        """The addresses that the record links to, by the tool's own account."""
        raise NotImplementedError

    def write_output(self, ref: Ref, output: bytes) -> None:
        """The record is executed, writes this, and ends well."""
        raise NotImplementedError

    def delivery(self, ref: Ref) -> Delivery:
        """The webhook that the tool sends about this record now, proved as the connected adapter expects."""
        raise NotImplementedError

    def joint_delivery(self, ref: Ref) -> Delivery:
        """A webhook about this record and, beside it, about another one in which something is odd: for a tool that
        tells of several at once."""
        raise NotImplementedError

    def unproved(self, delivery: Delivery) -> Delivery:
        """A delivery without what proves it. Override it where that stands in the body."""
        headers = {name: value for name, value in delivery.headers.items() if name not in self.credential_headers}
        query = {name: value for name, value in delivery.query.items() if name not in self.credential_parameters}
        return Delivery(headers, delivery.body, query)

    def proved_by(self, proof: Delivery, other: Delivery) -> Delivery:
        """What one delivery says, with what proves another. Override it where that stands in the body."""
        return replace(proof, body=other.body)

    def sent(self) -> int:
        """How many requests the tool has seen from adapters. Give them `spend=self.take` in the `Workbench`."""
        raise NotImplementedError

    # What goes wrong

    def fail(
        self,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"{}",
        only_writes: bool = False,
    ) -> None:
        """Every request (or every one that writes) is answered so, without effect, until `heal`."""
        raise NotImplementedError

    def lose_next_write(self, *, after_effect: bool) -> None:
        """The connection breaks during the next request that writes, before or after the tool acted."""
        raise NotImplementedError

    def heal(self) -> None:
        """Everything works again."""
        raise NotImplementedError

    def before_next_write(self, act: Callable[[], None]) -> None:
        """Somebody acts right before the tool takes the adapter's next write: the race that nobody can win."""
        raise NotImplementedError

    def after_next_write(self, act: Callable[[], None]) -> None:
        """Somebody acts right after the tool took the adapter's next write, before the adapter looks at what came of
        it."""
        raise NotImplementedError

    def act_by_itself(self, ref: Ref) -> Body:
        """The tool's own clock or rule changes the record: an acknowledgement times out, a job closes it. Answers with
        a patch for `edit` that changes the same member to something else."""
        raise NotImplementedError

    # Time

    def now(self) -> datetime:
        """Our clock, the one in the `Workbench`."""
        raise NotImplementedError

    def advance(self, seconds: float) -> None:
        """Time passes, for us and for the tool (and for its search index)."""
        raise NotImplementedError

    def skew(self, seconds: float) -> None:
        """From now on the tool's clock is this far ahead of ours (behind, if negative)."""
        raise NotImplementedError

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        for verb in cls.lacks:
            if not hasattr(ToolDriver, verb):
                raise TypeError(f"{cls.__name__}.lacks: a driver has no verb {verb}")
            if cls.can(verb):
                raise TypeError(f"{cls.__name__}.lacks: {verb} is filled; take it out of `lacks`")

    @classmethod
    def can(cls, verb: str) -> bool:
        """Whether a verb is filled. One that leans on others (`touch`) is filled when they are."""
        if verb in ("record", "write"):
            return cls.can("new_body") or cls.can("make")
        leans = {"touch": ("edit", "patch_title")}.get(verb, ())
        # Not by identity: a class method is another object at each look.
        filled = getattr(cls, verb) != getattr(ToolDriver, verb)
        return filled or (bool(leans) and all(cls.can(other) for other in leans))


class SimulatorDriver(ToolDriver):
    """The half of a driver that is the same for every tool with a `Simulator`: faults and time.

    `clock` is ours; build the simulator with `clock=driver.tool_now`, and connect with `driver.workbench(transport)`.
    """

    writes: ClassVar[tuple[tuple[str, str], ...]] = (("POST", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", ""))
    """Which requests write: method and a part of the path. Narrow it where the tool searches by POST."""

    api: ClassVar[str] = ""
    """A part of each path of the tool's own API, where tokens are bought of another service, which `fail` spares."""

    simulator: Simulator

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._skew = 0.0

    def tool_now(self) -> datetime:
        """The tool's clock."""
        moment = ManualClock(self.clock.now())
        moment.step(self._skew)
        return moment.now()

    def workbench(self, transport: Any) -> Workbench:
        """What `connect` gets: waiting moves the clock, so that a retry never blocks a test."""
        return Workbench(clock=self.clock, sleep=self.clock.sleep, transport=transport, spend=self.take)

    def sent(self) -> int:
        return len(self.simulator.requests)

    def fail(
        self,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"{}",
        only_writes: bool = False,
    ) -> None:
        response = Response(status, {"content-type": "application/json", **(headers or {})}, content)
        for method, path in self.writes if only_writes else (("", self.api),):
            self.simulator.faults.append(Fault(response, method, path, times=1_000_000))

    def lose_next_write(self, *, after_effect: bool) -> None:
        kinds = [Fault(LOST, method, path) for method, path in self.writes]
        self.simulator.faults.append(_AnyOf(kinds, after_effect=after_effect))

    def heal(self) -> None:
        self.simulator.faults.clear()

    def before_next_write(self, act: Callable[[], None]) -> None:
        self.simulator.faults.append(_Ambush([Fault(LOST, method, path) for method, path in self.writes], act))

    def after_next_write(self, act: Callable[[], None]) -> None:
        kinds = _AnyOf([Fault(LOST, method, path) for method, path in self.writes])
        self.simulator.afterwards.append((kinds.matches, act))

    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def skew(self, seconds: float) -> None:
        self._skew = seconds


class _AnyOf(Fault):
    """One fault that waits for the first of several kinds of request."""

    def __init__(self, kinds: Sequence[Fault], *, after_effect: bool = False) -> None:
        super().__init__(LOST, after_effect=after_effect)
        self._kinds = tuple(kinds)

    def matches(self, request: Request) -> bool:
        return any(kind.matches(request) for kind in self._kinds)


class _Ambush(_AnyOf):
    """Not a fault at all: somebody who acts, once, while a request is on its way. It never claims the request."""

    def __init__(self, kinds: Sequence[Fault], act: Callable[[], None]) -> None:
        super().__init__(kinds)
        self._act = act
        self._sprung = False

    def matches(self, request: Request) -> bool:
        if not self._sprung and super().matches(request):
            self._sprung = True
            self._act()
        return False
