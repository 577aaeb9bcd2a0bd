"""The token endpoint that simulators share: who may buy, for how long, and refresh tokens that are good for one use."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from tieline.adapters.testing.simulation import Request, Response


@dataclass
class Client:
    """A registered application. `user` is in whose name its tokens act, where nobody logs in."""

    secret: str
    user: str
    scopes: frozenset[str] = frozenset()


class TokenDesk:
    """Grants tokens. `rotates`: each refresh token is good once."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        *,
        lifetime: int,
        grants: frozenset[str],
        knows: Callable[[str, str], bool] = lambda _name, _password: False,
        rotates: bool = False,
    ) -> None:
        self.clients: dict[str, Client] = {}
        self.lifetime = lifetime
        self.rotates = rotates
        self.refresh_tokens: dict[str, str] = {}
        """Each good refresh token, and whose it is."""
        self._clock = clock
        self._new_id = new_id
        self._grants = grants
        self._knows = knows
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def holder(self, token: str) -> str | None:
        """In whose name a token acts, or None for one that is unknown or over."""
        user, ends = self._tokens.get(token, ("", self._clock()))
        return user if ends > self._clock() else None

    def forget(self) -> None:
        """An administrator revokes all access tokens."""
        self._tokens.clear()

    def grant(self, request: Request) -> Response:
        """A POST to the token endpoint, as a form or JSON."""
        form = _form(request)
        client = self.clients.get(form.get("client_id", ""))
        if client is None or client.secret != form.get("client_secret"):
            return _refused(401, "invalid_client")
        kind = form.get("grant_type", "")
        if kind not in self._grants:
            return _refused(400, "unsupported_grant_type")
        if not frozenset(form.get("scope", "").split()) <= client.scopes or (client.scopes and not form.get("scope")):
            return _refused(400, "invalid_scope")
        user = self._user(kind, form, client)
        return (
            _refused(403 if kind == "refresh_token" else 401, "invalid_grant")
            if user is None
            else self._given(kind, user, form)
        )

    def _user(self, kind: str, form: Mapping[str, str], client: Client) -> str | None:
        match kind:
            case "password":
                name = form.get("username", "")
                return name if self._knows(name, form.get("password", "")) else None
            case "refresh_token":
                return self.refresh_tokens.get(form.get("refresh_token", ""))
            case _:
                return client.user

    def _given(self, kind: str, user: str, form: Mapping[str, str]) -> Response:
        token = self._new_id()
        self._tokens[token] = (user, self._clock() + timedelta(seconds=self.lifetime))
        granted = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}
        if kind == "refresh_token":
            renewed = form["refresh_token"]
            if self.rotates:
                del self.refresh_tokens[renewed]
                renewed = self._new_id()
            self.refresh_tokens[renewed] = user
            granted["refresh_token"] = renewed
        elif kind == "password":
            granted["refresh_token"] = self._new_id()
            self.refresh_tokens[str(granted["refresh_token"])] = user
        return Response.of(granted)


def _form(request: Request) -> dict[str, str]:
    if "json" in request.headers.get("content-type", ""):
        return {name: str(value) for name, value in json.loads(request.body).items()}
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def _refused(status: int, code: str) -> Response:
    return Response.of({"error": code, "error_description": "access_denied"}, status)
