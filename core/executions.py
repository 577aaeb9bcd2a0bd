"""What adapters to runners share: what a job is told, what its runner says of it, and how its output is shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from tieline.core.errors import Rejected
from tieline.core.model import ConnectionName, ExecutionStatus, Order
from tieline.core.port import Body, Reading, Version
from tieline.core.redaction import redacted

MADE_WITH: Final = ("title", "description", "wanted", "runner", "command", "dry_run", "timeout", "run")
"""What is told when a job is made."""

SAID: Final = ("title", "description", "wanted")
"""What may be said otherwise later. The rest is what the runner was told to do."""

BORN: Final[Body] = {"status": ExecutionStatus.QUEUED.value, "exit_code": None, "output": None, "output_sha256": None}
"""What a runner has said of a job that was just made."""

_MUST: Final = ("title", "command", "runner")


def its_own(name: ConnectionName) -> str:
    """The condition of what is copied into a connection of this name: what is for this runner, and for no other."""
    return f'runner == "{name}"'


def check_new(connection: ConnectionName, body: Body) -> None:
    """Raises Rejected for what no runner could do, or for what another connection is to do."""
    for name in _MUST:
        if name not in body:
            _reject(connection, f"a job has no {name}", name)
    _check(connection, body, MADE_WITH)


def check_patch(connection: ConnectionName, patch: Body) -> None:
    """The same for what is said otherwise."""
    _check(connection, patch, SAID)


def _check(connection: ConnectionName, body: Body, taken: Collection[str]) -> None:
    for name, value in body.items():
        if name not in taken:
            _reject(connection, f"a job has no member {name!r:.40}, or it does not change", name)
        if name in _MUST and not (isinstance(value, str) and value.strip()):
            _reject(connection, f"a job has no {name}", name)
    if body.get("runner", connection) != connection:
        words = f"the job is for the runner {body['runner']!r:.40}, and this is {connection}"
        _reject(connection, words, "runner")
    if body.get("wanted", Order.RUN) not in {one.value for one in Order}:
        _reject(connection, f"`wanted` is {body['wanted']!r:.40}; it is run or cancel", "wanted")


def _reject(connection: ConnectionName, words: str, member: str) -> None:
    raise Rejected(connection, words, refused={member: words})


def left(written: Reading, before: Body) -> Reading:
    """The record as our write left it: what came of it, and what a runner said meanwhile, is for the next reading."""
    of_runner = {name: before[name] for name in BORN}
    if all(written.body[name] == value for name, value in of_runner.items()):
        return written
    return replace(written, body={**written.body, **of_runner}, version=Version(f"{written.version}-before"))


def fenced(text: str) -> str:
    """A text as it stands, in Markdown, but for the secrets that are known here."""
    text = redacted(text)
    fence = "`" * max(3, max(_runs(text), default=0) + 1)
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _runs(text: str) -> Iterator[int]:
    """The lengths of what there is of backticks in a row."""
    length = 0
    for letter in text:
        length = length + 1 if letter == "`" else 0
        yield length
