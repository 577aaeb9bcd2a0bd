"""HTTP to Jira through the `jira` library's authenticated session, with its traps disarmed.

The library is asked for authentication, transport and JSON headers. Its methods are not used: `search_issues` stops at
50 rows, `Resource.update` loses the path of the API gateway, and every error prints headers. It sees no answer
(`core.sdk`), so that none of its errors is ever raised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.jira.login import tokens
from tieline.adapters.jira.settings import Deployment, JiraSettings
from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, TryAgain
from tieline.core.http import at_origin, outcome, sendable, server_date
from tieline.core.oauth import Bearer
from tieline.core.port import Workbench
from tieline.core.redaction import conceal_pair, redacted
from tieline.core.route import Route
from tieline.core.sdk import Opened, Sdk

JsonObject = dict[str, Any]
Query = Mapping[str, str | int]

SCOPES: Final = {"jira-per-issue-on-write": Limit.RECORD, "jira-burst-based": Limit.ENDPOINT}
"""RateLimit-Reason, where it is not all that this account asks. A burst is counted per endpoint and method."""

REST: Final = timedelta(minutes=1)
"""Of an endpoint that does not say how long it wants to be left alone."""

_WHICH = re.compile(r"(?<=/)(\d+|[A-Z][A-Z0-9_]*-\d+)(?=/|$)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its JSON, of the shape that was asked for, and the tool's own time."""

    json: Any
    at: datetime | None


class NotThere(Gone):
    """Jira's 404. `words` are its own; they are empty when something else answered."""

    def __init__(self, connection: str, message: str, words: str, status: int | None = None) -> None:
        super().__init__(connection, message, status=status)
        self.words = words


class Wire:
    """Sends one request, once, and turns whatever happens into an answer or a RemoteError."""

    def __init__(self, connection: str, settings: JiraSettings, bench: Workbench) -> None:
        self.connection = connection
        self.base = settings.url
        self._settings = settings
        self._clock = bench.clock
        self._sdk: Sdk[Any, dict[str, Any]] = Sdk(
            connection,
            settings,
            settings.url,
            bench,
            prove=self._credentials,
            open_with=self._open,
            tokens=tokens(connection, settings, bench),
        )
        self._api = "3" if settings.deployment is Deployment.CLOUD else "2"
        self._rests: dict[str, float] = {}

    def get(self, path: str, query: Query | None = None, *, has: Sequence[str] = ()) -> Answer:
        """An object that has at least these members."""
        return self.send("GET", path, query=query, has=has)

    def get_list(self, path: str, query: Query | None = None) -> Answer:
        """An array of objects."""
        return self.send("GET", path, query=query, has=None)

    def post(self, path: str, body: Any, *, has: Sequence[str] = ()) -> Answer:
        return self.send("POST", path, body=body, has=has)

    def put(self, path: str, body: Any) -> Answer:
        return self.send("PUT", path, body=body)

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Query | None = None,
        reads: bool = False,
        has: Sequence[str] | None = (),
    ) -> Answer:
        """`path` is relative to the REST root (`/issue/10001`). `reads` marks a POST that changes nothing. `has` are
        the members without which the answer is not what was asked for; None asks for an array."""
        writes = method != "GET" and not reads
        self._leave_alone(method, path)
        response = self._answer(method, path, body, query, writes)
        self._succeeded(method, path, response, writes)
        return self._understood(method, path, response, writes, has)

    def _answer(self, method: str, path: str, body: Any, query: Query | None, writes: bool) -> Any:
        def call(client: Any, token: str) -> None:
            if token:
                client._session.auth = Bearer(token)
            client._session.request(
                method,
                f"{self.base}/rest/api/{self._api}{path}",
                params=dict(query or {}),
                data=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
                allow_redirects=False,
                stream=True,
            )

        return self._sdk.send(f"{method} {path}", call, writes=writes)

    def close(self) -> None:
        """Give this thread's sockets back."""
        self._sdk.close()

    def _leave_alone(self, method: str, path: str) -> None:
        """Raises TryAgain while this endpoint rests: whatever else needs it would run into the same limit."""
        left = self._rests.get(_endpoint(method, path), 0.0) - self._clock.monotonic()
        if left > 0:
            words = f"{method} {path}: Jira wants this endpoint left alone for {left:.0f} s more"
            raise TryAgain(self.connection, words, wait=timedelta(seconds=left), limit=Limit.ENDPOINT)

    def _succeeded(self, method: str, path: str, response: Any, writes: bool) -> None:
        headers: Mapping[str, str] = response.headers
        url = self._settings.url
        words = redacted(error_words(response.content.decode("utf-8", "replace"), headers))
        failure = outcome(self.connection, method, path, response.status_code, headers, words, self._clock.now(), url)
        if isinstance(failure, TryAgain):
            failure.maybe_done = failure.maybe_done and writes
            if failure.limit is not None:
                failure.limit = SCOPES.get(_limit_reason(headers), failure.limit)
            if failure.limit is Limit.ENDPOINT:
                wait = REST if failure.wait is None else failure.wait
                self._rests[_endpoint(method, path)] = self._clock.monotonic() + wait.total_seconds()
        if isinstance(failure, Gone):
            status = response.status_code
            if not _is_json(response):
                met = f"{method} {path}{at_origin(url)} answered {status} in a page that is not Jira's; check `url`."
                raise TryAgain(self.connection, met, maybe_done=writes, status=status)
            raise NotThere(self.connection, str(failure).removeprefix(f"{self.connection}: "), words, status)
        if isinstance(failure, Rejected):
            failure.refused = refused_in(response.content.decode("utf-8", "replace"))
        if failure is not None:
            raise failure
        if _came_as_nobody(headers):
            raise NeedsOperator(
                self.connection,
                f"{method} {path} was answered as if nobody had logged in; renew the credentials, "
                f"then run `tieline check {self.connection}`.",
                status=response.status_code,
            )

    def _understood(self, method: str, path: str, response: Any, writes: bool, has: Sequence[str] | None) -> Answer:
        given = server_date(response.headers)
        if writes and not has and not response.content:
            return Answer(None, given)
        try:
            value = json.loads(response.content)
        except (ValueError, RecursionError):
            value = None
        if has is None:
            fits = isinstance(value, list) and all(isinstance(one, dict) for one in value)
        else:
            fits = isinstance(value, dict) and all(name in value for name in has)
        if not fits:
            raise TryAgain(
                self.connection,
                f"{method} {path}{at_origin(self._settings.url)} answered {response.status_code} with something that "
                "is not Jira's (a login or maintenance page?); check that `url` is the REST address of the site.",
                maybe_done=writes,
                status=response.status_code,
            )
        return Answer(value, given)

    def _open(self, credentials: dict[str, Any], way: Route) -> Opened[Any]:
        try:
            from jira import JIRA
        except ImportError:
            raise NeedsOperator(self.connection, "the adapter needs its library: pip install 'tieline[jira]'") from None
        settings = self._settings
        client: Any = JIRA(
            settings.url,
            options={"rest_api_version": self._api, "verify": way.verify, "check_update": False},
            get_server_info=False,  # it would call the site from the constructor
            max_retries=0,
            timeout=(min(settings.timeout, 10.0), settings.timeout),
            logging=False,
            **credentials,
        )
        return Opened(client, client._session)

    def _credentials(self) -> dict[str, Any]:
        settings = self._settings
        if settings.oauth is not None:
            return {}  # each call brings its token
        try:
            if settings.pat is not None:
                return {"token_auth": sendable(self.connection, "pat", settings.pat.reveal())}
            if settings.api_token is not None:
                token = settings.api_token.reveal()
                conceal_pair(settings.email or "", token)
                # As bytes: requests would encode text as Latin-1 and fail on the rest of the world's passwords.
                return {"basic_auth": ((settings.email or "").encode(), token.encode())}
        except LookupError as error:
            raise NeedsOperator(self.connection, str(error)) from None
        raise NeedsOperator(self.connection, "no credentials; give `email` with `api_token`, or `pat`")


