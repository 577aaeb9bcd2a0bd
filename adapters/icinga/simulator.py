"""Icinga 2.13's API, simulated with its oddities: a missing permission and a bad filter are both "No objects found",
a wrong password a web page unless JSON is asked for, a second acknowledgement 409, an object made twice 500. It reads
the filters of the adapter and those on names; any other is a bad one.

`control` actions: report, acknowledge, list.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from tieline.adapters.icinga.simulated.state import Checkable, State
from tieline.adapters.testing.simulation import Request, Response, Simulator, run

VERSION: Final = "r2.13.6-1"
UNAUTHORIZED: Final = "Unauthorized. Please check your user credentials."
NO_OBJECTS: Final = "No objects found."
NO_PATH: Final = "The requested path '{}' could not be found or the request method is not valid for this path."
_NAMED: Final = re.compile(r'(?:host|service)\.(?:__)?name\s*==\s*"(?P<name>[^"]*)"')
_PROBLEM: Final = re.compile(
    r"(?P<kind>host|service)\.last_check_result == null \|\| \((?P=kind)\.state != 0 && (?P=kind)\.state_type == 1\)"
)
_AMONG: Final = re.compile(r"(?P<kind>host|service)\.__name in names")
_TYPED: Final = re.compile(r"comment\.entry_type == (?P<type>\d)")
_PLURALS: Final = {"hosts": "Host", "services": "Service", "comments": "Comment"}
_ACTIONS: Final = ("acknowledge-problem", "remove-acknowledgement", "process-check-result", "add-comment")


class Refused(Exception):
    """A request that is answered with this status."""

    def __init__(self, status: int, words: str, *, results: bool = False) -> None:
        super().__init__(words)
        told = {"results": [{"code": status, "status": words}]} if results else {"error": status, "status": words}
        self.response = Response.of(told, status)


class IcingaSimulator(Simulator):
    """`users` are its ApiUsers: name to password and permissions."""

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        seed: int = 0,
        *,
        users: Mapping[str, tuple[str, tuple[str, ...]]] | None = None,
    ) -> None:
        super().__init__(clock, seed)
        self.users = dict(users or {"root": ("icinga", ("*",))})
        self.state = State(self.random)
        self.started = self.now()

    def now(self) -> float:
        return self.clock().timestamp()

    # Over HTTP

    def respond(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            if "json" in request.headers.get("accept", ""):
                return Refused(401, UNAUTHORIZED).response
            page = f"<h1>{UNAUTHORIZED}</h1>".encode()
            return Response(401, {"content-type": "text/html", "www-authenticate": 'Basic realm="Icinga 2"'}, page)
        method = request.method
        if method == "POST":
            method = request.headers.get("x-http-method-override", method)
        try:
            return self._resource(method, request, user)
        except Refused as refusal:
            return refusal.response

    def _dated(self, response: Response) -> Response:
        """Its answers carry no date."""
        return response

    def _user(self, request: Request) -> str | None:
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        try:
            name, _, password = base64.b64decode(told, validate=True).decode().partition(":")
        except ValueError:
            return None
        known = self.users.get(name)
        return name if scheme.lower() == "basic" and known is not None and known[0] == password else None

    def _resource(self, method: str, request: Request, user: str) -> Response:
        parts = request.path.strip("/").split("/")
        if parts[0] != "v1":
            raise Refused(404, NO_PATH.format(request.path.strip("/")))
        match method, parts[1:]:
            case "GET", []:
                told = {"user": user, "permissions": list(self.users[user][1]), "version": VERSION, "info": ""}
                return Response.of({"results": [told]})
            case "GET", ["status"]:
                self._allow(user, "status/query")
                return Response.of({"results": self._status()})
            case "GET", ["objects", plural] if plural in _PLURALS:
                self._allow(user, f"objects/query/{_PLURALS[plural]}")
                return Response.of({"results": self._objects(_PLURALS[plural], self._body(request))})
            case "PUT", ["objects", "hosts" | "services" as plural, name]:
                self._allow(user, f"objects/create/{_PLURALS[plural]}")
                return self._create(_PLURALS[plural], name, self._body(request))
            case "POST", ["actions", action]:
                if action not in _ACTIONS:
                    raise Refused(404, f"Action '{action}' does not exist.")
                self._allow(user, f"actions/{action}")
                return self._act(action, self._body(request))
            case _:
                raise Refused(404, NO_PATH.format("/".join(parts)))

    def _allow(self, user: str, permission: str) -> None:
        if not any(fnmatchcase(permission.lower(), one.lower()) for one in self.users[user][1]):
            raise Refused(404, NO_OBJECTS)

    @staticmethod
    def _body(request: Request) -> dict[str, Any]:
        try:
            told = request.json()
        except ValueError as error:
            raise Refused(400, f"Invalid request body: {error}") from None
        return told if isinstance(told, dict) else {}

    def _status(self) -> list[dict[str, Any]]:
        app = {"program_start": self.started, "version": VERSION, "node_name": "simulated"}
        return [
            {"name": "ApiListener", "perfdata": [], "status": {"api": {"num_endpoints": 0}}},
            {"name": "CIB", "perfdata": [], "status": {"uptime": self.now() - self.started}},
            {"name": "IcingaApplication", "perfdata": [], "status": {"icingaapplication": {"app": app}}},
        ]

    def _objects(self, kind: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted = body.get("attrs")
        found = self._comments(body) if kind == "Comment" else self._checkables(kind, body)
        told: list[dict[str, Any]] = []
        for name, attrs in found:
            for one in wanted or ():
                if one not in attrs:
                    raise Refused(400, f"Invalid field specified: {one}")
            shown = {one: attrs[one] for one in wanted} if wanted else attrs
            told.append({"attrs": shown, "joins": {}, "meta": {}, "name": name, "type": kind})
        return told

    def _comments(self, body: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        shown = self.state.shown(self.now())
        asked = body.get("filter")
        if asked is not None:
            typed = _TYPED.fullmatch(asked)
            if typed is None:
                raise Refused(404, NO_OBJECTS)
            shown = [one for one in shown if one.entry_type == int(typed["type"])]
        return [(f"{one.of}!{one.id}", one.attrs()) for one in shown]

    def _checkables(self, kind: str, body: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        mine = [one for one in self.state.objects.values() if one.kind == kind]
        asked = body.get("filter")
        if asked is not None and mine:
            named, problem, among = (one.fullmatch(asked) for one in (_NAMED, _PROBLEM, _AMONG))
            if problem is not None and problem["kind"] == kind.lower():
                mine = [one for one in mine if one.output is None or (not one.is_well and one.hard)]
            elif among is not None and among["kind"] == kind.lower():
                names = body.get("filter_vars", {}).get("names", ())
                mine = [one for one in mine if one.name in names]
            elif named is not None:
                mine = [one for one in mine if one.name == named["name"]]
            else:
                # A name that it does not know, or half a condition: no words say which.
                raise Refused(404, NO_OBJECTS)
        return [(one.name, one.attrs()) for one in mine]

    def _create(self, kind: str, name: str, body: Mapping[str, Any]) -> Response:
        if name in self.state.objects:
            told = {
                "code": 500,
                "errors": [f"Object '{name}' already exists."],
                "status": "Object could not be created.",
            }
            return Response.of({"results": [told]}, 500)
        attrs = body.get("attrs", {})
        self.make(kind, name, attempts=attrs.get("max_check_attempts", 3), display_name=attrs.get("display_name", ""))
        return Response.of({"results": [{"code": 200, "status": "Object was created"}]})

    def _act(self, action: str, body: Mapping[str, Any]) -> Response:
        kind = body.get("type")
        one = self.state.objects.get(str(body.get(str(kind).lower())))
        if one is None or one.kind != kind:
            raise Refused(404, NO_OBJECTS)
        now, author, words = self.now(), str(body.get("author")), str(body.get("comment"))
        match action:
            case "process-check-result":
                self.state.check(one, int(body["exit_status"]), str(body["plugin_output"]), now)
                return _done(f"Successfully processed check result for object '{one.name}'.")
            case "add-comment":
                self.state.comment(one, author, words, now)
                return _done(f"Successfully added comment for object '{one.name}'.")
            case "remove-acknowledgement":
                self.state.clear(one, now)
                return _done(f"Successfully removed acknowledgement for object '{one.name}'.")
            case _:
                return self._acknowledge(one, body, now, author, words)

    def _acknowledge(self, one: Checkable, body: Mapping[str, Any], now: float, author: str, words: str) -> Response:
        if "author" not in body or "comment" not in body:
            raise Refused(400, "Acknowledgements require author and comment.", results=True)
        expiry = float(body.get("expiry", 0))
        if "expiry" in body and expiry <= now:
            raise Refused(
                409, f"Acknowledgement 'expiry' timestamp must be in the future for object {one.name}", results=True
            )
        if one.is_well:
            raise Refused(409, f"{one.kind} {one.name} is {'UP' if one.kind == 'Host' else 'OK'}.", results=True)
        if one.held(now):
            raise Refused(409, f"{one.kind} {one.name} is already acknowledged.", results=True)
        sticky, persistent = bool(body.get("sticky")), bool(body.get("persistent"))
        self.state.acknowledge(one, author, words, now, sticky=sticky, expiry=expiry, persistent=persistent)
        return _done(f"Successfully acknowledged problem for object '{one.name}'.")

    # By hand

    def make(self, kind: str, name: str, *, attempts: int = 1, display_name: str = "") -> Checkable:
        """A host, or a service named `host!service`, that was never checked."""
        one = Checkable(kind, name, self.now(), attempts, display_name)
        self.state.objects[name] = one
        return one

    def report(self, name: str, state: int, output: str) -> Checkable:
        """A check result of a host or service, which is made if it is not there."""
        kind = "Service" if "!" in name else "Host"
        one = self.state.objects.get(name) or self.make(kind, name)
        self.state.check(one, state, output, self.now())
        return one

    def acknowledge(self, name: str, author: str, text: str, *, expiry: float = 0, sticky: bool = False) -> None:
        """A person acknowledges. Raises KeyError."""
        one = self.state.objects[name]
        self.state.acknowledge(one, author, text, self.now(), sticky=sticky, expiry=expiry, persistent=False)

    def control(self, action: str, arguments: Any) -> Any:
        match action:
            case "report":
                self.report(arguments["name"], arguments["state"], arguments["output"])
            case "acknowledge":
                self.acknowledge(arguments["name"], arguments.get("author", "a person"), arguments["comment"])
            case "list":
                return [one.attrs() for one in self.state.objects.values()]
            case _:
                raise KeyError(action)
        return {}


def _done(words: str) -> Response:
    return Response.of({"results": [{"code": 200, "status": words}]})


if __name__ == "__main__":
    run(IcingaSimulator, "A simulated Icinga 2")
