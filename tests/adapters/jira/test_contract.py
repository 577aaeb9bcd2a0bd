"""The shipped contract, held against the simulated Cloud site, service project and Data Center."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tieline.adapters.jira.adapter import JiraAdapter
from tieline.adapters.jira.plugin import POWERS
from tieline.adapters.jira.settings import DataCenterSettings, JiraSettings, JsmSettings
from tieline.adapters.jira.simulated.screens import LONGEST_TEXT
from tieline.adapters.jira.simulated.site import AUTOMATION, BOT
from tieline.adapters.jira.simulator import EMAIL, JiraSimulator
from tieline.adapters.testing.contract import AdapterContract, SimulatorDriver
from tieline.adapters.testing.driver import MISSING
from tieline.adapters.testing.simulation import requests_transport
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Delivery, Ref, Source
from tieline.core.secrets import Secret

TOKEN = "ATATT3xFfGF0-contract-4c1d9"


class JiraDriver(SimulatorDriver):
    """A person on the simulated site."""

    powers = POWERS
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "a duplicate is linked and closed; no issue takes its place",
        "joint_delivery": "a webhook is about one issue",
    }
    secrets = (TOKEN,)
    page_size = 3
    known_email = "anna@example.com"
    tells_birth = True
    signs_time = False
    credential_headers = ("x-hub-signature",)
    writes = (
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/transitions"),
        ("POST", "/comment"),
        ("POST", "/remotelink"),
        ("POST", "/3/issue"),
        ("POST", "/2/issue"),
    )
    settings: type[JiraSettings] = JiraSettings
    project = "OPS"
    done = "Done"
    opened = "In Progress"
    cloud = True

    def __init__(self) -> None:
        super().__init__()
        simulator = JiraSimulator(self.tool_now, cloud=self.cloud, api_token=TOKEN)
        self.simulator, self.site = simulator, simulator.site

    def connect(self) -> Source:
        return self._connected(TOKEN)

    def connect_refused(self) -> Source:
        return self._connected("ATATT3xFfGF0-refused-99")

    def connect_unproved(self) -> Source:
        return self._connected(TOKEN, MISSING)

    def _connected(self, token: str, webhook_secret: Secret | None = None) -> JiraAdapter:
        secret = Secret.literal(token)
        credentials: dict[str, Any] = {"email": EMAIL, "api_token": secret} if self.cloud else {"pat": secret}
        settings = self.settings(
            url="https://simulated.atlassian.net",
            project=self.project,
            webhook_secret=webhook_secret or Secret.literal(self.site.webhooks.secret),
            transition_fields={"resolution": {"name": "Done"}},
            page_size=self.page_size,
            automation=("Automation for Jira",) if self.cloud else (AUTOMATION,),
            **credentials,
        )
        return JiraAdapter(ConnectionName("jira-ops"), settings, self.workbench(requests_transport(self.simulator)))

    def rich(self, text: str) -> Any:
        if not self.cloud:
            return text[:LONGEST_TEXT]
        content = [{"type": "text", "text": text[:LONGEST_TEXT]}] if text else []
        return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": content}] if text else []}

    def plain(self, body: Any) -> str | None:
        if body is None or isinstance(body, str):
            return body
        return "".join(str(leaf["text"]) for block in body["content"] for leaf in block["content"])

    def new_body(self, title: str, description: str = "") -> Body:
        return {"fields": {"summary": title, "description": self.rich(description)}}

    def invalid_body(self) -> Body:
        return {"fields": {"summary": "Disk full", "priority": {"name": "Blocker"}}}

    def unfit_body(self, title: str) -> tuple[Body, str]:
        body = self.new_body(title)
        return {"fields": {**body["fields"], "priority": {"name": "Dreadful"}}}, "fields.priority.name"

    def patch_title(self, title: str) -> Body:
        return {"fields": {"summary": title}}

    def patch_description(self, text: str | None) -> Body:
        return {"fields": {"description": None if text is None else self.rich(text)}}

    def title_in(self, body: Body) -> str:
        return str(body["fields"]["summary"])

    def description_in(self, body: Body) -> str | None:
        return self.plain(body["fields"]["description"])

    def text_kept(self, text: str) -> str:
        return text[:LONGEST_TEXT]

    def patch_closed(self) -> Body:
        return {"fields": {"status": {"name": self.done}}}

    def patch_reopened(self) -> Body:
        return {"fields": {"status": {"name": self.opened}}}

    def is_open(self, body: Body) -> bool:
        return bool(body["fields"]["status"]["statusCategory"]["key"] != "done")

    def make(self, title: str, description: str = "") -> Ref:
        fields = {"summary": title, "description": self.rich(description)}
        return Ref(self.simulator.control("create", {"project": self.project, "fields": fields})["id"])

    def edit(self, ref: Ref, patch: Body) -> None:
        self.simulator.control("edit", {"ref": ref, "fields": patch["fields"]})

    def act_by_itself(self, ref: Ref) -> Body:
        rated = {"ref": ref, "fields": {"priority": {"name": "Low"}}, "by": AUTOMATION}
        self.simulator.control("edit", rated)
        return {"fields": {"priority": {"name": "High"}}}

    def spoil(self, ref: Ref) -> None:
        self.touch(ref)
        self.site.spoilt.add(ref)

    def delete(self, ref: Ref) -> None:
        self.simulator.control("delete", {"ref": ref})

    def missing_ref(self) -> Ref:
        return Ref("99999999")

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:
        asked = {"ref": ref, "body": self.rich(text), "internal": audience is Audience.STAFF}
        return str(self.simulator.control("comment", asked)["id"])

    def comment_body(self, text: str) -> Any:
        return self.rich(text)

    def comment_text(self, body: Any) -> str:
        return self.plain(body) or ""

    def public_comments(self, ref: Ref) -> Sequence[str]:
        found = self.simulator.control("get", {"ref": ref})["comments"]
        return [self.comment_text(one["body"]) for one in found if one.get("jsdPublic")]

    def links(self, ref: Ref) -> Sequence[str]:
        return [str(one["object"]["url"]) for one in self.simulator.control("get", {"ref": ref})["remotelinks"]]

    def delivery(self, ref: Ref) -> Delivery:
        self.touch(ref)
        sent = self.site.webhooks.outbox[-1]
        return Delivery(sent.headers, sent.body)


class ServiceDriver(JiraDriver):
    """A person in a service project: internal and public comments are two."""

    settings = JsmSettings
    project = "DESK"
    done = "Completed"
    opened = "Work in progress"


class DataCenterDriver(JiraDriver):
    """A person on a Data Center."""

    settings = DataCenterSettings
    cloud = False


class OddSiteDriver(JiraDriver):
    """An account half an hour off every other zone, on a database that keeps whole seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.site.users[BOT].time_zone = "America/St_Johns"
        self.site.whole_seconds = True


class TestJiraCloud(AdapterContract):
    tool_kind = "jira"
    against = "a simulator, written after the vendor's OpenAPI specification"
    driver = JiraDriver


class TestJiraServiceManagement(AdapterContract):
    tool_kind = "jira-jsm"
    against = "a simulator, written after the vendor's documentation"
    driver = ServiceDriver


class TestJiraDataCenter(AdapterContract):
    tool_kind = "jira-dc"
    against = "a simulator, written after the vendor's documentation"
    driver = DataCenterDriver


class TestJiraWithWholeSecondsInAnOddZone(AdapterContract):
    tool_kind = "jira"
    against = "the same of a site with whole seconds in an odd zone"
    driver = OddSiteDriver
