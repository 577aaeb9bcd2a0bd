"""Bugs to plant where comments are copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tieline.cli.simulation.bugs.creating import another_token
from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing, seen_by
from tieline.core.model import Audience
from tieline.sync.comments import comments
from tieline.sync.daemon import lane
from tieline.sync.road import commit


def _comment_token_ignored() -> Sequence[Patch]:
    return [(comments, "is_copy", lambda *_args: False)]


def _comment_not_begun() -> Sequence[Patch]:
    return [(comments, "begin", nothing), (comments, "take_in", _without_sending(comments.take_in))]


def _without_sending(take_in: Any) -> Any:
    """Beside a missing mark, the poll would still recognize the twin by its token; without the mark it cannot."""

    def blind(tx: Any, engine: Any, here: Any, replica: Any, comments: Any) -> Any:
        return take_in(tx, engine, here, replica, [one for one in comments if not one.ours])

    return blind


def _comment_not_searched() -> Sequence[Patch]:
    return [(comments, "search", nothing), (comments, "take_in", _without_sending(comments.take_in))]


def _comment_tokens_by_chance() -> Sequence[Patch]:
    def another(_tx: Any, store_name: str, origin: str, connection: Any, _ref: Any) -> Any:
        return another_token(store_name, origin, connection)

    return [seen_by(comments, "tokens", for_comment=another)]


def _without_doubt(wish: Any) -> Any:
    return lambda tx, engine, incident, _may_be_there=None: wish(tx, engine, incident, lambda _number: False)


def _comments_made_again_after_a_restore() -> Sequence[Patch]:
    return [
        (comments, "wish", _without_doubt(comments.wish)),
        seen_by(lane, "comments", any_wanted=lambda *_args: False),
        (comments, "take_in", _without_sending(comments.take_in)),
    ]


def _comments_shown_wider() -> Sequence[Patch]:
    outgoing = comments.outgoing

    def public(*args: Any) -> Any:
        return [replace(one, audience=Audience.CUSTOMERS) for one in outgoing(*args)]

    return [(comments, "outgoing", public)]


def _late_copies_without_comments() -> Sequence[Patch]:
    return [seen_by(commit, "comments", wish=nothing)]


MUTANTS: Final[Mapping[str, Mutant]] = {
    "comment-token-ignored": Mutant("our own comments are not known again", _comment_token_ignored),
    "comment-not-begun": Mutant("a comment is not written down before it is sent", _comment_not_begun),
    "comment-not-searched": Mutant("a comment in doubt is sent again without a look", _comment_not_searched),
    "comment-tokens-by-chance": Mutant(
        "a store that was put back does not know the comments that it copied", _comment_tokens_by_chance
    ),
    "copied-comments-not-looked-for": Mutant(
        "a store that was put back copies comments without a look", _comments_made_again_after_a_restore
    ),
    "comments-shown-wider": Mutant("every comment is copied as public", _comments_shown_wider),
    "late-copies-without-comments": Mutant("a copy made later gets no earlier comments", _late_copies_without_comments),
}
