"""Comments that go along with transitions, for workflows that let nobody through without one.

A required comment is a validator's doing, so that no screen tells of it, and a comment that is added beforehand does
not count: it must travel inside the transition, as `update` and not among the fields.
"""

from __future__ import annotations

from typing import Final

from tieline.adapters.jira import comments
from tieline.adapters.jira.settings import ANY, Deployment, JiraSettings
from tieline.adapters.jira.workflow import Move
from tieline.core.model import Audience
from tieline.core.port import Body, Token

FIELD = "comment"
"""What Jira calls it on a screen."""


OURS: Final = Token("transition")
"""Marks the comment as one that was not written for anybody else: it goes to no other tool."""


class Remarks:
    """What is said at which transition."""

    def __init__(self, settings: JiraSettings) -> None:
        self._settings = settings
        self._texts = {name.casefold(): text for name, text in settings.transition_comments.items()}

    def text(self, move: Move) -> str:
        """The comment for a move, or "". The move's own name counts before that of the status it leads to."""
        for name in (move.name, move.to.name):
            if name.casefold() in self._texts:
                return self._texts[name.casefold()]
        return self._texts.get(ANY, "") if FIELD in move.field_ids else ""

    def update(self, move: Move) -> Body | None:
        """The `update` of the transition. What it says is for the team, wherever a project tells team and customer
        apart."""
        text = self.text(move)
        if not text:
            return None
        settings = self._settings
        body = _document(text) if settings.deployment is Deployment.CLOUD else text
        said = comments.request(body, Audience.STAFF, OURS, settings.audience, settings.internal_role)
        return {FIELD: [{"add": said}]}


def _document(text: str) -> Body:
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }
