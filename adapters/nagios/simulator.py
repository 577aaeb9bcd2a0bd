"""Nagios Core 4.4's CGIs, simulated with their oddities: all failures are 200, an account without rights sees empty
lists and every comment, a text beyond ASCII is told as "", what is told is what the last status file held,
a command shows with the next one, and any of them is taken with the same words, whether or not it does something.

`control` actions: report, acknowledge, list.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from tieline.adapters.nagios.simulated.state import Checkable, Comment
from tieline.adapters.testing.simulation import Request, Response, Simulator, run

VERSION: Final = "4.4.6"
STATUSES: Final = {
    "host": {"up": 2, "down": 4, "unreachable": 8, "pending": 1},
    "service": {"ok": 2, "warning": 4, "critical": 16, "unknown": 8, "pending": 1},
}
EVERY: Final = 10
"""Seconds between two writings of the status file."""
LONGEST_COMMAND: Final = 4096
TAKEN: Final = (
    "Your command request was successfully submitted to Nagios for processing.<BR><BR>"
    "Note: It may take a while before the command is actually processed."
)
REFUSED: Final = "Sorry, but you are not authorized to commit the specified command."
FORGED: Final = "Error: Invalid or missing CSRF cookie!"
EMPTY: Final = "Comment was not entered"
FAILED: Final = "An error occurred while attempting to commit your command for processing."
OFF: Final = "Sorry, but Nagios is currently not checking for external commands, so your command will not be committed!"


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in at the web server, and what cgi.cfg gives to that name."""

    password: str
    sees: bool = True
    commands: bool = True


