"""Who may come in, and how often."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from tieline.adapters.servicenow.simulated.seed import Account
from tieline.adapters.testing.simulation import Request, Response


class Access:
    """Basic authentication, OAuth tokens by password grant, and a limit of requests per hour and user."""

    def __init__(
        self, accounts: Mapping[str, Account], clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self.accounts = accounts
        self.clients = {"the client id": "the client's own secret"}
        self.token_lifetime = 1799
        self.rate_limit: int | None = None
        self._clock = clock
        self._new_id = new_id
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._spent: dict[tuple[str, int], int] = {}

    def user(self, request: Request) -> str | None:
        """The user name behind a request, or None."""
        scheme, _, proof = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer":
            user, ends = self._tokens.get(proof, ("", self._clock()))
            return user if ends > self._clock() else None
        try:
            name, _, password = base64.b64decode(proof, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name if scheme == "Basic" and self._knows(name, password) else None

    def grant(self, request: Request) -> Response:
        """POST /oauth_token.do."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        client = self.clients.get(form.get("client_id", ""))
        known = self._knows(form.get("username", ""), form.get("password", ""))
        if client is None or client != form.get("client_secret") or not known:
            return Response.of({"error": "server_error", "error_description": "access_denied"}, 401)
        token = self._new_id()
        self._tokens[token] = (form["username"], self._clock() + timedelta(seconds=self.token_lifetime))
        granted = {"access_token": token, "refresh_token": self._new_id(), "scope": "useraccount"}
        return Response.of({**granted, "token_type": "Bearer", "expires_in": self.token_lifetime})

    def forget_tokens(self) -> None:
        """An administrator revokes all tokens."""
        self._tokens.clear()

    def spend(self, user: str) -> dict[str, str]:
        """Count one request; the headers it earns. With `retry-after` among them, the request is refused."""
        if self.rate_limit is None:
            return {}
        now = int(self._clock().timestamp())
        reset = (now // 3600 + 1) * 3600
        spent = self._spent[user, reset] = self._spent.get((user, reset), 0) + 1
        headers = {
            "X-RateLimit-Limit": str(self.rate_limit),
            "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Rule": "Tieline",
        }
        return headers if spent <= self.rate_limit else {**headers, "retry-after": str(reset - now)}

    def _knows(self, name: str, password: str) -> bool:
        account = self.accounts.get(name)
        return account is not None and account.active and account.password == password
