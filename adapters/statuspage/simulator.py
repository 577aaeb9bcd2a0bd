"""A page of Statuspage as a simulator: incidents, each with the updates that subscribers were told.

Where nothing is known of the tool it does the worse: a listing shows no metadata, what is asked twice is done twice,
and each update mails every subscriber.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tieline.adapters.testing.simulation import Request, Response, Simulator, run

PAGE: Final = "kctbh9vrtdwd"
TOKEN: Final = "89a229ce-statuspage-key-that-nobody-may-see"  # noqa: S105 - opens nothing but the simulator
PHASES: Final = ("investigating", "identified", "monitoring", "resolved")
IMPACTS: Final = ("none", "minor", "major", "critical", "maintenance")
LONGEST: Final = {"name": 255, "body": 25_000}
MOST: Final = 100


class StatuspageSimulator(Simulator):
    """Everything is in memory, newest first."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(clock)
        self.incidents: list[dict[str, Any]] = []
        self.mailed: list[str] = []
        """What subscribers were told, one text for each update."""
        self.lists_metadata = False
        self._count = 0

    def respond(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"OAuth {TOKEN}":
            return _error(401, "Could not authenticate")
        page, _, rest = request.path.partition("/pages/")[2].partition("/")
        if page != PAGE:
            return _error(404, "not found")
        name = rest.removeprefix("incidents").strip("/")
        match request.method:
            case "GET" if not rest:
                return Response.of({"id": PAGE, "name": "Example status", "updated_at": self._now()})
            case "POST" if rest == "incidents":
                return self._post(request)
            case "GET" if rest == "incidents":
                return self._list(request.query)
            case "GET" if (found := self.find(name)) is not None:
                return Response.of(self._shown(found))
            case "PATCH" if (found := self.find(name)) is not None:
                return self._patch(found, request)
            case "DELETE" if (found := self.find(name)) is not None:
                self.incidents.remove(found)
                return Response.of(self._shown(found))
            case _:
                return _error(404, "not found")

    def control(self, action: str, arguments: Any) -> Any:
        """`make {name, body}`, `edit {id, …}` and `delete {id}`: somebody does so on the page itself."""
        match action:
            case "make":
                return self.make(arguments)
            case "edit":
                return self.change(arguments["id"], {k: v for k, v in arguments.items() if k != "id"})
            case "delete":
                return self.delete(arguments["id"])
            case "mailed":
                return self.mailed
            case _:
                return super().control(action, arguments)

    def find(self, name: str) -> dict[str, Any] | None:
        """The incident of this id."""
        return next((one for one in self.incidents if one["id"] == name), None)

    def make(self, said: Mapping[str, Any]) -> str:
        """A new incident. Answers its id."""
        made = {
            "id": self._new("inc"),
            "page_id": PAGE,
            "name": said["name"],
            "status": said.get("status") or "investigating",
            "impact": said.get("impact_override") or "none",
            "impact_override": said.get("impact_override"),
            "metadata": said.get("metadata") or {},
            "created_at": self._now(),
            "updated_at": self._now(),
            "shortlink": f"https://stspg.example/{self._count}",
            "incident_updates": [],
        }
        self.incidents.insert(0, made)
        self._add(made, str(said.get("body") or ""), notifies=said.get("deliver_notifications") is not False)
        return str(made["id"])

    def change(self, name: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Something of one becomes another. A status or a text is an update of its own."""
        found = self.find(name)
        if found is None:
            raise KeyError(name)
        known = ("name", "status", "impact_override", "metadata", "odd")
        found |= {member: said[member] for member in known if member in said}
        if said.get("impact_override"):
            found["impact"] = said["impact_override"]
        if "status" in said or str(said.get("body") or "").strip():
            self._add(found, str(said.get("body") or ""), notifies=said.get("deliver_notifications") is not False)
        found["updated_at"] = self._now()
        return self._shown(found)

    def delete(self, name: str) -> None:
        """It is on the page no more."""
        self.incidents = [one for one in self.incidents if one["id"] != name]

    def _post(self, request: Request) -> Response:
        said = (request.json() or {}).get("incident") or {}
        wrong = ["name can't be blank"] if not str(said.get("name") or "").strip() else _wrong(said)
        return _error(422, wrong) if wrong else Response.of(self._shown(self.find(self.make(said)) or {}), 201)

    def _patch(self, found: dict[str, Any], request: Request) -> Response:
        said = (request.json() or {}).get("incident") or {}
        wrong = _wrong(said)
        return _error(422, wrong) if wrong else Response.of(self.change(found["id"], said))

    def _list(self, query: Mapping[str, str]) -> Response:
        size, number = min(int(query.get("per_page", MOST)), MOST), max(int(query.get("page", 1)), 1)
        rows = [self._shown(one) for one in self.incidents[(number - 1) * size : number * size]]
        if not self.lists_metadata:
            rows = [{name: value for name, value in row.items() if name != "metadata"} for row in rows]
        return Response.of(rows)

    def _add(self, incident: dict[str, Any], text: str, *, notifies: bool) -> None:
        at = self._now()
        update = {"id": self._new("upd"), "status": incident["status"], "body": text, "created_at": at}
        incident["incident_updates"].insert(0, {**update, "updated_at": at, "display_at": at})
        if notifies:
            self.mailed.append(text)

    def _shown(self, incident: Mapping[str, Any]) -> dict[str, Any]:
        odd: dict[str, Any] = incident.get("odd", {})
        return {**{name: value for name, value in incident.items() if name != "odd"}, **odd}

    def _new(self, what: str) -> str:
        self._count += 1
        return f"{what}{self._count:09d}"

    def _now(self) -> str:
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _wrong(said: Mapping[str, Any]) -> list[str]:
    found = [
        f"{name} is too long (maximum is {most} characters)"
        for name, most in LONGEST.items()
        if len(str(said.get(name) or "")) > most
    ]
    if "name" in said and not str(said["name"] or "").strip():
        found.append("name can't be blank")
    if said.get("status") is not None and said["status"] not in PHASES:
        found.append("status is not a valid status")
    if said.get("impact_override") is not None and said["impact_override"] not in IMPACTS:
        found.append("impact_override is not a valid impact")
    return found


def _error(status: int, words: str | list[str]) -> Response:
    return Response.of({"error": words}, status)


if __name__ == "__main__":
    run(StatuspageSimulator, "A page of Statuspage, simulated.")
