"""What a saboteur is: an adapter that looks honest, but for one fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from tieline.adapters.testing.driver import ToolDriver
from tieline.core.port import (
    Acknowledger,
    Adapter,
    Body,
    CommentEditor,
    Commenter,
    Describer,
    Directory,
    Finder,
    Historian,
    Linker,
    Outputs,
    Reading,
    Receiver,
    Ref,
    Source,
    Token,
    Version,
)


class Honest(
    Adapter,
    Finder,
    Historian,
    Receiver,
    Commenter,
    CommentEditor,
    Acknowledger,
    Directory,
    Describer,
    Linker,
    Outputs,
    Protocol,
):
    """The adapter that is tampered with. It needs only the verbs that the saboteur touches."""


Verbs = Mapping[str, Any]
"""The replaced verbs by name; `shown` replaces the repr, and None takes a verb away."""

Tamper = Callable[[Honest, ToolDriver], Verbs]


@dataclass(frozen=True, slots=True)
class Saboteur:
    """One fault. `rejected_by` are the contract tests that must fail, no more and no fewer; the first one names the
    fault, the others stand on the same promise. `unconditional` ones are at home in a tool that refuses no write on an
    old version."""

    fault: str
    tamper: Tamper
    rejected_by: tuple[str, ...]
    unconditional: bool = False

    def corrupt(self, tool: ToolDriver) -> ToolDriver:
        """The same driver, whose adapters have the fault from now on."""
        honest = {name: getattr(tool, name) for name in ("connect", "connect_refused", "connect_unproved")}
        for verb, connect in honest.items():
            vars(tool)[verb] = lambda connect=connect: self._tampered(connect(), tool)
        return tool

    def _tampered(self, adapter: Source, tool: ToolDriver) -> Source:
        return cast("Source", Sabotaged(adapter, self.tamper(cast("Honest", adapter), tool)))


class Sabotaged:
    """A stand-in with the verbs of the adapter, some of them replaced. They are set on the instance, where a check of
    its protocols finds them."""

    def __init__(self, adapter: object, verbs: Verbs) -> None:
        self.shown = repr(adapter)
        for name in dir(adapter):
            if not name.startswith("_"):
                setattr(self, name, getattr(adapter, name))
        for name, verb in verbs.items():
            setattr(self, name, verb)
            if verb is None:
                delattr(self, name)

    def __repr__(self) -> str:
        return self.shown


def patched(change: Callable[[Reading], Mapping[str, Any]], *verbs: str) -> Tamper:
    """Falsify every reading that these verbs answer (`changes` may be among them)."""

    def falsify(reading: Reading) -> Reading:
        return replace(reading, **change(reading))

    def tamper(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001 - the shape of every tamper
        def wrap(verb: str) -> Callable[..., Any]:
            return lambda *args: falsify(getattr(honest, verb)(*args))

        def changes(since: Any) -> Any:
            for page in honest.changes(since):
                yield replace(page, readings=[falsify(reading) for reading in page.readings])

        return {verb: changes if verb == "changes" else wrap(verb) for verb in verbs}

    return tamper


def instead(verb: str, caught: type[Exception], act: Callable[[Exception, ToolDriver], Any], words: str = "") -> Tamper:
    """When the verb raises `caught` (with these words in it), do something else: answer, or raise."""

    def tamper(honest: Honest, tool: ToolDriver) -> Verbs:
        def wrapped(*args: Any, **options: Any) -> Any:
            try:
                return getattr(honest, verb)(*args, **options)
            except caught as error:
                if words not in str(error):
                    raise
                return act(error, tool)

        return {verb: wrapped}

    return tamper


def answering(verb: str, answer: Callable[..., Any]) -> Tamper:
    """Replace a verb; `answer` gets the honest adapter, the driver and the arguments."""
    return lambda honest, tool: {verb: lambda *args, **options: answer(honest, tool, *args, **options)}


def throw(error: Exception) -> Any:
    """Raise, as an expression."""
    raise error


def bodies(verb: str, change: Callable[[dict[str, Any], ToolDriver], Body]) -> Tamper:
    """Falsifies the body on its way into `create` or `update`."""

    def tamper(honest: Honest, tool: ToolDriver) -> Verbs:
        def create(body: Body, token: Token) -> Reading:
            return honest.create(change(dict(body), tool), token)

        def update(ref: Ref, patch: Body, seen: Version) -> Reading:
            return honest.update(ref, change(dict(patch), tool), seen)

        return {verb: {"create": create, "update": update}[verb]}

    return tamper


def texts(change: Callable[[str], str]) -> Callable[[dict[str, Any], ToolDriver], Body]:
    return lambda body, _tool: {
        name: change(value) if isinstance(value, str) else value for name, value in body.items()
    }
