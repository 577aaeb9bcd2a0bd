"""Proving an adapter against somebody's own sandbox: whether it may be, the tests, and the clearing up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import func, select

from tieline.adapters.testing.contract import AdapterContract, SourceContract
from tieline.adapters.testing.contract.trial import trial
from tieline.adapters.testing.driver import ToolDriver
from tieline.cli.proving.report import Proof
from tieline.cli.proving.sandbox import CLOSED, WHY_CLOSED, Colleagues, Sandbox, Watcher, Worker, left_open
from tieline.core.config import Config, ConnectionConfig
from tieline.core.errors import RemoteError, TielineError
from tieline.core.model import RecordKind
from tieline.core.options import Environment
from tieline.core.port import Adapter, Cursor, Finder, Health, Reading, Source, Unreadable
from tieline.core.store import tables as t
from tieline.core.store.store import Connection
from tieline.mappings import Mapping as FieldMapping

ASKED: Final = (RecordKind.INCIDENT, RecordKind.PROBLEM, RecordKind.SIGNAL)
"""The kinds of records of which a mapping knows a title and a state, so that any tool can be asked for them."""


class NoSandbox(TielineError):
    """It may not be proved there; its message says why, and what to do."""


CONTAINERS: Final = ("repository", "project", "queue", "service", "page", "table")
"""The settings that say where in an instance a connection makes its records."""


def place_of(connection: ConnectionConfig) -> str:
    """Where a connection makes its records: the host, its port where that is not the usual one, and the project or
    queue there; "" where it names no host."""
    settings = connection.settings
    parts = urlsplit(str(getattr(settings, "url", "") or ""))
    host = (parts.hostname or "").rstrip(".")
    if not host:
        return ""
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    inside = next((str(found) for name in CONTAINERS if (found := getattr(settings, name, None))), "")
    return f"{host}{port}/{inside}".rstrip("/").lower()


def check_is_sandbox(config: Config, connection: ConnectionConfig, stored: Connection, *, served: bool) -> None:
    """Raises NoSandbox where records that nobody asked for would be read, copied or taken for real ones. `served` says
    that a daemon runs on the workspace."""
    name = connection.name
    if connection.kind.record not in ASKED:
        raise NoSandbox(f"{name} holds no incidents, and is proved by its own tests alone: {connection.kind.record}")
    if not connection.kind.creates:
        raise NoSandbox(
            f"{connection.kind.tool} makes its records itself: none can be made for a proof, and what is there is "
            f"real. `tieline check {name}` asks what can be asked without one."
        )
    if connection.environment is not Environment.SANDBOX:
        raise NoSandbox(
            f"{name} is not called a sandbox: a proof makes some hundred records there and closes them. Where nobody "
            f"works by it, write `environment: sandbox` under `connections: {name}:` and ask again."
        )
    place = place_of(connection)
    for other in config.connections.values():
        if place and other.environment is not Environment.SANDBOX and place_of(other) == place:
            raise NoSandbox(
                f"{other.name} asks {place}, too, and is not called a sandbox: what is made by {name} would be read by "
                f"it. Prove {name} in a workspace of its own, or on another instance."
            )
    copies = select(func.count()).select_from(t.replica).where(t.replica.c.connection == name)
    kept = int(stored.execute(copies).scalar_one())
    if kept:
        raise NoSandbox(
            f"{name} is in use, copies of incidents kept there: {kept:,}. Prove it in a workspace of its own, whose "
            "tieline.yaml has this connection alone."
        )
    if not place:
        raise NoSandbox(f"{name} names no host, so that nobody could say which instance is written to")
    if served:
        raise NoSandbox(
            f"a daemon runs on this workspace: it would take what is made by {name} for incidents, and copy them. Stop "
            "it, or prove it in a workspace of its own."
        )


def check_can_be_fenced(name: str, mapping: FieldMapping) -> None:
    """Raises NoSandbox where what was made could not be told from what was there, or not be closed."""
    lacking = [field for field in ("title", "status") if field not in mapping.writable & mapping.readable]
    if lacking:
        raise NoSandbox(
            f"by its mapping {name} does not read and write {' and '.join(lacking)}: what a proof makes could not be "
            "told from other records, or not be closed"
        )


def check_is_colleague(connection: ConnectionConfig, colleague: ConnectionConfig, accounts: tuple[str, str]) -> None:
    """Raises NoSandbox for a colleague who works elsewhere, or by the same account."""
    same = colleague.tool == connection.tool and place_of(colleague) == place_of(connection)
    if not same or colleague.environment is not Environment.SANDBOX:
        raise NoSandbox(
            f"{colleague.name} is not another account at the same place of the same sandbox: a colleague has the same "
            f"`tool`, `url`, project or queue, and `environment: sandbox` as {connection.name}, and logs in as another."
        )
    if accounts[0] == accounts[1]:
        raise NoSandbox(f"{colleague.name} logs in as {accounts[1]}, as {connection.name} does: name another account")


def prove(
    sandbox: Sandbox,
    health: Health,
    colleague: ConnectionConfig | None,
    *,
    tieline: str,
    begins: Callable[[str], None] = lambda _name: None,
) -> Proof:
    """The tests that this tool can be asked, and then what they made closed. `colleague` logs in as somebody else.
    Raises RemoteError where the tool cannot be asked where its records end by now."""
    source = sandbox.connect(sandbox.bench)
    start = _here(source)
    is_written = isinstance(source, Adapter)

    def person() -> ToolDriver:
        if not is_written:
            return Watcher(sandbox)
        return Worker(sandbox) if colleague is None else Colleagues(sandbox, colleague)

    try:
        verdict = trial(AdapterContract if is_written else SourceContract, person, begins)
    finally:
        closed, left = _clear(sandbox, source, start)
    return Proof(
        tool=sandbox.connection.tool,
        version=health.version,
        tieline=tieline,
        mapping=_called(sandbox),
        powers=[power.value for power in sandbox.connection.kind.powers],
        verdict=verdict,
        took=sandbox.took,
        closed=closed,
        left=left,
    )


def _called(sandbox: Sandbox) -> str:
    """The mapping's name where it is a shipped one, and what it says in a few digits."""
    shipped = isinstance(sandbox.connection.mapping, str) and sandbox.connection.overlay is None
    return f"{sandbox.mapping.name if shipped else 'its own'} {sandbox.mapping.digest[:12]}"