def _is_json(response: Any) -> bool:
    """An empty body passes: it says nothing either way."""
    try:
        return not response.content or response.json() is not None
    except (ValueError, RecursionError):
        return False


def error_words(text: str, headers: Mapping[str, str]) -> str:
    """What Jira says is wrong, each field by its id (the library's own reading drops the ids)."""
    words: list[str] = []
    reason = _limit_reason(headers)
    if reason:
        words.append(reason)
    try:
        said = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return "; ".join(words)
    if isinstance(said, dict):
        messages = said.get("errorMessages")
        words += [str(message) for message in messages] if isinstance(messages, list) else []
        errors = said.get("errors")
        words += [f"{name}: {message}" for name, message in errors.items()] if isinstance(errors, dict) else []
        words += [str(said[name]) for name in ("message", "errorMessage") if said.get(name)]
    return "; ".join(words)


def refused_in(text: str) -> dict[str, str]:
    """The fields that a refusal names, by their paths in an issue, each with Jira's words."""
    try:
        said = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    errors = said.get("errors") if isinstance(said, dict) else None
    if not isinstance(errors, dict):
        return {}
    return {f"fields.{name}": redacted(str(message)) for name, message in errors.items()}


def _limit_reason(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "ratelimit-reason"), "")


def _endpoint(method: str, path: str) -> str:
    """The call without the record that it is about."""
    return f"{method} {_WHICH.sub('*', path)}"


def _came_as_nobody(headers: Mapping[str, str]) -> bool:
    """Jira answers a search with bad credentials as anonymous: 200 and an empty list. These headers give it away."""
    lower = {name.lower(): value for name, value in headers.items()}
    return (
        "AUTHENTICATED_FAILED" in lower.get("x-seraph-loginreason", "")
        or "AUTHENTICATION_DENIED" in lower.get("x-seraph-loginreason", "")
        or lower.get("x-ausername") == "anonymous"
    )
