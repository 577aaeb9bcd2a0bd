"""A small ServiceNow: the Table API with everything that bites.

Conditions and fields that do not exist are ignored; the limit counts rows that access rules then hide; all values are
text; journal fields read empty; priority is computed; closed stays closed; stamps have whole seconds; a business rule
may edit after us; the instance may hibernate, limit the rate or demand a resolution code. Each is a switch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tieline.adapters.servicenow.rows import stamp
from tieline.adapters.servicenow.simulated.access import Access
from tieline.adapters.servicenow.simulated.courier import Courier, Webhook, message
from tieline.adapters.servicenow.simulated.incident import RULES, Refused, demand, settle
from tieline.adapters.servicenow.simulated.query import Row
from tieline.adapters.servicenow.simulated.seed import CHOICE_FIELDS, DEFAULTS, PRIORITY, REFERENCES
from tieline.adapters.servicenow.simulated.tables import TASKS, Tables
from tieline.adapters.testing.simulation import Request, Response, Simulator, run
from tieline.core.model import Audience

JOURNALS = {"comments": Audience.CUSTOMERS, "work_notes": Audience.STAFF}
_NEVER_SET = frozenset({"priority", "number", "comments_and_work_notes", "sys_class_name"})
_SWITCHES = frozenset(
    {
        "data_policy",
        "mandatory",
        "locked",
        "keeps_choices",
        "rules",
        "saves_again",
        "hibernating",
        "invalid_query_returns_no_rows",
        "hidden",
        "unreadable",
        "audited",
        "silent",
        "no_date",
    }
)
_HIBERNATING = (
    b"<html><head><title>Instance Hibernating page</title></head><body>Your instance is hibernating</body></html>"
)


class ServiceNowSimulator(Simulator):
    """One instance. The attributes below are its switches; change them at any time."""

    def __init__(self, clock: Callable[[], datetime] | None = None, seed: int = 0) -> None:
        super().__init__(clock, seed)
        self.tables = Tables(lambda: self.clock(), self.random)
        self.token_path = "/oauth_token.do"  # noqa: S105 - an address
        self.access = Access(self.tables.accounts, lambda: self.clock(), self.tables.new_id)
        self.auto_close_after: timedelta | None = None
        """How long an incident stays resolved before a job of the instance closes it, as the user `system`."""
        self.data_policy = True
        """Demand close_code and close_notes on Resolved and Closed, of the API too."""
        self.mandatory: set[str] = set()
        """Columns that a data policy demands of every save, of the API too. What a UI policy or the dictionary makes
        mandatory, only the forms ask for."""
        self.locked: set[str] = set()
        """Columns that a data policy lets nobody write: a save that tries to is refused."""
        self.keeps_choices = True
        """An empty string does not clear a choice field."""
        self.rules: list[str] = []
        """Names of `simulated.incident.RULES` that run before each save."""
        self.matrix: Mapping[tuple[str, str], str] = PRIORITY
        """Impact and urgency to priority: administrators change the data lookup."""
        self.saves_again = False
        """An asynchronous rule saves every incident a second time, as `system`."""
        self.hibernating = False
        self.invalid_query_returns_no_rows = False
        self.hidden: set[str] = set()
        """sys_ids of rows that access rules hide from the API."""
        self.unreadable: set[str] = set()
        """Tables that the API answers with 403."""
        self.unshown: set[str] = set()
        """Columns that access rules keep from the account: its answers lack them without a word."""
        self.audited: set[str] = set(TASKS)
        """Tables whose changes are kept in sys_audit."""
        self.spoilt: set[str] = set()
        """sys_ids of rows of which an access rule hides sys_mod_count."""
        self.silent: set[str] = set()
        """Fields whose writes through the API are dropped without a word."""
        self.no_date = False
        self.before_write: Callable[[], None] | None = None
        """Somebody acts right before the next write through the API takes effect; called once."""
        self.listeners: list[Callable[[str, Row], None]] = []
        """Whoever hears of each change in this process: the table, and the row as it is now."""
        self._courier: Courier | None = None

    # The API

    def run_jobs(self) -> None:
        """What the instance's scheduled jobs are due to do: they close what has been resolved for long enough."""
        if self.auto_close_after is None:
            return
        due = stamp(self.clock() - self.auto_close_after)
        for sys_id, row in list(self.tables.rows["incident"].items()):
            if row["state"] == "6" and row["resolved_at"] <= due:
                self.save("incident", sys_id, {"state": "7"}, "system")

    def respond(self, request: Request) -> Response:
        self.run_jobs()
        if self.hibernating:
            return Response(200, {"content-type": "text/html;charset=UTF-8"}, _HIBERNATING)
        if request.path == self.token_path:
            return self.access.desk.grant(request)
        parts = [part for part in request.path.split("/") if part]
        if parts[2:3] in (["v1"], ["v2"]):
            del parts[2]
        if parts[:3] != ["api", "now", "table"] or len(parts) not in (4, 5):
            return _failure(404, "Requested URI does not represent any resource", None)
        user = self.access.user(request)
        if user is None:
            return _failure(401, "User Not Authenticated", "Required to provide Auth information")
        limits = self.access.spend(user)
        if "retry-after" in limits:
            return _failure(429, "Rate limit exceeded", "Too many requests in this hour", limits)
        answer = self._table(request, parts[3], parts[4] if len(parts) == 5 else "", user)
        return Response(answer.status, {**answer.headers, **limits}, answer.body)

    def _table(self, request: Request, table: str, sys_id: str, user: str) -> Response:
        if table not in self.tables.rows:
            return _failure(400, f"Invalid table {table}", None)
        if table in self.unreadable:
            return _failure(
                403,
                "Insufficient rights to query records",
                f"Fields present in the query do not have permission to be read on {table}",
            )
        if sys_id and (sys_id not in self.tables.rows[table] or sys_id in self.hidden):
            return _failure(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        match request.method, bool(sys_id):
            case "GET", False:
                return self._list(request, table, user)
            case "GET", True:
                return Response.of({"result": self._shown(table, self.tables.rows[table][sys_id], request)})
            case ("POST", False) | ("PATCH", True) | ("PUT", True) | ("DELETE", True):
                return self._write(request, table, sys_id, user)
            case _:
                return _failure(405, "Method not supported", None)

    def _list(self, request: Request, table: str, user: str) -> Response:
        query = request.query
        text = query.get("sysparm_query", "")
        found = self.tables.select(table, text, user, none_if_invalid=self.invalid_query_returns_no_rows)
        limit, offset = max(1, int(query.get("sysparm_limit", "10000"))), int(query.get("sysparm_offset", "0"))
        # The limit first, access rules second: a page may come back short, or empty, with more behind it.
        window = [row for row in found[offset : offset + limit] if row["sys_id"] not in self.hidden]
        headers = {"X-Total-Count": str(len(found)), "Link": self._links(request, len(found), limit, offset)}
        return Response.of({"result": [self._shown(table, row, request) for row in window]}, 200, headers)

    def _links(self, request: Request, total: int, limit: int, offset: int) -> str:
        places = {"first": 0}
        if offset > 0:
            places["prev"] = max(0, offset - limit)
        if offset + limit < total:
            places["next"] = offset + limit
        places["last"] = (max(total - 1, 0) // limit) * limit
        return ",".join(
            f"<https://{request.headers.get('host', 'instance.example')}{request.path}"
            f'?{urlencode({**request.query, "sysparm_offset": place})}>;rel="{name}"'
            for name, place in places.items()
        )

    def _shown(self, table: str, row: Row, request: Request) -> dict[str, Any]:
        wanted = [name for name in request.query.get("sysparm_fields", "").split(",") if name]
        names = [name for name in wanted if self.tables.walk(row, name) is not None] or ([] if wanted else list(row))
        links = request.query.get("sysparm_exclude_reference_link", "false").lower() != "true"
        if row.get("sys_id") in self.spoilt:
            names = [name for name in names if name != "sys_mod_count"]
        shown = [name for name in names if table not in TASKS or name not in self.unshown]
        return {name: self._value(table, row, name, links) for name in shown}

    def _value(self, table: str, row: Row, name: str, links: bool) -> Any:
        value = self.tables.walk(row, name) or ""
        if table in TASKS and name in (*JOURNALS, "comments_and_work_notes"):
            return ""
        if links and value and name in REFERENCES:
            return {"link": f"https://instance.example/api/now/table/{REFERENCES[name]}/{value}", "value": value}
        return value

    def _write(self, request: Request, table: str, sys_id: str, user: str) -> Response:
        if request.method != "DELETE" and "json" not in request.headers.get("content-type", ""):
            return _failure(415, "Unsupported media type", None)
        if table not in TASKS or not self.tables.accounts[user].roles:
            verb = "Insert" if request.method == "POST" else "Update"
            return _failure(403, "Operation Failed", f"ACL Exception {verb} Failed due to security constraints")
        act, self.before_write = self.before_write, None
        if act is not None:
            act()
            if sys_id and sys_id not in self.tables.rows[table]:
                return _failure(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        if request.method == "DELETE":
            self._remove(table, sys_id)
            return Response(204)
        try:
            values = request.json()
        except ValueError:
            values = None
        if not isinstance(values, dict):
            return _failure(400, "Exception while reading request", "The payload is not valid JSON")
        heard = {name: _text(value) for name, value in values.items() if name not in self.silent}
        try:
            row = self.save(table, sys_id, heard, user)
        except Refused as refused:
            return _failure(403, refused.message, refused.detail)
        return Response.of({"result": self._shown(table, row, request)}, 200 if sys_id else 201)

    # Saving

    def save(self, table: str, sys_id: str, values: Mapping[str, str], user: str) -> Row:
        """Insert (empty `sys_id`) or update a task, by its rules; what changes nothing is no save. Raises Refused."""
        before = dict(self.tables.rows[table][sys_id]) if sys_id else {}
        row = dict(before) if before else {**self.tables.blank(table, user), **DEFAULTS}
        entries = {name: values[name] for name in JOURNALS if values.get(name, "").strip()}
        self._set(table, row, values)
        if self.locked & values.keys():
            labels = [self.tables.columns[table][name].label for name in sorted(self.locked & values.keys())]
            raise Refused(f"Data Policy Exception: The following fields are read only: {', '.join(labels)}")
        for name in self.rules:
            RULES[name](row, before, self.tables.group_id)
        if table == "incident":
            now, saver = self.tables.now(), self.tables.user_id(user)
            settle(row, before, now, saver, self.matrix, data_policy=self.data_policy)
        demand(row, {name: self.tables.columns[table][name].label for name in sorted(self.mandatory)})
        if row == before and not entries:
            return row
        if before:
            self.tables.touch(row, user)
            self._audit(table, before, row, user)
        self.tables.rows[table][row["sys_id"]] = row
        for element, text in entries.items():
            self._enter(table, row["sys_id"], element, text, user)
        if self.saves_again:
            self.tables.touch(row, "system")
        self._announce(table, row)
        return row

    def _audit(self, table: str, before: Row, row: Row, user: str) -> None:
        """A row for every field that changed, with the count of the save that changed it."""
        if table not in self.audited:
            return
        kept = {
            "tablename": table,
            "documentkey": row["sys_id"],
            "record_checkpoint": row["sys_mod_count"],
            "user": user,
        }
        for name in row:
            if not name.startswith("sys_") and row[name] != before.get(name, ""):
                values = {"fieldname": name, "oldvalue": before.get(name, ""), "newvalue": row[name]}
                self.tables.add("sys_audit", user, **kept, **values)

    def _set(self, table: str, row: Row, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            column = self.tables.columns[table].get(name)
            if column is None or column.read_only or name in _NEVER_SET or name in JOURNALS:
                continue
            if not value and name in CHOICE_FIELDS and self.keeps_choices:
                continue
            # Up to 255 characters a text is a VARCHAR, which cuts without a word; longer ones are kept whole.
            row[name] = value[: column.length] if column.type == "string" and column.length <= 255 else value

    def _enter(self, table: str, sys_id: str, element: str, text: str, user: str) -> Row:
        return self.tables.add("sys_journal_field", user, name=table, element=element, element_id=sys_id, value=text)

    def _remove(self, table: str, sys_id: str) -> None:
        row = self.tables.rows[table].pop(sys_id)
        journal = self.tables.rows["sys_journal_field"]
        for entry in [entry for entry in journal.values() if entry["element_id"] == sys_id]:
            del journal[entry["sys_id"]]
        self._announce(table, row)

    # Webhooks

    def _dated(self, response: Response) -> Response:
        return response if self.no_date else super()._dated(response)

    def announce_to(self, webhook: Webhook | None) -> None:
        """From now on tell this address of each change; None stops it."""
        if self._courier is not None:
            self._courier.stop()
        self._courier = Courier(webhook) if webhook is not None else None

    def _announce(self, table: str, row: Row) -> None:
        for listener in self.listeners:
            listener(table, row)
        if self._courier is not None and table == "incident":
            hook = self._courier.webhook
            self._courier.post(*message(row, table, hook.secret, int(self.clock().timestamp()), shared=hook.shared))

    # People

    def control(self, action: str, arguments: Any) -> Any:
        """`create {fields, user}`, `edit {record, fields, user}`, `comment {record, text, audience, user}`,
        `delete {record}`, `get {record}`, `list {query}`, `comments {record}`, `switch {name: value}`,
        `webhook {url, secret, copies, delay, shared}`. A record is named by sys_id or number, a user by user_name."""
        self.run_jobs()
        table, user = arguments.get("table", "incident"), arguments.get("user", "fred.luddy")
        try:
            match action:
                case "create":
                    return dict(self.save(table, "", arguments.get("fields", {}), user))
                case "edit":
                    return dict(self.save(table, self._id(table, arguments), arguments["fields"], user))
                case "comment":
                    return self._comment(table, arguments, user)
                case "delete":
                    return self._remove(table, self._id(table, arguments))
                case "get":
                    return dict(self.tables.rows[table][self._id(table, arguments)])
                case "list":
                    return self.tables.select(table, arguments.get("query", ""))
                case "comments":
                    query = f"element_id={self._id(table, arguments)}^ORDERBYsys_created_on"
                    return self.tables.select("sys_journal_field", query)
                case "switch":
                    return self._switch(arguments)
                case "webhook":
                    return self.announce_to(Webhook(**arguments) if arguments.get("url") else None)
                case _:
                    raise KeyError(action)
        except Refused as refused:
            return {"error": {"message": refused.message, "detail": refused.detail}}

    def _comment(self, table: str, arguments: Mapping[str, Any], user: str) -> Row:
        audience = Audience(arguments.get("audience", Audience.CUSTOMERS))
        element = next(name for name, shown in JOURNALS.items() if shown is audience)
        sys_id = self._id(table, arguments)
        before = set(self.tables.rows["sys_journal_field"])
        self.save(table, sys_id, {element: arguments["text"]}, user)
        added = self.tables.rows["sys_journal_field"].keys() - before
        return dict(self.tables.rows["sys_journal_field"][added.pop()])

    def _id(self, table: str, arguments: Mapping[str, Any]) -> str:
        """Raises KeyError."""
        named, rows = str(arguments["record"]), self.tables.rows[table]
        found = [sys_id for sys_id, row in rows.items() if named in (sys_id, row.get("number"))]
        if not found:
            raise KeyError(named)
        return found[0]

    def _switch(self, arguments: Mapping[str, Any]) -> None:
        """Raises KeyError for what is no switch."""
        for name, value in arguments.items():
            if name == "rate_limit":
                self.access.rate_limit = value
            elif name in _SWITCHES:
                setattr(self, name, set(value) if isinstance(getattr(self, name), set) else value)
            else:
                raise KeyError(name)


def _failure(status: int, message: str, detail: str | None, headers: Mapping[str, str] | None = None) -> Response:
    return Response.of({"error": {"message": message, "detail": detail}, "status": "failure"}, status, headers)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


if __name__ == "__main__":
    run(ServiceNowSimulator, "A simulated ServiceNow instance")
