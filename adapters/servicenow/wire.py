"""The Table API through pysnow 0.7.17, with the library's traps disarmed.

pysnow is asked for what it does well: resources, parameters and sending. Every call gets a Client and a Resource of its
own, because a Resource keeps the parameters of the last call and is not safe between threads; connections are pooled in
one transport underneath. The answer is read from requests, not from `pysnow.Response`, which drops an error that stands
beside rows and throws the words of a refusal away. Nothing is retried and no redirect is followed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from tieline.adapters.servicenow.answers import Row, Said, flat, refusal, said, with_wait
from tieline.adapters.servicenow.login import Login
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.http import LARGEST_ANSWER, server_date, too_large
from tieline.core.port import Workbench
from tieline.core.route import Route, blocked, route
from tieline.core.unreached import cause

PYSNOW = "0.7.17"

_WHO_ASKS = "user_name=javascript:gs.getUserName()"
"""The instance runs the script in a query as the user who asks (GlideSystem, getUserName)."""
_NO_RIGHT = 403


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of one query. `more` says that the query has rows after these: a short or empty page is not its end,
    because the limit counts rows that access rules then hide. None where the answer does not tell.
    `total` is X-Total-Count. `at` is the tool's clock."""

    rows: tuple[Row, ...]
    more: bool | None
    total: int | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Single:
    """One row, and the tool's clock."""

    row: Row
    at: datetime | None


