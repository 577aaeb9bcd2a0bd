"""What every adapter with comments owes: each for exactly whom it was asked for, or a refusal; never wider."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.adapters.testing.contract.expect import HOSTILE, HOUR, expect, here, listed, needs, raises, token
from tieline.adapters.testing.driver import ToolDriver
from tieline.core.errors import Gone, Rejected, TryAgain
from tieline.core.model import Audience
from tieline.core.port import CommentEditor, Commenter, Power, Ref, RemoteComment

TEXT = "The volume was extended"


def _width(audience: Audience) -> int:
    return audience.width


def _narrowest(adapter: Commenter) -> Audience:
    return min(adapter.audiences, key=_width)


def _kept_in(adapter: Commenter) -> frozenset[Audience]:
    """Those of its audiences that customers do not belong to."""
    return frozenset(one for one in adapter.audiences if not one.may_become(Audience.CUSTOMERS))


class CommentContract:
    """`comments()` and `add_comment()`."""

    @needs(Power.COMMENT, "make")
    def test_a_new_record_has_no_comments(self, adapter: Commenter, tool: ToolDriver) -> None:
        found = adapter.comments(tool.make("Disk full"))
        expect(len(found) == 0, f"a new record has no comments, not {found!r:.200}")

    @needs(Power.COMMENT, "make")
    def test_a_comment_reads_back(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        added = self._add(adapter, tool, ref, max(adapter.audiences, key=_width))
        found = adapter.comments(ref)
        expect([comment.id for comment in found] == [added.id], "comments() lists what add_comment() answered, once")
        said = tool.comment_text(found[0].body)
        expect(said == TEXT, f"the comment reads {said!r}")
        expect(found[0].audience is added.audience, "the audience is the one that add_comment() answered")

    @needs(Power.COMMENT, "make")
    def test_our_comment_is_ours(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        added = self._add(adapter, tool, ref, _narrowest(adapter))
        listed = adapter.comments(ref)[0]
        expect(added.ours and listed.ours, "a comment written by the connection's own account is ours")

    @needs(Power.COMMENT, "make", "comment")
    def test_a_persons_comment_is_not_ours(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        made = tool.comment(ref, TEXT, Audience.CUSTOMERS)
        found = adapter.comments(ref)
        expect([comment.id for comment in found] == [made], f"a person's comment is listed by its id {made!r}")
        expect(not found[0].ours, "a person's comment is not ours, whatever it says")

    @needs(Power.COMMENT, "make")
    def test_a_comment_tells_its_token(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref, mine = tool.make("Disk full"), token()
        added = adapter.add_comment(ref, tool.comment_body(TEXT), _narrowest(adapter), mine)
        listed = adapter.comments(ref)[0]
        expect(listed.token in (mine, None), f"a comment carries the token it was written with, not {listed.token!r}")
        expect(added.token == listed.token, "add_comment() and comments() tell the same token")
        expect(tool.comment_text(listed.body) == TEXT, "the token is not part of what people read")

    @needs(Power.COMMENT, "make", "public_comments")
    def test_an_internal_comment_is_never_shown_wider(self, adapter: Commenter, tool: ToolDriver) -> None:
        for audience in _kept_in(adapter):
            ref = tool.make("Disk full")
            try:
                added = self._add(adapter, tool, ref, audience)
            except Rejected:
                added = None
            expect(TEXT not in tool.public_comments(ref), f"a customer can read a comment for {audience}")
            if added is not None:
                expect(added.audience is audience, f"a comment for {audience} says that it is for {added.audience}")

    @needs(Power.COMMENT, "make", "public_comments")
    def test_a_comment_called_public_can_be_read_by_customers(self, adapter: Commenter, tool: ToolDriver) -> None:
        for audience in adapter.audiences - _kept_in(adapter):
            ref = tool.make("Disk full")
            try:
                added = self._add(adapter, tool, ref, audience)
            except Rejected:
                expect(TEXT not in tool.public_comments(ref), "a comment that was refused can be read by customers")
                continue
            seen = TEXT in tool.public_comments(ref)
            expect(seen and added.audience is audience, f"the tool shows it: {seen}; said: {added.audience}")

    @needs(Power.COMMENT, "make", "comment", "public_comments")
    @pytest.mark.parametrize("audience", [Audience.STAFF, Audience.CUSTOMERS])
    def test_a_persons_comment_is_read_as_wide_as_it_is(
        self, adapter: Commenter, tool: ToolDriver, audience: Audience
    ) -> None:
        ref = tool.make("Disk full")
        tool.comment(ref, TEXT, audience)
        found = adapter.comments(ref)[0].audience
        wide = TEXT in tool.public_comments(ref)
        expect(found.may_become(Audience.CUSTOMERS) is wide, f"customers can read it: {wide}; read as for {found}")
        expect(found in adapter.audiences, f"a comment is for one of `audiences`, and this one is for {found}")

    @needs(Power.COMMENT, "make", "comment", "advance")
    def test_a_comment_is_a_change(self, adapter: Any, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        tool.advance(HOUR)
        cursor, before = here(adapter), adapter.read(ref)
        tool.advance(61)
        made = tool.comment(ref, TEXT, Audience.STAFF)
        found = [reading for reading in listed(adapter, cursor) if reading.ref == ref]
        expect(len(found) > 0, "a record that somebody comments on is listed: nobody asks for comments otherwise")
        told = found[-1].comments
        expect(
            found[-1].version != before.version or (told is not None and made in [one.id for one in told]),
            "a comment moves the record's version, or the reading that lists it carries the comments: whoever reads "
            "only what changed sees it nowhere else",
        )

    @needs(Power.COMMENT, "make", "comment", "advance")
    def test_comments_come_oldest_first(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref, made = tool.make("Disk full"), []
        for number in range(3):
            tool.advance(61)
            made.append(tool.comment(ref, f"{TEXT} {number}", Audience.STAFF))
        found = [comment.id for comment in adapter.comments(ref)]
        expect(found == made, f"comments come oldest first: {found} instead of {made}")

    @needs(Power.COMMENT, "make", "comment")
    def test_a_long_thread_is_listed_whole(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        made = [tool.comment(ref, f"{TEXT} {n}", Audience.STAFF) for n in range(2 * tool.page_size + 1)]
        found = [comment.id for comment in adapter.comments(ref)]
        expect(sorted(found) == sorted(made), f"{len(made)} comments were written; {len(set(found))} ids are listed")
        expect(len(set(found)) == len(found), "an id stands for one comment")

    @needs(Power.COMMENT, "make", "comment")
    def test_equal_comments_are_two(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        made = [tool.comment(ref, "+1", Audience.STAFF) for _ in range(2)]
        found = [comment.id for comment in adapter.comments(ref)]
        expect(sorted(found) == sorted(made), "two comments with the same words are two, with ids of their own")

    @needs(Power.COMMENT, "make")
    @pytest.mark.parametrize("what", [name for name, text in HOSTILE.items() if text.strip()])
    def test_hostile_words_are_kept(self, adapter: Commenter, tool: ToolDriver, what: str) -> None:
        ref, text = tool.make("Disk full"), HOSTILE[what]
        adapter.add_comment(ref, tool.comment_body(text), _narrowest(adapter), token())
        said = tool.comment_text(adapter.comments(ref)[0].body)
        expect(said == tool.comment_kept(text), f"{what}: wrote {text!r:.60}, read {said!r:.60}")

    @needs(Power.COMMENT, "missing_ref")
    def test_comments_of_a_missing_record_say_gone(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref = tool.missing_ref()
        raises(Gone, lambda: adapter.comments(ref), "the comments of a missing record")
        raises(Gone, lambda: self._add(adapter, tool, ref, _narrowest(adapter)), "a comment on a missing record")

    @needs(Power.COMMENT, "make", "fail")
    def test_an_error_is_never_no_comments(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        tool.fail(503)
        raises(TryAgain, lambda: adapter.comments(ref), "comments() while the tool answers 503")

    @needs(Power.COMMENT, "make", "lose_next_write", "heal")
    def test_a_comment_with_a_lost_answer_is_written_once(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        tool.lose_next_write(after_effect=True)
        error = raises(TryAgain, lambda: self._add(adapter, tool, ref, _narrowest(adapter)), "a lost answer")
        tool.heal()
        expect(isinstance(error, TryAgain) and error.maybe_done, "a comment with a lost answer says maybe_done")
        found = adapter.comments(ref)
        expect(len(found) == 1, f"the comment stands there {len(found)} times: an adapter never repeats a write")

    @needs(Power.EDIT_COMMENT, "make", "comment")
    def test_a_comment_of_ours_is_edited_in_its_place(self, adapter: Commenter, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        before = tool.comment(ref, "a person's words", Audience.STAFF)
        readers = _narrowest(adapter)
        mine = adapter.add_comment(ref, tool.comment_body(TEXT), readers, token())
        expect(isinstance(adapter, CommentEditor), "whoever claims edit_comment has it")
        if isinstance(adapter, CommentEditor):
            edited = adapter.edit_comment(ref, mine.id, tool.comment_body(f"{TEXT} twice"), readers)
            expect(edited.id == mine.id, "an edited comment keeps its id")
        found = {one.id: tool.comment_text(one.body) for one in adapter.comments(ref)}
        wanted = {before: "a person's words", mine.id: f"{TEXT} twice"}
        expect(found == wanted, f"only our comment says something else now: {found!r:.200}")

    @needs(Power.EDIT_COMMENT, "make", "public_comments")
    def test_an_edit_shows_nothing_wider(self, adapter: Commenter, tool: ToolDriver) -> None:
        for audience in _kept_in(adapter):
            ref = tool.make("Disk full")
            try:
                mine = self._add(adapter, tool, ref, audience)
            except Rejected:
                continue  # there is nothing that could be edited
            if isinstance(adapter, CommentEditor):
                adapter.edit_comment(ref, mine.id, tool.comment_body("edited"), audience)
            expect("edited" not in tool.public_comments(ref), f"a customer can read a comment for {audience}")

    def _add(self, adapter: Commenter, tool: ToolDriver, ref: Ref, audience: Audience) -> RemoteComment:
        return adapter.add_comment(ref, tool.comment_body(TEXT), audience, token())
