"""Prometheus' HTTP API through prometheus-api-client, with the library's traps disarmed.

The library is asked for its session, its authentication and its queries. Left to itself it waits for ever, retries
with an error of another library, and drops the `warnings` that tell a partial answer from a whole one. So every answer
passes `_judge` before the library sees it: status, size, envelope and warnings. Alerts and rules it cannot ask for;
they go through the same session.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.core.errors import NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.http import at_origin, hold_whole, outcome, sendable, server_date, too_large
from tieline.core.port import Workbench
from tieline.core.redaction import conceal_pair
from tieline.core.route import Route, blocked, route
from tieline.core.secrets import Secret
from tieline.core.unreached import cause


@dataclass(frozen=True, slots=True)
class Answer:
    """The `data` of a successful answer, what Prometheus warns of, and its own clock."""

    data: Any
    warnings: tuple[str, ...]
    at: datetime


class Wire:
    """Sends one request, once, and turns whatever happens into an answer or a RemoteError."""

    def __init__(self, connection: str, settings: PrometheusSettings, bench: Workbench) -> None:
        self.connection = connection
        self._settings = settings
        self._bench = bench
        self._route = Route()
        # A requests session is not made for several threads, so each thread gets its own.
        self._threads = threading.local()

    def get(self, path: str, **query: str) -> Answer:
        """`path` stands behind /api/v1. Raises Gone where this Prometheus has no such resource."""
        return self._answer(
            path,
            lambda library: library._session.get(
                f"{self._settings.url}/api/v1{path}",
                params=query,
                headers=library.headers,
                auth=library.auth,
                timeout=library._timeout,
            ),
        )

    def query(self, promql: str) -> Answer:
        """An instant query. Raises Rejected with Prometheus' own words for one that it cannot parse or evaluate."""
        return self._answer("/query", lambda library: library.custom_query(promql))

    def nonsense(self, path: str, why: str) -> NeedsOperator:
        """The error for an answer that no Prometheus gives."""
        return NeedsOperator(
            self.connection,
            f"GET /api/v1{path}{at_origin(self._settings.url)} answered 200 with what is not Prometheus' ({why}); "
            "check `url`, and whether a log-in page stands in front of it.",
            status=200,
        )

    def _answer(self, path: str, send: Callable[[Any], object]) -> Answer:
        try:
            return self._asked(path, send)
        except NeedsOperator as error:
            if error.status != 401 or not self._renew():
                raise
        return self._asked(path, send)

    def _renew(self) -> bool:
        """Whether we can prove ourselves otherwise than we just did: somebody may have replaced the secret."""
        shown = self._threads.credentials
        self._threads.library._session.close()
        self._threads.library = None
        return bool(self._credentials() != shown)

    def _asked(self, path: str, send: Callable[[Any], object]) -> Answer:
        import requests
        from prometheus_api_client.exceptions import PrometheusApiClientException

        library = self._library()
        self._threads.judged = None
        self._bench.spend()
        try:
            send(library)
        except (requests.exceptions.RequestException, PrometheusApiClientException) as error:
            # `from None`: the library's exceptions carry the request, headers and all, into every traceback.
            failure = blocked(self.connection, f"GET /api/v1{path}", error, self._route)
            raise failure or TryAgain(self.connection, f"GET /api/v1{path}: no answer ({cause(error)})") from None
        judged = self._threads.judged
        if not isinstance(judged, Answer):
            raise self.nonsense(path, "nothing")
        return judged

    def _judge(self, response: Any, **_options: Any) -> None:
        """Hears of every answer before the library does. What it raises passes through the library untouched."""
        path = response.request.path_url.partition("?")[0]
        content = self._content(response, path)
        try:
            envelope = json.loads(content)
        except (ValueError, RecursionError):
            envelope = None
        told = envelope if isinstance(envelope, dict) else {}
        failure = outcome(
            self.connection,
            "GET",
            path,
            response.status_code,
            response.headers,
            str(told.get("error") or ""),
            self._bench.clock.now(),
            self._settings.url,
        )
        if failure is not None:
            raise failure
        if told.get("status") != "success" or "data" not in told:
            raise self._strange(path, response, envelope)
        warnings = told.get("warnings")
        self._threads.judged = Answer(
            told["data"],
            tuple(str(warning) for warning in warnings) if isinstance(warnings, list) else (),
            server_date(response.headers) or self._bench.clock.now(),
        )

    def _content(self, response: Any, path: str) -> bytes:
        try:
            hold_whole(response)
        except OverflowError:
            raise too_large(self.connection, f"GET {path}", writes=False) from None
        content: bytes = response.content
        return content

    def _strange(self, path: str, response: Any, envelope: Any) -> RemoteError:
        if "html" in response.headers.get("content-type", ""):
            return self.nonsense(path.partition("/api/v1")[2], "a web page")
        if isinstance(envelope, dict) and envelope.get("status") == "error":
            words = f"GET {path} answered 200 with an error: {str(envelope.get('error'))[:500]}"
            return Rejected(self.connection, words, status=200)
        return TryAgain(
            self.connection, f"GET {path}{at_origin(self._settings.url)} answered 200, and not whole", status=200
        )

    def _library(self) -> Any:
        library = getattr(self._threads, "library", None)
        if library is None:
            self._threads.credentials = self._credentials()
            library = self._threads.library = self._connect(*self._threads.credentials)
        return library

    def _connect(self, headers: dict[str, str], auth: tuple[bytes, bytes] | None) -> Any:
        try:
            import requests
            from prometheus_api_client import PrometheusConnect
        except ImportError:
            raise NeedsOperator(
                self.connection, "the adapter needs its library: pip install 'tieline[prometheus]'"
            ) from None
        settings = self._settings
        session = requests.Session()
        session.hooks["response"].append(self._judge)
        library_of: Any = PrometheusConnect  # its annotations name narrower types than it takes
        library = library_of(
            settings.url,
            headers=headers,
            auth=auth,
            session=session,
            timeout=(min(settings.timeout, 10.0), settings.timeout),
        )
        # The library mounts a transport that retries; this one takes its place.
        self._route = route(self.connection, settings, settings.url)
        self._route.lead(session, self._bench.transport, at=(settings.url,))
        return library

    def _credentials(self) -> tuple[dict[str, str], tuple[bytes, bytes] | None]:
        """The headers that each request carries, and the pair for Basic."""
        settings = self._settings
        headers = {"accept": "application/json"}
        if settings.tenant is not None:
            headers["x-scope-orgid"] = settings.tenant
        if settings.bearer_token is not None:
            headers["authorization"] = self._bearer(settings.bearer_token)
        if settings.username is None or settings.password is None:
            return headers, None
        # As bytes: requests would encode text as Latin-1 and fail on the rest of the world's passwords.
        password = self._reveal(settings.password, "password")
        conceal_pair(settings.username, password)
        return headers, (settings.username.encode(), password.encode())

    def _bearer(self, secret: Secret) -> str:
        return f"Bearer {sendable(self.connection, 'bearer_token', self._reveal(secret, 'bearer_token'))}"

    def _reveal(self, secret: Secret, name: str) -> str:
        try:
            return secret.reveal()
        except LookupError as error:
            raise NeedsOperator(self.connection, f"`{name}` cannot be read: {error}") from None
