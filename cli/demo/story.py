"""The story: what people and machines do to one incident after another, and what has to come of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from tieline.cli.demo.stage import DemoFailed, Stage
from tieline.core.episodes import fingerprint
from tieline.core.model import parse_item_number
from tieline.sync import explain
from tieline.sync.records import Replica

Copies = Mapping[str, Replica]
Tell = Callable[[str, float], None]


class Story:
    """The acts, in order. Each waits until what it says has come true."""

    def __init__(self, stage: Stage, tell: Tell) -> None:
        self.stage = stage
        self._tell = tell

    @contextmanager
    def act(self, words: str) -> Iterator[None]:
        """One line of the story, told when it has come true."""
        began = time.monotonic()
        try:
            yield
        except DemoFailed as error:
            raise DemoFailed(f"{words}: {error}") from None
        self._tell(words, time.monotonic() - began)

    def play(self) -> None:
        """From the first alert to the last resolution."""
        self.alert_becomes_three_tickets()
        self.acknowledged_in_one_tool_means_everywhere()
        self.tickets_show_which_alerts_fire()
        self.edits_and_a_comment_cross()
        self.killed_in_the_middle()
        self.a_person_settles_what_policy_does_not()
        self.resolving_walks_a_workflow()
        self.alerts_end()
        self.late_and_twice()

    # -- acts ------------------------------------------------------------------------------------------------------

    def alert_becomes_three_tickets(self) -> None:
        with self.act("A recorded Alertmanager webhook becomes one incident in ServiceNow, Jira and PagerDuty"):
            self.alert("checkout_firing")
            self.three_copies("INC-1")

    def acknowledged_in_one_tool_means_everywhere(self) -> None:
        with self.act("Acknowledged in PagerDuty: in progress in ServiceNow and Jira, and a silence in Alertmanager"):
            self.stage.act("pagerduty", "acknowledge", id=self.ref("INC-1", "pager"))
            self.shows("INC-1", "status", "in_progress")
            self.stage.wait("a silence that names INC-1", lambda: self.silences("INC-1", "active"))

    def tickets_show_which_alerts_fire(self) -> None:
        with self.act("A third instance fails: each ticket says which 3 alerts fire now, in place and not once more"):
            self.told_by_tickets("INC-1", "2 alerts fire now")
            self.send(with_another(recorded("checkout_firing"), "pay-3:9090"))
            self.told_by_tickets("INC-1", "3 alerts fire now")

    def edits_and_a_comment_cross(self) -> None:
        stage, snow, jira = self.stage, self.key("INC-1", "snow"), self.key("INC-1", "jira")
        with self.act("Edited in ServiceNow and in Jira: both edits are in every copy"):
            stage.act("servicenow", "edit", record=snow, fields={"short_description": "Checkout: card payments fail"})
            stage.act("jira", "edit", ref=jira, fields={"priority": {"name": "Highest"}})
            self.shows("INC-1", "title", "Checkout: card payments fail")
            self.shows("INC-1", "priority", "p1")
        with self.act("A work note from ServiceNow stands in Jira and PagerDuty, with its author, internal"):
            text = "Rolled back release 4.2; error rate is falling."
            stage.act("servicenow", "comment", record=snow, text=text, audience="staff")
            stage.wait("the note in Jira", lambda: text in json.dumps(stage.act("jira", "get", ref=jira)["comments"]))
            pager = self.ref("INC-1", "pager")
            stage.wait("the note in PagerDuty", lambda: text in json.dumps(stage.act("pagerduty", "get", id=pager)))

    def killed_in_the_middle(self) -> None:
        stage = self.stage
        with self.act("A second alert is accepted; kill -9 before its tickets are made; restarted, each is made once"):
            self.alert("storage_firing")
            stage.kill_daemon()
            stage.start_daemon()
            self.three_copies("INC-2")
        snow, jira = self.key("INC-2", "snow"), self.key("INC-2", "jira")
        with self.act("kill -9 again; two people edit the same title while it is down: the later edit stands"):
            stage.kill_daemon()
            # The same two people also disagree about the priority, which policy.yaml leaves to a third.
            fields = {"short_description": "Storage is filling up", "impact": "1", "urgency": "1"}
            stage.act("servicenow", "edit", record=snow, fields=fields)
            # A record says when it changed, not which field, and ServiceNow says it in whole seconds: with this, the
            # order of the edits is a fact.
            time.sleep(2.1)
            stage.act("jira", "edit", ref=jira, fields={"summary": "Volume /data is filling up"})
            stage.act("jira", "edit", ref=jira, fields={"priority": {"name": "Lowest"}})
            stage.start_daemon()
            self.shows("INC-2", "title", "Volume /data is filling up")

    def a_person_settles_what_policy_does_not(self) -> None:
        stage = self.stage
        with self.act("They also disagree about the priority: `tieline conflicts` asks, a person settles it"):
            stage.wait("the conflict", lambda: stage.look(explain.conflicts))
            held = stage.listed("conflicts")
            conflict = next(one for one in held if one["field"] == "priority")
            arguments = (conflict["incident"], conflict["field"], conflict["connection"])
            stage.tieline("conflicts", "settle", *arguments, "--take", "theirs")
            stage.wait("no conflict", lambda: not stage.look(explain.conflicts))

    def resolving_walks_a_workflow(self) -> None:
        with self.act("Resolved in ServiceNow: Jira walks In Progress, In Review, Done and fills the resolution"):
            fields = {"state": "6", "close_code": "Solved (Permanently)", "close_notes": "Rolled back release 4.2."}
            self.stage.act("servicenow", "edit", record=self.key("INC-1", "snow"), fields=fields)
            self.shows("INC-1", "status", "resolved")
            issue = self.stage.act("jira", "get", ref=self.key("INC-1", "jira"))
            if issue["fields"]["resolution"] is None:
                raise DemoFailed("the Jira issue is done without a resolution")
            self.stage.wait("the silence to be lifted", lambda: not self.silences("INC-1", "active"))

    def alerts_end(self) -> None:
        with self.act("The second alert ends: its incident resolves in all three tools"):
            self.alert("storage_resolved")
            self.shows("INC-2", "status", "resolved")

    def late_and_twice(self) -> None:
        with self.act("The first webhook comes again, twice and late: nothing happens"):
            before = self.stage.look(lambda store: len(explain.incidents(store)))
            self.alert("checkout_firing", expect=(200,))
            self.alert("checkout_firing", expect=(200,))
            time.sleep(1.0)
            if self.stage.look(lambda store: len(explain.incidents(store))) != before:
                raise DemoFailed("a repeated webhook opened another incident")

    # -- helpers ---------------------------------------------------------------------------------------------------

    def alert(self, name: str, expect: tuple[int, ...] = (202,)) -> None:
        """Send a recorded webhook, and let the simulated Alertmanager hold the same alerts, for polls to see."""
        self.send(recorded(name), expect)

    def send(self, payload: Mapping[str, Any], expect: tuple[int, ...] = (202,)) -> None:
        """Send this webhook, and let the simulated Alertmanager hold the same alerts."""
        if expect == (202,):
            self.stage.client.post(f"{self.stage.urls['alertmanager']}/api/v2/alerts", json=_as_posted(payload))
        status = self.stage.send_alert(payload)
        if status not in expect:
            raise DemoFailed(f"the webhook was answered {status}")

    def copies(self, incident: str) -> Copies:
        """The incident's copies by connection; empty while there is no such incident."""
        found = self.stage.look(lambda store: explain.one_incident(store, parse_item_number(incident)[1]))
        return {} if found is None else {copy.connection: copy for copy in found[1]}

    def three_copies(self, incident: str) -> Copies:
        """Wait for a copy in every ticket tool."""

        def complete() -> Copies | None:
            copies = self.copies(incident)
            return copies if len([copy for copy in copies.values() if copy.key]) == 3 else None

        found: Copies = self.stage.wait(f"{incident} in three tools", complete)
        return found

    def key(self, incident: str, connection: str) -> str:
        return self.copies(incident)[connection].key

    def ref(self, incident: str, connection: str) -> str:
        return str(self.copies(incident)[connection].ref)

    def shows(self, incident: str, field: str, value: str) -> None:
        """Wait until every copy shows what the incident says, and the incident says `value`."""

        def agreed() -> bool:
            found = self.stage.look(lambda store: explain.one_incident(store, parse_item_number(incident)[1]))
            if found is None or found[0].fields.get(field) != value:
                return False
            return all(not copy.dirty for copy in found[1])

        self.stage.wait(f"{incident} {field} = {value} in every copy", agreed)

    def told_by_tickets(self, incident: str, words: str) -> None:
        """Wait until every ticket says this of its alerts, in one place."""
        self.stage.wait(
            f"{words!r} in every ticket of {incident}",
            lambda: all(said.count("fire now") == said.count(words) == 1 for said in self.boards(incident).values()),
        )

    def boards(self, incident: str) -> dict[str, str]:
        """Where each tool says which alerts fire: ServiceNow in the description, the others in a comment of ours."""
        act, copies = self.stage.act, self.copies(incident)
        return {
            "ServiceNow": act("servicenow", "get", record=copies["snow"].key)["description"],
            "Jira": json.dumps(act("jira", "get", ref=copies["jira"].key)["comments"]),
            "PagerDuty": json.dumps(act("pagerduty", "get", id=str(copies["pager"].ref))["notes"]),
        }

    def silences(self, incident: str, state: str) -> list[Any]:
        """Alertmanager's silences that name an incident."""
        found = self.stage.client.get(f"{self.stage.urls['alertmanager']}/api/v2/silences").json()
        return [one for one in found if incident in one["comment"] and one["status"]["state"] == state]


def recorded(name: str) -> dict[str, Any]:
    """A webhook as a real Alertmanager sent it."""
    text = (files("tieline.cli.demo") / "payloads" / f"{name}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def with_another(payload: Mapping[str, Any], instance: str) -> dict[str, Any]:
    """The same group with one more alert in it, of another instance."""
    first = payload["alerts"][0]
    labels = {**first["labels"], "instance": instance}
    another = {**first, "labels": labels, "fingerprint": fingerprint(labels)}
    return {**payload, "alerts": [*payload["alerts"], another]}


def _as_posted(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The payload's alerts as Prometheus had posted them: a firing one lasts for an hour, an ended one is over."""
    now = datetime.now(UTC)
    return [
        {
            "labels": alert["labels"],
            "annotations": alert["annotations"],
            "startsAt": alert["startsAt"],
            "endsAt": (now + timedelta(hours=1)).isoformat() if alert["status"] == "firing" else now.isoformat(),
            "generatorURL": alert["generatorURL"],
        }
        for alert in payload["alerts"]
    ]
