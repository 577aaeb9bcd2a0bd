"""The Table API through pysnow 0.7.17, with the library's traps disarmed.

pysnow is asked for what it does well: resources, parameters and sending. Every call gets a Client and a Resource of its
own, because a Resource keeps the parameters of the last call and is not safe between threads. pysnow sees no answer
(`core.sdk`): its own reading drops an error that stands beside rows and throws the words of a refusal away.
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
from tieline.adapters.servicenow.login import Pair, pair, tokens
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.core.errors import Gone, NeedsOperator, Rejected, TryAgain
from tieline.core.http import server_date
from tieline.core.oauth import Bearer
from tieline.core.port import Workbench
from tieline.core.route import Route
from tieline.core.sdk import Opened, Sdk

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
        self._sdk: Sdk[Any, Pair | None] = Sdk(
            connection,
            settings,
            settings.url,
            bench,
            prove=lambda: None if settings.oauth is not None else pair(connection, settings),
            open_with=self._open,
            tokens=tokens(connection, settings, bench),
        )
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
        """Give this thread's sockets back."""
        self._sdk.close()

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
        answer = self._answer(method, table, sys_id, parameters, values)
        path = f"/table/{table}" + (f"/{sys_id}" if sys_id else "")
        headers = with_wait(answer)
        failure = refusal(self.connection, method, path, answer, headers, self._clock.now(), self.settings.url)
        if failure is not None:
            raise failure
        return (answer.json or {})["result"], headers

    def _answer(
        self, method: str, table: str, sys_id: str, parameters: dict[str, str], values: Mapping[str, str] | None
    ) -> Said:
        where = f"{method} /table/{table}"
        body = {} if values is None else {"data": json.dumps(dict(values)).encode()}

        def call(session: Any, token: str) -> None:
            from pysnow.exceptions import InvalidUsage

            if token:
                session.auth = Bearer(token)
            resource = self._resource(session, table, parameters)
            try:
                resource.request(method, f"/{sys_id}" if sys_id else None, allow_redirects=False, stream=True, **body)
            except InvalidUsage as error:
                raise Rejected(self.connection, f"{where}: pysnow refuses the address: {error}") from None

        return said(self._sdk.send(where, call, writes=method != "GET"))

    def _resource(self, session: Any, table: str, parameters: dict[str, str]) -> Any:
        from pysnow import Client

        address = urlsplit(self.settings.url)
        client = Client(host=address.netloc, use_ssl=address.scheme == "https", session=session)
        timeout = (min(self.settings.timeout, 10.0), self.settings.timeout)
        resource: Any = client.resource(api_path=f"/table/{table}", timeout=timeout)
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

    def _open(self, shown: Pair | None, _way: Route) -> Opened[Any]:
        _require_pysnow(self.connection)
        import requests

        session: Any = requests.Session()  # its annotations name no pair of bytes, which it takes
        session.auth = shown
        return Opened(session, session, keeps_cookies=False)


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