class Wire:
    """Sends one request, once, and turns whatever happens into rows or a RemoteError."""

    def __init__(self, connection: str, settings: ServiceNowSettings, bench: Workbench) -> None:
        self.connection = connection
        self.settings = settings
        self._clock = bench.clock
        self._spend = bench.spend
        self._given = bench.transport
        self._pool: Any = None
        self._route = Route()
        self._login = Login(connection, settings, bench)
        self._account = settings.username if settings.logs_in else ""

    def rows(self, table: str, query: str, *, limit: int, offset: int = 0, fields: tuple[str, ...] = ()) -> Listing:
        """One page of a query. Dot-walked names may stand in `fields`; none means all fields."""
        parameters = {"sysparm_query": query, "sysparm_limit": str(limit), "sysparm_offset": str(offset)}
        if fields:
            parameters["sysparm_fields"] = ",".join(fields)
        result, headers = self._send("GET", table, "", parameters)
        if not isinstance(result, list) or not all(isinstance(row, dict) for row in result):
            sentence = f"GET /table/{table} answered 200 with no list of records; check that `url` is an instance."
            raise NeedsOperator(self.connection, sentence, status=200)
        total = _number(headers.get("x-total-count"))
        more = 'rel="next"' in headers.get("link", "") if "link" in headers or total is not None else None
        return Listing(tuple(flat(row) for row in result), more, total, server_date(headers))

    def row(self, table: str, sys_id: str, fields: tuple[str, ...] = ()) -> Single:
        """One record. Raises Gone."""
        return self._single("GET", table, sys_id, {"sysparm_fields": ",".join(fields)} if fields else {}, None)

    def insert(self, table: str, values: Mapping[str, str]) -> Single:
        """POST one record; answers with the record as inserted."""
        return self._single("POST", table, "", {}, values)

    def patch(self, table: str, sys_id: str, values: Mapping[str, str]) -> Single:
        """PATCH by sys_id (pysnow's own update would GET 10,000 rows and PUT the one it finds)."""
        return self._single("PATCH", table, sys_id, {}, values)

    def account(self) -> str:
        """The user name under which the instance saves what we write; asked for once. `username` where it does not
        tell."""
        self._account = self._account or self.token_owner() or self.settings.username
        return self._account

    def token_owner(self) -> str | None:
        """Whose the token is, or None where the account may not read its own user record."""
        try:
            found = self.rows("sys_user", _WHO_ASKS, limit=2, fields=("user_name",)).rows
        except (NeedsOperator, Gone, Rejected) as error:
            if error.status != _NO_RIGHT:
                raise
            return None
        # Where the condition is ignored, everybody is shown.
        return str(found[0].get("user_name") or "") or None if len(found) == 1 else None

    def close(self) -> None:
        """Give the sockets back."""
        if self._pool is not None:
            self._pool.close()

    def _single(
        self, method: str, table: str, sys_id: str, parameters: dict[str, str], values: Mapping[str, str] | None
    ) -> Single:
        result, headers = self._send(method, table, sys_id, parameters, values)
        if not isinstance(result, dict):
            raise TryAgain(
                self.connection,
                f"{method} /table/{table} answered 200 with no record",
                maybe_done=method != "GET",
                status=200,
            )
        return Single(flat(result), server_date(headers))

    def _send(
        self,
        method: str,
        table: str,
        sys_id: str,
        parameters: dict[str, str],
        values: Mapping[str, str] | None = None,
    ) -> tuple[Any, Mapping[str, str]]:
        answer, used = self._exchange(method, table, sys_id, parameters, values)
        if answer.status == 401 and self._login.renew(used):
            # The token ran out early. A 401 says that nothing was done, so that sending again is safe for writes too.
            answer, _ = self._exchange(method, table, sys_id, parameters, values)
        path = f"/table/{table}" + (f"/{sys_id}" if sys_id else "")
        headers = with_wait(answer)
        failure = refusal(self.connection, method, path, answer, headers, self._clock.now(), self.settings.url)
        if failure is not None:
            raise failure
        return (answer.json or {})["result"], headers

    def _exchange(
        self, method: str, table: str, sys_id: str, parameters: dict[str, str], values: Mapping[str, str] | None
    ) -> tuple[Said, Any]:
        """The answer, and the proof of who we are that it answers to."""
        _require_pysnow(self.connection)
        import requests
        from pysnow.exceptions import InvalidUsage

        writes = method != "GET"
        where = f"{method} /table/{table}"
        self._spend()
        try:
            session = self._session()
            session.auth = self._login.auth()
            heard: list[Any] = []
            session.hooks["response"].append(lambda response, **_: heard.append(response))
            resource = self._resource(session, table, parameters)
            body = {} if values is None else {"data": json.dumps(dict(values)).encode()}
            resource.request(method, f"/{sys_id}" if sys_id else None, allow_redirects=False, stream=True, **body)
            return said(heard[-1], LARGEST_ANSWER), session.auth
        except requests.exceptions.RequestException as error:
            # `from None`: the library's exceptions carry the request with its Authorization header.
            raise self._meaning(where, error, writes) from None
        except InvalidUsage as error:
            raise Rejected(self.connection, f"{where}: pysnow refuses the address: {error}") from None
        except OverflowError:
            raise too_large(self.connection, where, writes=writes, largest=LARGEST_ANSWER) from None

    def _resource(self, session: Any, table: str, parameters: dict[str, str]) -> Any:
        from pysnow import Client

        address = urlsplit(self.settings.url)
        client = Client(host=address.netloc, use_ssl=address.scheme == "https", session=session)
        resource: Any = client.resource(api_path=f"/table/{table}", timeout=self._timeout)
        # As text: pysnow sends Python's "False", which the Table API does not document. Database values, UTC times.
        resource.parameters.add_custom(
            {
                "sysparm_display_value": "false",
                "sysparm_exclude_reference_link": "true",
                "sysparm_suppress_pagination_header": "false",
                **parameters,
            }
        )
        return resource

    def _session(self) -> Any:
        import requests

        if self._pool is None:  # looked at once: a session is made for every call
            self._route = route(self.connection, self.settings, self.settings.url)
            self._pool = self._given or self._route.carrier()
        session = requests.Session()
        self._route.lead(session, self._pool)
        return session

    @property
    def _timeout(self) -> tuple[float, float]:
        return min(self.settings.timeout, 10.0), self.settings.timeout

    def _meaning(self, where: str, error: Exception, writes: bool) -> RemoteError:
        import requests

        failure = blocked(self.connection, where, error, self._route)
        if failure is not None:
            return failure
        if "CERTIFICATE_VERIFY_FAILED" in repr(error):
            return NeedsOperator(
                self.connection,
                f"{where}: {cause(error)}. If a CA of your own signs it, set `verify_tls` to the file of that CA.",
            )
        if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError) or any(
            sign in repr(error) for sign in ("NewConnectionError", "NameResolutionError")
        ):
            return TryAgain(self.connection, f"{where}: no connection ({cause(error)})")
        return TryAgain(self.connection, f"{where}: the answer was lost ({cause(error)})", maybe_done=writes)


@cache
def _installed() -> str | None:
    try:
        return version("pysnow")
    except PackageNotFoundError:
        return None


def _require_pysnow(connection: str) -> None:
    found = _installed()
    if found is None:
        raise NeedsOperator(connection, "the adapter needs its library: pip install 'tieline[servicenow]'")
    if found != PYSNOW:
        raise NeedsOperator(
            connection,
            f"pysnow {found} is installed, not {PYSNOW}: another package asked for newer versions of what pysnow pins, "
            f"and the resolver fell back. Run: pip install 'pysnow=={PYSNOW}'",
        )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
