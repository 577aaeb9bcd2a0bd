"""What executions say, for the drivers of runners."""

from __future__ import annotations

from typing import ClassVar

from tieline.adapters.testing.driver import ToolDriver
from tieline.core.port import Body


class ExecutionDriver(ToolDriver):
    """Somebody who edits what executions are called; `runner` is for whom they are."""

    runner: ClassVar[str]

    def new_body(self, title: str, description: str = "") -> Body:
        return {"title": title, "description": description, "command": "true", "runner": self.runner, "wanted": "run"}

    def invalid_body(self) -> Body:
        return {"title": "Disk full", "runner": self.runner}

    def unfit_body(self, title: str) -> tuple[Body, str]:
        return {**self.new_body(title), "wanted": "perhaps"}, "wanted"

    def patch_title(self, title: str) -> Body:
        return {"title": title}

    def patch_description(self, text: str | None) -> Body:
        return {"description": text}

    def title_in(self, body: Body) -> str:
        return str(body["title"])

    def description_in(self, body: Body) -> str | None:
        said = body["description"]
        return None if said is None else str(said)