class NagiosSimulator(Simulator):
    """`accounts` are those of its web server, by name."""

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        seed: int = 0,
        *,
        accounts: Mapping[str, Account] | None = None,
    ) -> None:
        super().__init__(clock, seed)
        self.accounts = dict(accounts or {"nagiosadmin": Account("nagios")})
        self.objects: dict[str, Checkable] = {}
        self.comments: list[Comment] = []
        self.is_up, self.hears = True, True
        self._numbers = 0
        self.write()

    def now(self) -> int:
        return int(self.clock().timestamp())

    # Over HTTP

    def respond(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            asks = {"content-type": "text/html", "www-authenticate": 'Basic realm="Nagios Access"'}
            return Response(401, asks, b"<h1>Unauthorized</h1>")
        match request.path.rpartition("/")[2]:
            case "statusjson.cgi":
                if self.is_up and self.now() - self._wrote >= EVERY:
                    self.write()
                return Response.of(self._status(request.query, user))
            case "cmd.cgi":
                words = self._commanded(request, user)
                return Response(200, {"content-type": "text/html"}, f"<html><P><DIV>{words}</DIV></P></html>".encode())
            case _:
                return Response(404, {"content-type": "text/html"}, b"<h1>Not Found</h1>")

    def _user(self, request: Request) -> str | None:
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        try:
            name, _, password = base64.b64decode(told, validate=True).decode().partition(":")
        except ValueError:
            return None
        known = self.accounts.get(name)
        return name if scheme.lower() == "basic" and known is not None and known.password == password else None

    def _status(self, query: Mapping[str, str], user: str) -> dict[str, Any]:
        asked = query.get("query", "")
        result = {
            "query_time": self.now() * 1000,
            "cgi": "statusjson.cgi",
            "user": user,
            "query": asked,
            "query_status": "released",
            "program_start": self._wrote * 1000,
            "last_data_update": self._wrote * 1000,
            "type_code": 0,
            "type_text": "Success",
            "message": "",
        }
        sees = self.accounts[user].sees
        match asked:
            case "programstatus":
                data: dict[str, Any] = {"programstatus": {"version": VERSION, "nagios_pid": 1}}
            case "hostcount":
                codes = [one["status"] for name, one in self._shown.items() if "!" not in name and sees]
                data = {"count": {word: codes.count(code) for word, code in STATUSES["host"].items()}}
            case "hostlist" | "servicelist":
                data = self._list(asked.removesuffix("list"), query, sees=sees)
            case "commentlist":
                data = {"commentlist": {str(one["comment_id"]): one for one in self._said}}
            case _:
                result |= {"type_code": 6, "type_text": "Option Value Invalid"}
                result["message"] = f"The query option value '{asked}' is invalid."
                data = {"options": {}}
        return {"format_version": 0, "result": result, "data": data}

    def _list(self, kind: str, query: Mapping[str, str], *, sees: bool) -> dict[str, Any]:
        wanted = {STATUSES[kind][word] for word in query.get(f"{kind}status", "").split()} or {*STATUSES[kind].values()}
        found: dict[str, Any] = {}
        for name, attrs in self._shown.items():
            host, _, service = name.partition("!")
            # One that a test made odd is listed: nobody knows by what a real one would be chosen.
            is_listed = attrs["status"] in wanted or bool(self.objects[name].odd)
            if not sees or not is_listed or bool(service) != (kind == "service"):
                continue
            if service:
                found.setdefault(host, {})[service] = attrs
            else:
                found[host] = attrs
        return {"selectors": {}, f"{kind}list": found}

    def _commanded(self, request: Request, user: str) -> str:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        cookies = re.search(r"NagFormId=([0-9a-fA-F]{1,10})(?:;|\Z)", request.headers.get("cookie", ""))
        if not form.get("nagFormId") or cookies is None or cookies[1] != form["nagFormId"]:
            return FORGED
        if not self.hears:
            return OFF
        service = form.get("service", "")
        name = f"{form.get('host')}!{service}" if service else str(form.get("host"))
        number, one = form.get("cmd_typ"), self.objects.get(name)
        if one is None or not self.accounts[user].commands:
            return REFUSED
        if number in ("33", "34"):
            if not form.get("com_data"):
                return EMPTY
            if len(request.body) > LONGEST_COMMAND or "\n" in form["com_data"]:
                return FAILED
            words = re.sub("[<>]", "", form["com_data"]).replace(";", " ")
            self.acknowledge(name, user, words, sticky="sticky_ack" in form, persistent="persistent" in form)
        elif number in ("51", "52"):
            one.acknowledgement = 0
            self.comments = [said for said in self.comments if said.of != name or said.persistent]
        return TAKEN

    # By hand

    def write(self) -> None:
        """Nagios writes its status file, as it does every ten seconds."""
        self._wrote = self.now()
        self._shown = {name: one.attrs() for name, one in self.objects.items()}
        self._said = [one.attrs() for one in self.comments]

    def make(self, name: str, *, attempts: int = 1) -> Checkable:
        """A host, or a service named `host!service`, that was never checked."""
        self.objects[name] = Checkable(name, attempts)
        return self.objects[name]

    def check(self, name: str, state: int, output: str) -> Checkable:
        """A check result of a host or service, which shows as soon as it is written. Raises KeyError."""
        one = self.objects[name]
        one.check(state, output.replace("\\n", "\n"), self.now())
        if not one.acknowledgement:
            self.comments = [said for said in self.comments if said.of != name or said.persistent]
        return one

    def report(self, name: str, state: int, output: str) -> Checkable:
        """A check result of a host or service, which is made if it is not there; it is written at once."""
        for missing in dict.fromkeys((name.partition("!")[0], name)):
            if missing not in self.objects:
                self.make(missing)
        one = self.check(name, state, output)
        self.write()
        return one

    def acknowledge(self, name: str, author: str, text: str, *, sticky: bool = True, persistent: bool = False) -> None:
        """Somebody acknowledges; of what is well it does nothing. Raises KeyError."""
        one = self.objects[name]
        if one.is_well:
            return
        one.acknowledgement = 2 if sticky else 1
        self._numbers += 1
        self.comments.append(Comment(self._numbers, name, author, text, self.now(), persistent))

    def control(self, action: str, arguments: Any) -> Any:
        match action:
            case "report":
                self.report(arguments["name"], arguments["state"], arguments["output"])
            case "acknowledge":
                self.acknowledge(arguments["name"], arguments.get("author", "a person"), arguments["comment"])
                self.write()
            case "list":
                return [one.attrs() for one in self.objects.values()]
            case _:
                raise KeyError(action)
        return {}


if __name__ == "__main__":
    run(NagiosSimulator, "A simulated Nagios Core")