def _here(source: Source) -> Cursor:
    """Where the tool's records end by now."""
    cursors = [page.cursor for page in source.changes(None)]
    return cursors[-1]


def _clear(sandbox: Sandbox, source: Source, since: Cursor) -> tuple[int, dict[str, str]]:
    """Close what was made. Answers how many were, and what is left, with why."""
    if not isinstance(source, Adapter):
        return 0, {}
    if isinstance(source, Finder):
        sandbox.sleep(source.lookup_lag.total_seconds())  # what was made last may not be listed yet
    closed, left = 0, dict[str, str]()
    try:
        found = left_open(sandbox, source, since)
    except RemoteError as error:
        return 0, {f"all whose title begins with {sandbox.fence.strip()}": str(error)}
    for one in found:
        if isinstance(one, Unreadable):
            left[one.called] = f"{one.sentence}; it may be one of ours"
            continue
        why = _why_not_closed(sandbox.mapping, source, one)
        if why:
            left[one.key or one.ref] = why
        else:
            closed += 1
    return closed, left


def _why_not_closed(mapping: FieldMapping, source: Adapter, one: Reading) -> str:
    """Close a record. Answers why it is still open; "" where it is not."""
    told = mapping.denormalize(CLOSED, {**mapping.normalize(one.body).fields, **WHY_CLOSED, **CLOSED})
    if told.left_out:
        return told.left_out[0].sentence
    try:
        source.update(one.ref, told.body, one.version)
    except RemoteError as error:
        return str(error)
    return ""
