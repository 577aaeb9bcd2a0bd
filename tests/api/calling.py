"""Calling the API in process: the whole application over a world's engine, and tokens of people who hold roles."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Self

import httpx
from tests.sync.world import World

from tieline.core import grants, journal, tokens
from tieline.core.access import Grant, Role, Rule, Scope, Verdict
from tieline.core.identity import Someone, of_account
from tieline.core.tokens import Terms
from tieline.sync.api.application import Api
from tieline.sync.api.local import Local, Peer
from tieline.sync.api.stream import Streams
from tieline.sync.engine import Engine
from tieline.sync.office.look import Outside

ANN, BOB = of_account("ann", "db1"), of_account("bob", "db1")
EDIT: Mapping[str, Any] = {"incident": "INC-1", "changes": {"title": "Disk full on db1"}}


class Caller:
    """Programs that call. Ann is responder; the first token is hers, and reaches all that a responder may."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_stopping = False
        self.streams = Streams()
        self.workers: Executor = ThreadPoolExecutor(4)
        self.grant(ANN, Role.RESPONDER)
        self.token = self.issue(ANN, Role.RESPONDER)
        self._loop = asyncio.Runner()
        transport = httpx.ASGITransport(Api(self), raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://tieline.test")

    @property
    def engine(self) -> Engine:
        return self.world.engine

    def owns_store(self, someone: Someone) -> bool:
        return someone.name == "owner"

    def account(self, peer: Peer) -> Local:
        """Whoever runs the tests owns the store, and is Ann; nobody else is anybody here."""
        if peer.uid != os.getuid():
            raise LookupError("whoever calls has no account on this machine")
        return Local(ANN, owns_store=True, could_open=True)

    def outside(self, *, file_too: bool = False) -> Outside:
        return Outside()

    def grant(self, someone: Someone, role: Role, scope: Scope | None = None, until: datetime | None = None) -> None:
        with self.engine.store.write() as tx:
            given = Grant(role, scope, until)
            grants.grant(tx, someone, given, at=self.world.clock.now(), actor=ANN, verdict=Verdict(True, Rule.ROLE))

    def revoke(self, someone: Someone, role: Role) -> None:
        with self.engine.store.write() as tx:
            grants.revoke(tx, someone, Grant(role), at=self.world.clock.now(), actor=ANN)

    def issue(
        self,
        someone: Someone,
        role: Role | None = None,
        rights: Iterable[str] = (),
        scope: Scope | None = None,
        lasts: timedelta = timedelta(days=30),
    ) -> str:
        now = self.world.clock.now()
        with self.engine.store.write() as tx:
            terms = Terms("a test", role, tuple(rights), scope, now + lasts)
            return tokens.issue(tx, someone, terms, at=now, actor=someone)[1]

    def revoke_token(self, told: str) -> None:
        with self.engine.store.write() as tx:
            tokens.revoke(tx, tokens.find(tx, told.split("_")[1]), at=self.world.clock.now(), actor=ANN)

    def request(self, method: str, path: str, **said: Any) -> httpx.Response:
        """One call, as it is given."""
        return self._loop.run(self._client.request(method, path, **said))

    def post(self, name: str, body: Any = None, *, token: str | None = None, **headers: str) -> httpx.Response:
        """Call by JSON. Names of headers are written with underscores."""
        said = {"authorization": f"Bearer {token or self.token}"}
        said |= {header.replace("_", "-"): value for header, value in headers.items()}
        return self.request("POST", f"/api/v1/{name}", json=body, headers=said)

    def get(self, name: str, *, token: str | None = None, **headers: str) -> httpx.Response:
        """Look. The name may have a query."""
        said = {"authorization": f"Bearer {token or self.token}"}
        said |= {header.replace("_", "-"): value for header, value in headers.items()}
        return self.request("GET", f"/api/v1/{name}", headers=said)

    def send(self, name: str, content: bytes, **headers: str) -> httpx.Response:
        """Call by bytes."""
        said = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        said |= {header.replace("_", "-"): value for header, value in headers.items()}
        return self.request("POST", f"/api/v1/{name}", content=content, headers=said)

    def journal(self, *kinds: str) -> list[tuple[str, str, Any]]:
        """The entries of these kinds, or all: kind, who and facts."""
        with self.engine.store.read() as connection:
            return [
                (row.kind, journal.who(row), journal.facts(connection, row))
                for row in connection.execute(journal.ENTRIES)
                if row.kind in kinds or not kinds
            ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.run(self._client.aclose())
        self._loop.close()
        self.workers.shutdown()
