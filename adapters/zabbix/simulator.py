"""Zabbix's JSON-RPC API, simulated with its oddities: every failure is 200, numbers are texts except those of an
answered event.acknowledge, parameters that it does not know say nothing, and a token stands in the body before 6.4, as
Bearer or there until 7.0, and only as Bearer since 7.2.

`control` actions: report, recover, act, list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tieline.adapters.testing.simulation import Request, Response, Simulator, run

READ_ONLY: Final = "No permissions to referred object or it does not exist!"
LONGEST_MESSAGE: Final = 2048


class Refused(Exception):
    """A call that is answered with this error."""

    def __init__(self, code: int, message: str, data: str) -> None:
        super().__init__(data)
        self.told = {"code": code, "message": message, "data": data}


def invalid(data: str) -> Refused:
    return Refused(-32602, "Invalid params.", data)


def failed(data: str) -> Refused:
    return Refused(-32500, "Application error.", data)


@dataclass(frozen=True, slots=True)
class Account:
    """Whose token it is, and what its user group and its role allow."""

    username: str
    sees: bool = True
    writes: bool = True
    methods: frozenset[str] | None = None


@dataclass
class Problem:
    """One event of a trigger; times are seconds since 1970. `over` is when it recovered."""

    event: int
    trigger: int
    host: str
    name: str
    clock: int
    severity: int = 4
    tags: tuple[tuple[str, str], ...] = ()
    closable: bool = False
    acknowledged: bool = False
    suppressed_until: int | None = None
    over: int = 0
    done: list[dict[str, str]] = field(default_factory=list)
    opdata: str = ""
    odd: dict[str, Any] = field(default_factory=dict)

    def row(self, now: int, output: Any, params: Mapping[str, Any]) -> dict[str, Any]:
        held = self.suppressed_until is not None and (self.suppressed_until == 0 or self.suppressed_until > now)
        every: dict[str, Any] = {
            "eventid": str(self.event),
            "source": "0",
            "object": "0",
            "objectid": str(self.trigger),
            "clock": str(self.clock),
            "ns": "987390739",
            "r_eventid": "1" if self.over else "0",
            "name": self.name,
            "opdata": self.opdata,
            "severity": str(self.severity),
            "acknowledged": str(int(self.acknowledged)),
            "suppressed": str(int(held)),
        }
        row: dict[str, Any] = {one: every[one] for one in (every if output == "extend" else output) if one in every}
        if "selectTags" in params:
            row["tags"] = [{"tag": tag, "value": value} for tag, value in self.tags]
        if "selectAcknowledges" in params:
            # Newest first, as the frontend shows them.
            row["acknowledges"] = self.done[::-1]
        if "selectHosts" in params:
            row["hosts"] = [{"hostid": "10559", "host": self.host, "name": self.host}]
        return row | self.odd


class ZabbixSimulator(Simulator):
    """`accounts` are those behind its API tokens, by token."""

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        seed: int = 0,
        *,
        version: tuple[int, int] = (7, 0),
        accounts: Mapping[str, Account] | None = None,
    ) -> None:
        super().__init__(clock, seed)
        self.version = version
        self.accounts = dict(accounts or {"zabbix": Account("Admin")})
        self.problems: dict[int, Problem] = {}
        self._events = 0

    def now(self) -> int:
        return int(self.clock().timestamp())

    # Over HTTP

    def respond(self, request: Request) -> Response:
        if not request.path.endswith("/api_jsonrpc.php"):
            return Response(404, {"content-type": "text/html"}, b"<h1>Not Found</h1>")
        if request.method != "POST" or "json" not in request.headers.get("content-type", ""):
            return Response(412, {"content-type": "text/html"}, b"")
        told: dict[str, Any] = {"jsonrpc": "2.0", "id": None}
        try:
            try:
                asked = request.json()
            except ValueError:
                raise Refused(-32700, "Parse error", "Invalid JSON.") from None
            told["id"] = asked.get("id")
            told["result"] = self._called(asked, request)
        except Refused as refusal:
            told["error"] = refusal.told
        return Response.of(told)

    def _called(self, asked: Mapping[str, Any], request: Request) -> Any:
        method, params = asked.get("method"), asked.get("params")
        if method == "apiinfo.version":
            if "auth" in asked or "authorization" in request.headers:
                raise invalid('The "apiinfo.version" method must be called without the "auth" parameter.')
            return f"{self.version[0]}.{self.version[1]}.14"
        account = self._account(asked, request)
        if account.methods is not None and method not in account.methods:
            raise invalid(f'No permissions to call "{method}".')
        known: dict[Any, Callable[[Account, Mapping[str, Any]], Any]] = {
            "host.get": lambda who, _params: str(int(who.sees)),
            "user.get": lambda who, _params: [{"userid": "3", "username": who.username}],
            "problem.get": self._problems,
            "event.get": self._events_of,
            "event.acknowledge": self._acknowledge,
        }
        if method not in known:
            raise Refused(-32601, "Method not found.", f'Incorrect API "{str(method).partition(".")[0]}".')
        return known[method](account, params or {})

    def _account(self, asked: Mapping[str, Any], request: Request) -> Account:
        if "auth" in asked and self.version >= (7, 2):
            raise Refused(-32600, "Invalid request.", 'Invalid parameter "/": unexpected parameter "auth".')
        token = asked.get("auth")
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if self.version >= (6, 4) and scheme.lower() == "bearer":
            token = shown
        account = self.accounts.get(str(token))
        if account is None:
            # Of what could not be an API token it believes that it was a session.
            is_token = len(str(token)) == 64
            raise invalid("Not authorized." if is_token or not token else "Session terminated, re-login, please.")
        return account

    def _problems(self, account: Account, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        going = [one for one in self.problems.values() if not one.over and account.sees]
        return [one.row(self.now(), params.get("output", "extend"), params) for one in going]

    def _events_of(self, account: Account, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted = {str(one) for one in params.get("eventids", ())}
        found = [one for one in self.problems.values() if account.sees and str(one.event) in wanted]
        return [one.row(self.now(), params.get("output", "extend"), params) for one in found]

    def _acknowledge(self, account: Account, params: Mapping[str, Any]) -> dict[str, Any]:
        action, message = int(params.get("action", 0)), str(params.get("message", ""))
        if len(message) > LONGEST_MESSAGE:
            raise invalid('Invalid parameter "/message": value is too long.')
        if action >= (32 if self.version < (6, 2) else 128) or action == 0:
            raise invalid(f'Incorrect value for field "action": unexpected value "{action}".')
        found = [self.problems.get(int(one)) for one in params["eventids"]]
        if not account.writes or not account.sees or None in found:
            raise failed(READ_ONLY)
        for one in found:
            if one is not None:
                self.act(one, action, message, account.username, int(params.get("suppress_until", 0)))
        return {"eventids": [int(one) for one in params["eventids"]]}

    # By hand

    def report(
        self, name: str, *, host: str = "db1", trigger: int = 0, severity: int = 4, closable: bool = False
    ) -> Problem:
        """A trigger finds a problem."""
        self._events += 1
        tags = (("component", "storage"), ("service", "billing"))
        one = Problem(self._events, trigger or self._events, host, name, self.now(), severity, tags, closable)
        self.problems[one.event] = one
        return one

    def recover(self, event: int) -> None:
        """The trigger is well again; that is an event of its own. Raises KeyError."""
        self._events += 1
        self.problems[event].over = self.now()

    def act(self, one: Problem, action: int, message: str, username: str, until: int = 0) -> None:
        """Somebody does something to an event. Raises Refused."""
        if action & 1:
            if not one.closable:
                raise failed("Cannot close problem: trigger does not allow manual closing.")
            if one.over:
                raise failed("Cannot close problem: event is not in PROBLEM state.")
            self.recover(one.event)
        if action & 2:
            one.acknowledged = True
        if action & 16:
            one.acknowledged = False
        if action & 32:
            one.suppressed_until = until
        if action & 64:
            one.suppressed_until = None
        number = sum(len(other.done) for other in self.problems.values()) + 1
        said = {"acknowledgeid": str(number), "eventid": str(one.event), "clock": str(self.now()), "message": message}
        one.done.append({**said, "action": str(action), "username": username})

    def control(self, action: str, arguments: Any) -> Any:
        match action:
            case "report":
                return {"event": self.report(arguments["name"], host=arguments.get("host", "db1")).event}
            case "recover":
                self.recover(arguments["event"])
            case "act":
                self.act(
                    self.problems[arguments["event"]], arguments["action"], arguments.get("message", ""), "a person"
                )
            case "list":
                return [one.row(self.now(), "extend", {"selectAcknowledges": 1}) for one in self.problems.values()]
            case _:
                raise KeyError(action)
        return {}


if __name__ == "__main__":
    run(ZabbixSimulator, "A simulated Zabbix")
