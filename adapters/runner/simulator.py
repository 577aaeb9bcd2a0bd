"""A runner behind HTTP as a simulator: it makes, lists and calls back executions, and does what its driver says."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.testing.simulation import Request, Response, Simulator, run
from tieline.core.executions import MADE_WITH, SAID

TOKEN: Final = "rT8-runner-token-that-nobody-may-see"  # noqa: S105 - opens nothing but the simulator


class RunnerSimulator(Simulator):
    """Everything is in memory. A change counts up, and is what `after` names."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(clock)
        self.rows: dict[str, dict[str, Any]] = {}
        self._made = self._count = 0

    def respond(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "who are you?")
        rest = request.path.partition("/executions")[2].strip("/")
        match request.method:
            case "GET" if "/executions" not in request.path:
                return Response.of({"account": "tieline", "version": "runner 1"})
            case "POST" if not rest:
                return self._make(request)
            case "GET" if not rest:
                return self._list(request.query)
            case "GET" if rest.endswith("/output") and rest.removesuffix("/output") in self.rows:
                wrote = str(self.rows[rest.removesuffix("/output")]["output"] or "").encode()
                start, most = (int(request.query[name]) for name in ("from", "limit"))
                return Response.of({"base64": b64encode(wrote[start : start + most]).decode()})
            case "GET" if rest in self.rows:
                return Response.of(self._shown(rest))
            case "PATCH" if rest in self.rows:
                return self._patch(rest, request)
            case _:
                return _error(404, "there is none")

    def control(self, action: str, arguments: Any) -> Any:
        """`take {id}`: it begins. `end {id, exit_code, output}`: it is over; without `exit_code` it is lost."""
        match action:
            case "take":
                return self.change(arguments["id"], status="running")
            case "end":
                return self.end(arguments["id"], arguments.get("exit_code"), str(arguments.get("output", "")))
            case _:
                return super().control(action, arguments)

    def make(self, said: Mapping[str, Any], token: str | None = None) -> str:
        """A new execution. Answers its id."""
        self._made += 1
        name = f"x{self._made:06d}"
        status = "cancelled" if said.get("wanted") == "cancel" else "queued"
        told = {one: said.get(one) for one in MADE_WITH}
        of_runner = {"status": status, "exit_code": None, "output": None, "output_sha256": None}
        self.rows[name] = {"id": name, "token": token, **told, **of_runner}
        self.change(name)
        return name

    def change(self, name: str, **news: Any) -> dict[str, Any]:
        """Something becomes another."""
        self._count += 1
        self.rows[name] |= {**news, "version": f"v{self._count}", "count": self._count, "changed_at": self.clock()}
        return self._shown(name)

    def end(self, name: str, exit_code: int | None, output: str = "") -> dict[str, Any]:
        """What came of one."""
        status = "lost" if exit_code is None else "succeeded" if exit_code == 0 else "failed"
        sha = hashlib.sha256(output.encode()).hexdigest()
        return self.change(name, status=status, exit_code=exit_code, output=output, output_sha256=sha)

    def _make(self, request: Request) -> Response:
        key, said = request.headers.get("idempotency-key"), request.json()
        known = next((name for name, row in self.rows.items() if key and row["token"] == key), None)
        return Response.of(self._shown(known or self.make(said, key)), 200 if known else 201)

    def _patch(self, name: str, request: Request) -> Response:
        row, patch = self.rows[name], request.json()
        if request.headers.get("if-match") != f'"{row["version"]}"':
            return _error(412, "it moved")
        if any(member not in SAID for member in patch):
            return _error(422, "that does not change")
        calls_back = patch.get("wanted") == "cancel" and row["status"] == "queued"
        return Response.of(self.change(name, **patch, **({"status": "cancelled"} if calls_back else {})))

    def _list(self, query: Mapping[str, str]) -> Response:
        rows = sorted(self.rows.values(), key=lambda row: row["count"])
        if "token" in query:
            return Response.of({"executions": [self._shown(r["id"]) for r in rows if r["token"] == query["token"]]})
        if "after" in query:
            found = [row for row in rows if row["count"] > int(query["after"])]
        else:
            since = self.clock() - timedelta(seconds=int(query.get("last", 0)))
            found = [row for row in rows if "last" in query and row["changed_at"] >= since]
        page = found[: int(query.get("limit", 100))]
        more = len(page) < len(found)
        upto = page[-1]["count"] if more else self._count
        return Response.of({"executions": [self._shown(row["id"]) for row in page], "next": upto, "more": more})

    def _shown(self, name: str) -> dict[str, Any]:
        row = {member: value for member, value in self.rows[name].items() if member != "count"}
        odd: dict[str, Any] = row.get("odd", {})
        return {**row, "changed_at": row["changed_at"].isoformat(), **odd}


def _error(status: int, words: str) -> Response:
    return Response.of({"error": words}, status)


if __name__ == "__main__":
    run(RunnerSimulator, "A runner behind HTTP, simulated.")
