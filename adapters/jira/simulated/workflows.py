"""Two workflows: a software team's with a review before Done, and a service project's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_CATEGORIES: Final = {
    "new": {"id": 2, "key": "new", "colorName": "blue-gray", "name": "To Do"},
    "indeterminate": {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"},
    "done": {"id": 3, "key": "done", "colorName": "green", "name": "Done"},
}


@dataclass(frozen=True, slots=True)
class Status:
    id: str
    name: str
    category: str

    def shown(self, base: str, api: int) -> dict[str, Any]:
        category = _CATEGORIES[self.category]
        return {
            "self": f"{base}/rest/api/{api}/status/{self.id}",
            "description": "",
            "iconUrl": f"{base}/",
            "name": self.name,
            "id": self.id,
            "statusCategory": {"self": f"{base}/rest/api/{api}/statuscategory/{category['id']}", **category},
        }


@dataclass(frozen=True, slots=True)
class Transition:
    """`sources` empty means global: from every status. `screen` maps field ids to whether they are required."""

    id: str
    name: str
    to: str
    sources: tuple[str, ...] = ()
    screen: Mapping[str, bool] = field(default_factory=dict)
    clears: tuple[str, ...] = ()
    """Fields emptied by a post-function."""
    asks_for_words: bool = False
    """A validator lets nobody through without a comment, of which no screen tells."""


@dataclass(frozen=True, slots=True)
class WorkflowScheme:
    initial: str
    statuses: tuple[Status, ...]
    transitions: tuple[Transition, ...]

    def status(self, identity: str) -> Status:
        return next(one for one in self.statuses if one.id == identity)

    def named(self, name: str) -> Status:
        return next(one for one in self.statuses if one.name.casefold() == name.casefold())

    def offered(self, status: str) -> list[Transition]:
        return [one for one in self.transitions if not one.sources or status in one.sources]


SOFTWARE: Final = WorkflowScheme(
    "10000",
    (
        Status("10000", "To Do", "new"),
        Status("10001", "In Progress", "indeterminate"),
        Status("10002", "In Review", "indeterminate"),
        Status("10003", "Done", "done"),
        Status("10004", "Waiting", "indeterminate"),
        Status("10005", "Reopened", "new"),
        Status("10006", "Cancelled", "done"),
        Status("10007", "Closed", "done"),
    ),
    (
        # Names differ from the statuses they lead to, as they do on most sites.
        Transition("11", "Start work", "10001", ("10000", "10005")),
        Transition("21", "Ask for review", "10002", ("10001",)),
        Transition("31", "Approve", "10003", ("10002",), {"resolution": True}),
        Transition("41", "Park", "10004", ("10001", "10002")),
        Transition("51", "Go on", "10001", ("10004", "10002")),
        Transition("61", "Reopen", "10005", ("10003", "10006", "10007"), {}, ("resolution",)),
        Transition("71", "Drop", "10006", ("10000", "10001", "10004", "10005"), {"resolution": False}),
        Transition("81", "Put back", "10000", ("10001",)),
        Transition("91", "Close", "10007", ("10003",)),
    ),
)

SERVICE: Final = WorkflowScheme(
    "1",
    (
        Status("1", "Open", "new"),
        Status("3", "Work in progress", "indeterminate"),
        Status("10100", "Pending", "indeterminate"),
        Status("10101", "Completed", "done"),
        Status("6", "Closed", "done"),
        Status("10102", "Canceled", "done"),
    ),
    (
        Transition("711", "Investigate", "3", ("1", "10100")),
        Transition("721", "Wait for somebody", "10100", ("3", "1")),
        Transition("731", "Resolve", "10101", ("3",), {"resolution": True}),
        Transition("741", "Close", "6", ("10101",)),
        Transition("751", "Cancel", "10102", ("1", "3", "10100"), {"resolution": False}),
        Transition("761", "Back to open", "1", ("10101", "6", "10102", "3"), {}, ("resolution",)),
    ),
)
