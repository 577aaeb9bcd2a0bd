"""The person at a simulated page, for the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tieline.adapters.statuspage.adapter import StatuspageAdapter, connect
from tieline.adapters.statuspage.plugin import KIND
from tieline.adapters.statuspage.settings import StatuspageSettings
from tieline.adapters.statuspage.simulator import LONGEST, PAGE, TOKEN, StatuspageSimulator
from tieline.adapters.testing.driver import SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Ref
from tieline.core.secrets import Secret

NAME = ConnectionName("page")


class StatuspageDriver(SimulatorDriver):
    """Somebody who writes on the page itself."""

    powers = KIND.powers
    secrets = (TOKEN,)
    page_size = 3
    writes = (("POST", "/incidents"), ("PATCH", "/incidents"))
    lacks: ClassVar[Mapping[str, str]] = {
        "act_by_itself": "nothing on a page moves by itself",
        "merge": "no incident becomes part of another",
        "patch_description": "each text is an update of its own, and what was told cannot be emptied",
    }

    def __init__(self) -> None:
        super().__init__()
        self.simulator: StatuspageSimulator = StatuspageSimulator(self.tool_now)  # pyright: ignore[reportIncompatibleVariableOverride]

    def connect(self) -> StatuspageAdapter:
        return self.connect_to(TOKEN)

    def connect_refused(self) -> StatuspageAdapter:
        return self.connect_to("Wr0ng-" + TOKEN)

    def connect_to(self, token: str, **settings: Any) -> StatuspageAdapter:
        """An adapter with other settings."""
        told = StatuspageSettings(
            **{"page": PAGE, "token": Secret.literal(token), "page_size": self.page_size, **settings}
        )
        return connect(NAME, told, self.workbench(HttpxTransport(self.simulator)))

    def new_body(self, title: str, description: str = "") -> Body:
        return {"name": title, "body": self.text_kept(description), "status": "investigating", "impact": "minor"}

    def text_kept(self, text: str) -> str:
        return text[: LONGEST["body"]]

    def invalid_body(self) -> Body:
        return {"status": "investigating", "body": "We look into it."}

    def unfit_body(self, title: str) -> tuple[Body, str]:
        return {**self.new_body(title), "status": "perhaps"}, "status"

    def patch_title(self, title: str) -> Body:
        return {"name": title}

    def title_in(self, body: Body) -> str:
        return str(body["name"])

    def description_in(self, body: Body) -> str | None:
        return str(body["body"])

    def patch_closed(self) -> Body:
        return {"status": "resolved"}

    def is_open(self, body: Body) -> bool:
        return bool(body["status"] != "resolved")

    def make(self, title: str, description: str = "") -> Ref:
        return Ref(self.simulator.make({"name": title, "body": description}))

    def edit(self, ref: Ref, patch: Body) -> None:
        self.simulator.change(ref, patch)

    def spoil(self, ref: Ref) -> None:
        self.simulator.change(ref, {"odd": {"status": None}})

    def delete(self, ref: Ref) -> None:
        self.simulator.delete(ref)

    def missing_ref(self) -> Ref:
        return Ref("inc999999999")
