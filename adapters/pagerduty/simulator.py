"""A simulated PagerDuty: REST v2, Events v2 and webhooks v3, with the nasty sides that the real one has.

`python -m tieline.adapters.pagerduty.simulator` serves it. What people do in the user interface is reached by `control`
(POST /_simulator/ACTION); what goes wrong on demand are the attributes of `rest`, `intake`, `webhooks` and this class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.pagerduty.simulated import shapes
from tieline.adapters.pagerduty.simulated.account import Account, Incident, Refusal
from tieline.adapters.pagerduty.simulated.intake import Intake
from tieline.adapters.pagerduty.simulated.rest import Rest
from tieline.adapters.pagerduty.simulated.webhooks import Subscription, Webhooks
from tieline.adapters.testing.simulation import Request, Response, Simulator, run
from tieline.adapters.testing.tokens import TokenDesk

DEMO_KEY: Final = "simulated-pagerduty-key"
READ_ONLY_KEY: Final = "simulated-read-only-key"
DEMO_WEBHOOK_SECRET: Final = "simulated-webhook-secret"  # noqa: S105 - opens a simulator
EDITABLE: Final = ("title", "urgency", "service", "details", "conference_bridge")
PERSON: Final = "PL7A2O4"
"""Grace, who works in the user interface."""


class PagerDutySimulator(Simulator):
    """`calls_per_minute` limits REST; `rate_headers` says whether a 429 tells when to come back."""

    def __init__(self, clock: Callable[[], datetime] | None = None, seed: int = 0) -> None:
        super().__init__(clock, seed)
        self.account = Account(self.clock, self.random)
        self.rest = Rest(self.account)
        self.intake = Intake(self.account)
        self.webhooks = Webhooks(self.account, self.clock)
        self.webhooks.subscription = Subscription(secrets=(DEMO_WEBHOOK_SECRET,))
        self.account.told = self.webhooks.tell
        self.keys = {DEMO_KEY: "full", READ_ONLY_KEY: "read"}
        self.owners: dict[str, str] = {}
        """The addresses of the users whose keys these are; the others are keys of the account."""
        self.token_path = "/oauth/token"  # noqa: S105 - an address
        self.desk = TokenDesk(
            lambda: self.clock(),
            lambda: f"pdus+_{self.random.getrandbits(160):x}",
            lifetime=864_000,
            grants=frozenset({"client_credentials"}),
        )
        self.calls_per_minute: int | None = None
        self.rate_headers = True
        self._calls: list[datetime] = []

    def respond(self, request: Request) -> Response:
        self.account.pass_time()
        if request.path == self.token_path:
            return self.desk.grant(request)
        if request.path in ("/v2/enqueue", "/v2/change/enqueue"):
            return self.intake.answer(request)
        try:
            owner = self._authorise(request)
            headers = self._within_limit()
            if owner:
                # What is done with a user's key is done in that user's name, whatever `From` says.
                request = replace(request, headers={**request.headers, "from": owner})
            answer = self._me(owner) if request.path == "/users/me" else self.rest.answer(request)
        except _Limited as limited:
            return limited.response
        except Refusal as refusal:
            return Response.of(refusal.body, refusal.status)
        return Response(answer.status, {**answer.headers, **headers}, answer.body)

    def control(self, action: str, arguments: Any) -> Any:
        """create, edit, acknowledge, snooze {seconds}, resolve, reopen, assign, note, merge, delete, get, list,
        subscribe, timeout {seconds, of: acknowledgement, auto_resolve or escalation}."""
        self.account.pass_time()
        match action:
            case "create":
                return self._shown(self._made(arguments))
            case "list":
                return [self._shown(incident) for incident in self.account.incidents.values()]
            case "subscribe":
                self.webhooks.subscription = Subscription(tuple(arguments["secrets"]), arguments.get("url", ""))
                return {}
            case "timeout":
                of = arguments.get("of", "acknowledgement")
                setattr(self.account.services[0], f"{of}_timeout", arguments["seconds"])
                return {}
            case _:
                return self._act(action, self.account.incidents[arguments["id"]], arguments)

    def _act(self, action: str, incident: Incident, arguments: Any) -> Any:
        by = arguments.get("by", PERSON)
        match action:
            case "edit":
                values = {name: arguments[name] for name in EDITABLE if name in arguments}
                if "priority" in arguments:
                    values["priority"] = self.account.priority_id(arguments["priority"])
                self.account.edit(incident, by, **values)
            case "acknowledge":
                self.account.acknowledge(incident, by)
            case "snooze":
                self.account.snooze(incident, by, self.account.now() + timedelta(seconds=arguments["seconds"]))
            case "resolve":
                self.account.resolve(incident, by)
            case "reopen":
                self.account.reopen(incident, by)
            case "assign":
                self.account.assign(incident, by, tuple(arguments["users"]))
            case "note":
                return {"id": self.account.note(incident, by, arguments["content"]).id}
            case "merge":
                self.account.merge(incident, self.account.incidents[arguments["into"]], by)
            case "delete":
                self.account.vanish(incident)
            case "get":
                return self._shown(incident) | {"notes": [note.content for note in incident.notes]}
            case _:
                raise KeyError(action)
        return self._shown(incident)

    def _made(self, arguments: Any) -> Incident:
        return self.account.open_incident(
            arguments["title"],
            arguments.get("by", PERSON),
            service=arguments.get("service", self.account.services[0].id),
            urgency=arguments.get("urgency", "high"),
            key=arguments.get("key") or self.account.new_id("", 32).lower(),
            details=arguments.get("details"),
            priority=self.account.priority_id(arguments.get("priority")),
        )

    def _shown(self, incident: Incident) -> dict[str, Any]:
        return shapes.incident_json(self.account, incident, whole=True, body=True)

    def _me(self, owner: str) -> Response:
        user = self.account.user_by_email(owner)
        if user is None:
            raise Refusal(400, 2001, "Invalid Input Provided", "Please use a user token")
        return Response.of({"user": shapes.user_json(user)})

    def _authorise(self, request: Request) -> str:
        """Whose key it is; "" for one of the account."""
        sent = request.headers.get("authorization", "")
        if sent.startswith("Bearer ") and self.desk.holder(sent.removeprefix("Bearer ")) is not None:
            return ""
        key = sent.removeprefix("Token token=") if sent.startswith("Token token=") else sent.removeprefix("Bearer ")
        rights = self.keys.get(key)
        if rights is None:
            raise Refusal(401, 2006, "Authentication failed")
        if rights == "read" and request.method != "GET":
            raise Refusal(403, 2010, "Access Denied")
        return self.owners.get(key, "")

    def _within_limit(self) -> dict[str, str]:
        """The rate limit's headers. Raises _Limited with 429 and code 2020."""
        if self.calls_per_minute is None:
            return {}
        now = self.clock()
        self._calls = [at for at in self._calls if now - at < timedelta(minutes=1)]
        left = self.calls_per_minute - len(self._calls)
        reset = 60 - int((now - self._calls[0]).total_seconds()) if self._calls else 60
        headers = {
            "ratelimit-limit": str(self.calls_per_minute),
            "ratelimit-remaining": str(max(left - 1, 0)),
            "ratelimit-reset": str(reset),
        }
        if left <= 0:
            body = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}
            raise _Limited(Response.of(body, 429, headers if self.rate_headers else None))
        self._calls.append(now)
        return headers


class _Limited(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__("429")
        self.response = response


if __name__ == "__main__":
    run(PagerDutySimulator, "A simulated PagerDuty")
