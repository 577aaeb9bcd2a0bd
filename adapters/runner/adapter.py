"""A runner behind HTTP. The protocol is small, and any service may speak it; JSON both ways, errors by their status.

    GET   /                                       {"account", "version"}
    POST  /executions        Idempotency-Key      makes one, once for each key; answers it
    GET   /executions/ID                          answers it, or 404
    PATCH /executions/ID     If-Match: "VERSION"  writes members, or answers 412 where it moved
    GET   /executions?token=KEY                   {"executions": […]}: those that were made under the key
    GET   /executions?after=N&limit=M             {"executions": […], "next": N, "more": …}: changed after N, oldest
                                                  first; without `after` none, or those of the `last` so many seconds
    GET   /executions/ID/output?from=N&limit=M    {"base64": …}: what it wrote, from a byte on; "" behind its end

An execution has `id`, `version` (another with each change), `token` (the key), `changed_at` (RFC 3339), the members
that it was made with (`title`, `description`, `wanted`, `runner`, `command`, `dry_run`, `timeout` in seconds, `run`),
and what the runner says: `status` (queued, running, succeeded, failed, cancelled; lost where nobody knows),
`exit_code`, `output` (the end of it) and `output_sha256` (of all of it). One whose `wanted` becomes `cancel` before it
has begun never begins.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.runner.settings import RunnerSettings
from tieline.core.client import Answer, Client
from tieline.core.errors import NeedsOperator, StaleVersion
from tieline.core.executions import BORN, MADE_WITH, check_new, check_patch, fenced, left
from tieline.core.http import asked_of_no_record
from tieline.core.listing import alone, answered, understood
from tieline.core.login import Proof, revealed
from tieline.core.model import ConnectionName, ExecutionStatus
from tieline.core.port import Body, Cursor, Health, Page, Reading, Ref, Token, Version, Workbench

ALL: Final = "/executions"


def connect(name: ConnectionName, settings: RunnerSettings, workbench: Workbench) -> RunnerAdapter:
    """An adapter on the runner that the settings name."""
    return RunnerAdapter(name, settings, workbench)


class RunnerAdapter:
    """One connection to a runner. It keeps nothing but its sockets."""

    lookup_lag = timedelta(0)

    def __init__(self, name: ConnectionName, settings: RunnerSettings, workbench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._clock = workbench.clock
        self._client = Client(name, settings.url, settings, workbench, tool="a runner", prove=self._proof)

    def __repr__(self) -> str:
        return f"RunnerAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        with asked_of_no_record():
            answer = self._client.get("/", shape=dict)
        self._list({"limit": "1"})
        told = answer.json
        return Health(str(told.get("account", "")), str(told.get("version", "")), answer.at - self._clock.now())

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """Pages by the runner's own count of changes."""
        seconds = int(self._settings.history.total_seconds())
        place = {"last": str(seconds)} if since is None and seconds else {}
        if since is not None:
            if not (since.isascii() and since.isdecimal()):
                raise NeedsOperator(self._name, f"the cursor {since!r:.80} is not one of ours; start anew")
            place = {"after": since}
        while True:
            answer = self._list({**place, "limit": str(self._settings.page_size)})
            told = answer.json
            rows, upto, more = told.get("executions"), told.get("next"), told.get("more") is True
            if not isinstance(rows, list) or type(upto) is not int or upto < 0:
                raise self._client.nonsense(ALL, "no list of executions")
            if more and upto <= int(place.get("after", -1)):
                raise self._client.nonsense(ALL, "a page behind which the same one follows")
            found = understood(rows, partial(self._reading, at=answer.at), _named)
            yield Page(found.found, Cursor(str(upto)), more, unreadable=found.unreadable)
            if not more:
                return
            place = {"after": str(upto)}

    def read(self, ref: Ref) -> Reading:
        answer = self._client.get(_path(ref), shape=dict)
        return alone(self._name, f"read: execution {ref}", lambda: self._reading(answer.json, answer.at))

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:
        check_new(self._name, body)
        with asked_of_no_record():
            answer = self._client.call("POST", ALL, body=body, headers={"Idempotency-Key": token}, shape=dict)
        return left(answered(self._name, "create", lambda: self._reading(answer.json, answer.at)), BORN)

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        check_patch(self._name, patch)
        before = self.read(ref)
        if before.version != seen:
            raise StaleVersion(self._name, f"update: execution {ref} is not as it was seen")
        answer = self._client.call("PATCH", _path(ref), body=patch, headers={"If-Match": f'"{seen}"'}, shape=dict)
        written = answered(self._name, f"update: execution {ref}", lambda: self._reading(answer.json, answer.at))
        return left(written, before.body)

    # Finder

    def find(self, token: Token) -> Reading | None:
        answer = self._list({"token": token})
        rows = answer.json.get("executions")
        if not isinstance(rows, list):
            raise self._client.nonsense(ALL, "no list of executions")
        ours = [row for row in rows if isinstance(row, Mapping) and row.get("token") == token]
        return alone(self._name, "find", lambda: self._reading(ours[0], answer.at)) if ours else None

    # Outputs

    def output(self, ref: Ref, start: int, most: int) -> bytes:
        path = f"{_path(ref)}/output"
        told = self._client.get(path, {"from": str(start), "limit": str(most)}, shape=dict).json.get("base64")
        try:
            written = b64decode(told, validate=True)
        except (TypeError, ValueError):
            raise self._client.nonsense(path, "no output") from None
        if len(written) > most:
            raise self._client.nonsense(path, f"{len(written)} bytes of an output, where {most} were asked for")
        return written

    # What is the same for all of them

    def _list(self, query: Mapping[str, str]) -> Answer:
        with asked_of_no_record():
            return self._client.get(ALL, query, shape=dict)

    def _proof(self) -> Proof:
        return Proof({"authorization": f"Bearer {revealed(self._name, 'token', self._settings.token)}"})

    def _reading(self, row: Mapping[str, Any], at: datetime) -> Reading:
        ref, version, token = row["id"], row["version"], row.get("token")
        if not (isinstance(ref, str) and ref and isinstance(version, str) and version):
            raise ValueError("it has no id or no version")
        changed = datetime.fromisoformat(row["changed_at"])
        output = row["output"]
        said = {name: row.get(name) for name in MADE_WITH}
        return Reading(
            ref=Ref(ref),
            version=Version(version),
            body={
                **said,
                "status": ExecutionStatus(row["status"]).value,
                "exit_code": row["exit_code"],
                "output": fenced(output) if output else None,
                "output_sha256": row["output_sha256"],
            },
            key=ref[:60],
            url=f"{self._settings.url}{_path(Ref(ref))}",
            token=Token(token) if isinstance(token, str) else None,
            age=max(at - changed, timedelta(0)),
        )


def _path(ref: Ref) -> str:
    return f"{ALL}/{quote(ref, safe='')}"


def _named(row: Any) -> tuple[Ref | None, str]:
    ref = row.get("id") if isinstance(row, Mapping) else None
    return (Ref(ref), ref[:60]) if isinstance(ref, str) and ref else (None, "")
