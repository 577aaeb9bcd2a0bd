"""HTTP to Alertmanager's API v2: credentials, JSON, and the tool's own clock with every answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import orjson

from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.core.errors import NeedsOperator, TryAgain
from tieline.core.http import Client, at_origin, sendable, server_date
from tieline.core.port import Workbench
from tieline.core.secrets import Secret

Credentials = tuple[dict[str, str], tuple[str, str] | None]
"""The headers that each request carries, and the pair for Basic."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its JSON (None for an empty body), and when it was given by Alertmanager's own clock."""

    json: Any
    at: datetime


class Wire:
    """Sends one request, once. The client is made at the first, so that connecting neither reads secrets nor fails."""

    def __init__(self, connection: str, settings: AlertmanagerSettings, bench: Workbench) -> None:
        self.connection = connection
        self._settings = settings
        self._bench = bench
        self._made: Client | None = None
        self._shown: Credentials | None = None

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        return self._send("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return self._send("POST", path, body=body)

    def delete(self, path: str) -> Answer:
        return self._send("DELETE", path)

    def nonsense(self, path: str, why: str) -> NeedsOperator:
        """The error for an answer that no Alertmanager gives."""
        return NeedsOperator(
            self.connection,
            f"GET {path}{at_origin(self._settings.url or '')} answered 200 with what is not Alertmanager's ({why}); "
            "check `url`, and whether a log-in page stands in front of it.",
            status=200,
        )

    def _send(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Answer:
        try:
            response = self._asked(method, path, params, body)
        except NeedsOperator as error:
            if error.status != 401 or not self._renew():
                raise
            # A 401 says that nothing was done, so that sending again is safe for writes too.
            response = self._asked(method, path, params, body)
        at = server_date(response.headers) or self._bench.clock.now()
        if not response.content:
            return Answer(None, at)
        try:
            return Answer(orjson.loads(response.content), at)
        except orjson.JSONDecodeError:
            if method != "GET":
                words = f"{method} {path} answered {response.status_code}, and not in JSON"
                raise TryAgain(self.connection, words, maybe_done=True, status=response.status_code) from None
            raise self._unreadable(path, response) from None

    def _asked(self, method: str, path: str, params: Any, body: Any) -> httpx.Response:
        self._bench.spend()
        return self._client().request(method, path, params=params, json=body)

    def _renew(self) -> bool:
        """Whether we can prove ourselves otherwise than we just did: somebody may have replaced the secret."""
        if self._made is not None:
            self._made.close()
            self._made = None
        return self._credentials() != self._shown

    def _unreadable(self, path: str, response: httpx.Response) -> NeedsOperator | TryAgain:
        if "html" in response.headers.get("content-type", ""):
            return self.nonsense(path, "a web page")
        words = f"GET {path} answered {response.status_code}, and not in whole JSON"
        return TryAgain(self.connection, words, status=response.status_code)

    def _credentials(self) -> Credentials:
        settings = self._settings
        headers = {"accept": "application/json"}
        if settings.tenant is not None:
            headers["x-scope-orgid"] = settings.tenant
        if settings.bearer_token is not None:
            headers["authorization"] = self._bearer(settings.bearer_token)
        if settings.username is None or settings.password is None:
            return headers, None
        return headers, (settings.username, self._reveal(settings.password, "password"))

    def _bearer(self, secret: Secret) -> str:
        return f"Bearer {sendable(self.connection, 'bearer_token', self._reveal(secret, 'bearer_token'))}"

    def _reveal(self, secret: Secret, name: str) -> str:
        try:
            return secret.reveal()
        except LookupError as error:
            raise NeedsOperator(self.connection, f"`{name}` cannot be read: {error}") from None

    def _client(self) -> Client:
        if self._made is None:
            settings = self._settings
            if settings.url is None:
                raise NeedsOperator(self.connection, "there is no address to ask; set `url`.")
            self._shown = headers, auth = self._credentials()
            self._made = Client(
                self.connection,
                settings.url,
                now=self._bench.clock.now,
                headers=headers,
                auth=auth,
                timeout=settings.timeout,
                settings=settings,
                transport=self._bench.transport,
            )
        return self._made
