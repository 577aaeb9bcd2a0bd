"""Faults of comments: shown wider, mistaken for ours, lost or doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import Honest, Saboteur, Tamper, Verbs, answering, instead, throw
from tieline.core.errors import Gone, Rejected, TryAgain
from tieline.core.model import Audience
from tieline.core.port import Cursor, Page, Reading, Ref, RemoteComment, Token, Version

Comments = Sequence[RemoteComment]


def _listing(change: Callable[[Comments], Comments]) -> Tamper:
    """Falsifies what `comments` answers."""
    return answering("comments", lambda honest, _tool, ref: change(honest.comments(ref)))


def _each(**values: Any) -> Callable[[Comments], Comments]:
    """The same values on every comment of a person."""
    return lambda comments: [comment if comment.ours else replace(comment, **values) for comment in comments]


def _wider(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Posts everything in public, and says what it was asked to say."""

    def add_comment(ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        return replace(honest.add_comment(ref, body, Audience.CUSTOMERS, token), audience=audience)

    return {"add_comment": add_comment}


def _narrower(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Posts everything internally, and calls it public for as long as it lives."""

    def add_comment(ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        asked[token] = audience
        return replace(honest.add_comment(ref, body, Audience.STAFF, token), audience=audience)

    def comments(ref: Ref) -> Comments:
        found = honest.comments(ref)
        return [
            replace(comment, audience=asked.get(comment.token, comment.audience)) if comment.token else comment
            for comment in found
        ]

    asked: dict[Token, Audience] = {}
    return {"add_comment": add_comment, "comments": comments}


def _still(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Its versions count edits, and a comment is none."""
    last: dict[Ref, tuple[Any, Version]] = {}

    def still(reading: Reading) -> Reading:
        held = last.setdefault(reading.ref, (reading.body, reading.version))
        if held[0] != reading.body:
            held = last[reading.ref] = (reading.body, reading.version)
        return replace(reading, version=held[1])

    def changes(since: Cursor | None) -> Iterator[Page]:
        for page in honest.changes(since):
            yield replace(page, readings=[still(reading) for reading in page.readings])

    return {"changes": changes, "read": lambda ref: still(honest.read(ref))}


def _stubborn(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Repeats a comment whose answer was lost."""

    def add_comment(ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        try:
            return honest.add_comment(ref, body, audience, token)
        except TryAgain:
            honest.add_comment(ref, body, audience, token)
            raise

    return {"add_comment": add_comment}


def _signed(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Writes a marker into the words whenever it has a token."""

    def add_comment(ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        marked = f"{body} [{token}]" if audience is Audience.STAFF and body == _TEXT else body
        return honest.add_comment(ref, marked, audience, token)

    return {"add_comment": add_comment}


def _streaming(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Writes another comment where one is to be edited."""

    def edit_comment(ref: Ref, _comment: str, body: Any, audience: Audience) -> RemoteComment:
        return honest.add_comment(ref, body, audience, Token("another"))

    return {"edit_comment": edit_comment}


def _boastful(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Names other readers of its comments than it has."""
    return {"audiences": frozenset({Audience.CUSTOMERS})}


def _forgetful(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """An edit takes the restriction away."""

    def edit_comment(ref: Ref, comment: str, body: Any, _audience: Audience) -> RemoteComment:
        return honest.edit_comment(ref, comment, body, Audience.CUSTOMERS)

    return {"edit_comment": edit_comment}


_TEXT = "The volume was extended"


def _unlike(comments: Comments) -> Comments:
    """One comment for each text."""
    return list({comment.body: comment for comment in comments}.values())


def _welcomed(comments: Comments) -> Comments:
    """Shows the tool's own greeting as a comment when there is none."""
    return comments or [RemoteComment("0", "Thank you for your report", "system", None, Audience.CUSTOMERS)]


def _with_other_ids(comments: Comments) -> Comments:
    """Numbers its own comments as they stand, instead of by their id."""
    return [replace(comment, id=str(number)) if comment.ours else comment for number, comment in enumerate(comments)]


def _stripped(comments: Comments) -> Comments:
    """Keeps what looks like plain text."""
    return [
        replace(comment, body="".join(letter for letter in str(comment.body) if letter.isprintable()))
        for comment in comments
    ]


COMMENTING: Final = (
    Saboteur("a greeting counts as a comment", _listing(_welcomed), ("test_a_new_record_has_no_comments",)),
    Saboteur(
        "comments are numbered as they stand",
        _listing(_with_other_ids),
        ("test_a_comment_reads_back", "test_a_comment_of_ours_is_edited_in_its_place"),
    ),
    Saboteur(
        "our comments are somebody's",
        _listing(lambda comments: [replace(comment, ours=False) for comment in comments]),
        ("test_our_comment_is_ours",),
    ),
    Saboteur("everybody's comments are ours", _listing(_each(ours=True)), ("test_a_persons_comment_is_not_ours",)),
    Saboteur("the token stands in the words", _signed, ("test_a_comment_tells_its_token",)),
    Saboteur("internal comments are posted in public", _wider, ("test_an_internal_comment_is_never_shown_wider",)),
    Saboteur(
        "comments called public are hidden", _narrower, ("test_a_comment_called_public_can_be_read_by_customers",)
    ),
    Saboteur(
        "a person's internal comment reads as public",
        _listing(_each(audience=Audience.CUSTOMERS)),
        ("test_a_persons_comment_is_read_as_wide_as_it_is",),
    ),
    Saboteur(
        "comments are for somebody it does not name", _boastful, ("test_a_persons_comment_is_read_as_wide_as_it_is",)
    ),
    Saboteur(
        "comments come newest first",
        _listing(lambda comments: list(reversed(comments))),
        ("test_comments_come_oldest_first",),
    ),
    Saboteur(
        "only the first comments are listed",
        _listing(lambda comments: comments[:4]),
        ("test_a_long_thread_is_listed_whole",),
    ),
    Saboteur("equal comments are one", _listing(_unlike), ("test_equal_comments_are_two",)),
    Saboteur("control characters in comments are dropped", _listing(_stripped), ("test_hostile_words_are_kept",)),
    Saboteur(
        "a missing record has no comments",
        instead("comments", Gone, lambda _error, _tool: ()),
        ("test_comments_of_a_missing_record_say_gone",),
    ),
    Saboteur(
        "a comment on a missing record is a refusal",
        instead("add_comment", Gone, lambda _error, _tool: throw(Rejected("memory", "no"))),
        ("test_comments_of_a_missing_record_say_gone",),
    ),
    Saboteur("an edit of a comment is another comment", _streaming, ("test_a_comment_of_ours_is_edited_in_its_place",)),
    Saboteur("an edit of a comment shows it to everybody", _forgetful, ("test_an_edit_shows_nothing_wider",)),
    Saboteur("a comment changes nothing that a listing tells", _still, ("test_a_comment_is_a_change",)),
    Saboteur("a lost comment is repeated", _stubborn, ("test_a_comment_with_a_lost_answer_is_written_once",)),
)
