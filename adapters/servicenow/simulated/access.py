"""Who may come in, and how often."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime

from tieline.adapters.servicenow.simulated.seed import Account
from tieline.adapters.testing.simulation import Request
from tieline.adapters.testing.tokens import Client, TokenDesk


class Access:
    """Basic authentication, OAuth tokens, and a limit of requests per hour and user."""

    def __init__(
        self, accounts: Mapping[str, Account], clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self.accounts = accounts
        self.desk = TokenDesk(
            clock,
            new_id,
            lifetime=1799,
            grants=frozenset({"password", "client_credentials", "refresh_token"}),
            knows=self._knows,
        )
        self.desk.clients["the client id"] = Client("the client's own secret", user="tieline")
        self.rate_limit: int | None = None
        self._clock = clock
        self._spent: dict[tuple[str, int], int] = {}

    def user(self, request: Request) -> str | None:
        """The user name behind a request, or None."""
        scheme, _, proof = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer":
            holder = self.desk.holder(proof)
            return None if holder is None else self._named(holder)
        try:
            name, _, password = base64.b64decode(proof, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._named(name) if scheme == "Basic" and self._knows(name, password) else None

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
        account = self.accounts.get(self._named(name))
        return account is not None and account.active and account.password == password

    def _named(self, name: str) -> str:
        """As the user table has it: whoever logs in may write the name in any case."""
        return next((known for known in self.accounts if known.casefold() == name.casefold()), name)
