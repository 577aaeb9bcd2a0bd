"""The person in the memory tool: what the contract suite needs of it, and an example of a driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from tieline.adapters.memory.adapter import MemoryAdapter, connect
from tieline.adapters.memory.faults import Fault
from tieline.adapters.memory.plugin import KIND, UNCONDITIONAL
from tieline.adapters.memory.settings import MemorySettings
from tieline.adapters.memory.tool import EXACT, SIGNATURE, MemoryTool
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.driver import MISSING, ToolDriver
from tieline.core.model import Audience, ConnectionName, Status
from tieline.core.port import Body, Delivery, Ref, Workbench
from tieline.core.secrets import Secret

NAME = ConnectionName("memory")
FOR_EVER = 1_000_000


class MemoryDriver(ToolDriver):
    """Everything is possible here. `resolution` makes the tool's stamps coarse; a tool that is not `conditional`
    refuses no write on an old version, and tells what it replaced."""

    powers = KIND.powers
    secrets = ("pass-5f1c9b0e77aa", "hook-c2d4419e01bb")
    page_size = 3
    known_email = "ada@example.org"
    tells_birth = True
    credential_headers = (SIGNATURE,)

    def __init__(
        self, *, resolution: timedelta = EXACT, lookup_lag: timedelta = timedelta(0), conditional: bool = True
    ) -> None:
        self.clock = ManualClock()
        password, webhook_secret = self.secrets
        self.tool = MemoryTool(
            self.clock.now,
            accounts={"tieline": password},
            people=[self.known_email],
            webhook_secret=webhook_secret,
            resolution=resolution,
            lookup_lag=lookup_lag,
            conditional=conditional,
        )
        if not conditional:
            self.powers = UNCONDITIONAL

    def connect(self) -> MemoryAdapter:
        return self._connect(self.secrets[0])

    def connect_refused(self) -> MemoryAdapter:
        return self._connect(self.secrets[0][::-1])

    def connect_unproved(self) -> MemoryAdapter:
        return self._connect(self.secrets[0], MISSING)

    def _connect(self, password: str, webhook_secret: Secret | None = None) -> MemoryAdapter:
        settings = MemorySettings(
            page_size=self.page_size,
            password=Secret.literal(password),
            webhook_secret=webhook_secret or Secret.literal(self.secrets[1]),
        )
        return connect(NAME, settings, Workbench(self.clock, self.clock.sleep, self.tool, self.take))

    def new_body(self, title: str, description: str = "") -> Body:
        return {"title": title, "description": description, "status": Status.NEW.value}

    def invalid_body(self) -> Body:
        return {"title": "Disk full", "status": "dormant"}

    def unfit_body(self, title: str) -> tuple[Body, str]:
        return {**self.new_body(title), "severity": "dreadful"}, "severity"

    def patch_title(self, title: str) -> Body:
        return {"title": title}

    def patch_description(self, text: str | None) -> Body:
        return {"description": text}

    def title_in(self, body: Body) -> str:
        return str(body["title"])

    def description_in(self, body: Body) -> str | None:
        said = body["description"]
        return None if said is None else str(said)

    def patch_closed(self) -> Body:
        return {"status": Status.CLOSED.value}

    def patch_reopened(self) -> Body:
        return {"status": Status.IN_PROGRESS.value}

    def is_open(self, body: Body) -> bool:
        return Status(body["status"]).is_open

    def make(self, title: str, description: str = "") -> Ref:
        reporter = self.tool.person(self.known_email)
        return Ref(self.tool.make({**self.new_body(title, description), "reporter": reporter}).ref)

    def edit(self, ref: Ref, patch: Body) -> None:
        self.tool.edit(ref, **patch)

    def touch(self, ref: Ref) -> None:
        self.tool.edit(ref, title=f"{self.tool.row(ref).body['title']}!")

    def spoil(self, ref: Ref) -> None:
        self.tool.spoil(ref)

    def delete(self, ref: Ref) -> None:
        self.tool.delete(ref)

    def merge(self, ref: Ref, into: Ref) -> None:
        self.tool.merge(ref, into)

    def missing_ref(self) -> Ref:
        return Ref("999999")

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:
        return self.tool.comment(ref, text, audience, author="ada").id

    def public_comments(self, ref: Ref) -> Sequence[str]:
        return [note.text for note in self.tool.row(ref).notes if note.audience == Audience.CUSTOMERS]

    def acts_in_force(self, ref: Ref) -> int:
        return self.tool.acts_in_force(ref)

    def links(self, ref: Ref) -> Sequence[str]:
        return list(self.tool.row(ref).links.values())

    def write_output(self, ref: Ref, output: bytes) -> None:
        self.tool.executed(ref, output.decode())

    def delivery(self, ref: Ref) -> Delivery:
        return self.tool.webhook(ref)

    def sent(self) -> int:
        return self.tool.faults.asked

    def joint_delivery(self, ref: Ref) -> Delivery:
        return self.tool.joint_webhook(ref, None)

    def fail(
        self,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"{}",  # noqa: ARG002 - nothing is parsed here: an answer of 200 is nonsense by itself
        only_writes: bool = False,
    ) -> None:
        self.tool.faults.queue.append(Fault(status, headers or {}, FOR_EVER, only_writes))

    def lose_next_write(self, *, after_effect: bool) -> None:
        self.tool.faults.queue.append(Fault(only_writes=True, after_effect=after_effect))

    def heal(self) -> None:
        self.tool.faults.heal()

    def before_next_write(self, act: Callable[[], None]) -> None:
        self.tool.faults.ambushes.append(act)

    def after_next_write(self, act: Callable[[], None]) -> None:
        self.tool.faults.followers.append(act)

    def act_by_itself(self, ref: Ref) -> Body:
        working = {"status": Status.IN_PROGRESS.value}
        self.tool.edit(ref, **working)
        self.tool.time_out = timedelta(hours=1)
        self.clock.advance(3601)
        return working

    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def skew(self, seconds: float) -> None:
        self.tool.skew = timedelta(seconds=seconds)
