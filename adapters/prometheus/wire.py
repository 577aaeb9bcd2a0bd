"""Prometheus' HTTP API through prometheus-api-client, with the library's traps disarmed.

The library is asked for its session, its authentication and its queries. Left to itself it waits for ever, retries
with an error of another library, and drops the `warnings` that tell a partial answer from a whole one. So it sees no
answer (`core.sdk`): status, size, envelope and warnings are judged here. Alerts and rules it cannot ask for; they go
through the same session.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.core.errors import NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.http import at_origin, outcome, server_date
from tieline.core.login import Proof
from tieline.core.port import Workbench
from tieline.core.redaction import conceal_pair
from tieline.core.route import Route
from tieline.core.sdk import Opened, Sdk


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
        self._clock = bench.clock
        self._sdk: Sdk[Any, Proof] = Sdk(
            connection, settings, settings.url, bench, prove=self._proof, open_with=self._open
        )

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
        response = self._sdk.send(f"GET /api/v1{path}", lambda library, _token: send(library), writes=False)
        path = response.request.path_url.partition("?")[0]
        try:
            envelope = json.loads(response.content)
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
            self._clock.now(),
            self._settings.url,
        )
        if failure is not None:
            raise failure
        if told.get("status") != "success" or "data" not in told:
            raise self._strange(path, response, envelope)
        warnings = told.get("warnings")
        return Answer(
            told["data"],
            tuple(str(warning) for warning in warnings) if isinstance(warnings, list) else (),
            server_date(response.headers) or self._clock.now(),
        )

    def _strange(self, path: str, response: Any, envelope: Any) -> RemoteError:
        if "html" in response.headers.get("content-type", ""):
            return self.nonsense(path.partition("/api/v1")[2], "a web page")
        if isinstance(envelope, dict) and envelope.get("status") == "error":
            words = f"GET {path} answered 200 with an error: {str(envelope.get('error'))[:500]}"
            return Rejected(self.connection, words, status=200)
        return TryAgain(
            self.connection, f"GET {path}{at_origin(self._settings.url)} answered 200, and not whole", status=200
        )

    def _open(self, proof: Proof, _way: Route) -> Opened[Any]:
        try:
            import requests
            from prometheus_api_client import PrometheusConnect
        except ImportError:
            raise NeedsOperator(
                self.connection, "the adapter needs its library: pip install 'tieline[prometheus]'"
            ) from None
        settings = self._settings
        # As bytes: requests would encode text as Latin-1 and fail on the rest of the world's passwords.
        auth = proof.pair and tuple(part.encode() for part in proof.pair)
        session = requests.Session()
        library_of: Any = PrometheusConnect  # its annotations name narrower types than it takes
        library = library_of(
            settings.url,
            headers=dict(proof.headers),
            auth=auth,
            session=session,
            timeout=(min(settings.timeout, 10.0), settings.timeout),
        )
        return Opened(library, session)

    def _proof(self) -> Proof:
        settings = self._settings
        proof = settings.proof(self.connection)
        if proof.pair is not None:
            conceal_pair(*proof.pair)
        tenant = {"x-scope-orgid": settings.tenant} if settings.tenant is not None else {}
        return Proof({"accept": "application/json", **tenant, **proof.headers}, proof.pair)
