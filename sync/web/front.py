"""What is served at one address: the API to programs, and the console to people."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from tieline.sync.api import calls
from tieline.sync.api.application import METRICS, Api, Host, Watch
from tieline.sync.web.console import Console


class Front:
    """Leads each request to whom it is for. Where no plugin offers a page, all is the API's to answer."""

    def __init__(self, host: Host, watch: Watch | None = None) -> None:
        """`watch` is told who is not let in, and has the metrics; without it there are none."""
        self._api = Api(host, watch)
        self._console = Console(host, watch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_call = self._is_call(scope.get("path", ""))
        await (self._api if is_call else self._console)(scope, receive, send)

    def _is_call(self, path: str) -> bool:
        return path.startswith(calls.ROOT) or path in ("/healthz", METRICS) or not self._console.has_pages

    def route(self, scope: Scope) -> str:
        """Where a request goes, by a name of which there are not many."""
        path = scope["path"]
        return self._api.route(path) if self._is_call(path) else self._console.route(path)

    @property
    def pages_open(self) -> int:
        """How many pages are kept up to date."""
        return self._console.streams
