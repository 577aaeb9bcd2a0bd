"""What is served at one address: the API to programs, and the console to people."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from tieline.sync.api import calls
from tieline.sync.api.application import Api, Host
from tieline.sync.web.console import Console


class Front:
    """Leads each request to whom it is for. Where no plugin offers a page, all is the API's to answer."""

    def __init__(self, host: Host) -> None:
        self._api = Api(host)
        self._console = Console(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_call = path.startswith(calls.ROOT) or path == "/healthz" or not self._console.has_pages
        await (self._api if is_call else self._console)(scope, receive, send)
