"""What the smaller powers owe: acknowledge, describe, people, link; and that a claim is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tieline.adapters.testing.contract.expect import expect, listed, needs, raises, token
from tieline.adapters.testing.driver import ToolDriver
from tieline.core.errors import TryAgain
from tieline.core.port import (
    Acknowledger,
    Act,
    Adapter,
    CommentEditor,
    Commenter,
    Describer,
    Directory,
    Finder,
    Historian,
    Linker,
    Outputs,
    Power,
    Receiver,
    Source,
)

PROTOCOLS: dict[Power, type] = {
    Power.WRITE: Adapter,
    Power.FIND: Finder,
    Power.RECEIVE: Receiver,
    Power.COMMENT: Commenter,
    Power.EDIT_COMMENT: CommentEditor,
    Power.ACKNOWLEDGE: Acknowledger,
    Power.DESCRIBE: Describer,
    Power.PEOPLE: Directory,
    Power.LINK: Linker,
    Power.TELL_OUTPUT: Outputs,
    Power.TELL_REPLACED: Historian,
}


class ClaimContract:
    """Powers."""

    @needs("connect")
    def test_every_claimed_power_has_its_verbs(self, adapter: Source, tool: ToolDriver) -> None:
        for power in sorted(tool.powers & PROTOCOLS.keys()):
            protocol = PROTOCOLS[power]
            expect(isinstance(adapter, protocol), f"the adapter claims {power} and lacks verbs of {protocol.__name__}")
        if isinstance(adapter, Finder):
            expect(adapter.lookup_lag >= timedelta(0), "lookup_lag is a span of time, zero or more")


class BudgetContract:
    """`Workbench.spend`: the tool's limits are everybody's, and are kept before the tool says so."""

    @needs("make", "sent")
    def test_each_request_takes_a_call_from_the_budget(self, adapter: Source, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        adapter.check()
        listed(adapter, None)
        adapter.read(ref)
        taken, sent = tool.taken, tool.sent()
        expect(taken >= sent, f"{sent} requests were sent and {taken} paid for; call `workbench.spend()` before each")


class AcknowledgeContract:
    """`acknowledge()`."""

    @needs(Power.ACKNOWLEDGE, "make", "acts_in_force", "now")
    def test_an_acknowledgement_is_in_force_once_per_token(self, adapter: Acknowledger, tool: ToolDriver) -> None:
        ref, mine = tool.make("Disk full"), token()
        until = tool.now() + timedelta(hours=4)
        handles = [adapter.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note="INC-12", token=mine) for _ in range(2)]
        found = tool.acts_in_force(ref)
        expect(found == 1, f"two calls with one token left {found} acknowledgements in force")
        expect(handles[0] == handles[1], f"the same act has the same handle: {handles}")

    @needs(Power.ACKNOWLEDGE, "make", "acts_in_force", "now")
    @pytest.mark.parametrize("act", [Act.RELEASE, Act.RESOLVE])
    def test_release_and_resolve_take_it_back(self, adapter: Acknowledger, tool: ToolDriver, act: Act) -> None:
        ref = tool.make("Disk full")
        until = tool.now() + timedelta(hours=4)
        adapter.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note="INC-12", token=token())
        again = token()
        for _ in range(2):
            adapter.acknowledge(ref, act, until=until, note="INC-12", token=again)
        found = tool.acts_in_force(ref)
        expect(found == 0, f"after {act.value} {found} acknowledgements are still in force")

    @needs(Power.ACKNOWLEDGE, "make", "acts_in_force", "now")
    def test_an_acknowledgement_speaks_of_its_own_signal(self, adapter: Acknowledger, tool: ToolDriver) -> None:
        ref, other = tool.make("Disk full on db1"), tool.make("Disk full on db2")
        until = tool.now() + timedelta(hours=4)
        adapter.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note="INC-12", token=token())
        expect(tool.acts_in_force(other) == 0, "acknowledging one signal leaves the others loud")

    @needs(Power.ACKNOWLEDGE, "make", "fail", "now")
    def test_a_failed_acknowledgement_is_an_error(self, adapter: Acknowledger, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        tool.fail(503)
        until = tool.now() + timedelta(hours=4)
        raises(
            TryAgain,
            lambda: adapter.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note="INC-12", token=token()),
            "acknowledge() while the tool answers 503",
        )

    @needs(Power.ACKNOWLEDGE, "make", "lose_next_write", "heal", "acts_in_force", "now")
    @pytest.mark.parametrize("after_effect", [True, False])
    def test_an_acknowledgement_with_a_lost_answer_may_be_done(
        self, adapter: Acknowledger, tool: ToolDriver, *, after_effect: bool
    ) -> None:
        ref, until = tool.make("Disk full"), tool.now() + timedelta(hours=4)

        def acknowledge() -> str:
            return adapter.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note="INC-12", token=token())

        tool.lose_next_write(after_effect=after_effect)
        error = raises(TryAgain, acknowledge, "an acknowledgement with a lost answer")
        tool.heal()
        expect(isinstance(error, TryAgain) and error.maybe_done, "a lost answer says maybe_done: it may be silent")
        found = tool.acts_in_force(ref)
        expect(found == int(after_effect), f"there are {found} acknowledgements: an adapter never repeats a write")


class DescribeContract:
    """`describe()`."""

    @needs(Power.DESCRIBE, "connect")
    def test_the_schema_tells_the_fields_by_name(self, adapter: Describer) -> None:
        facts = adapter.describe()
        expect(len(facts) > 0, "describe() tells at least one field")
        for name, fact in facts.items():
            expect(fact.name == name, f"the fact of {name!r} carries that name")
            expect(fact.choices is None or len(fact.choices) > 0, f"{name!r}: None where values are free, else choices")

    @needs(Power.DESCRIBE, "fail")
    def test_an_error_is_never_an_empty_schema(self, adapter: Describer, tool: ToolDriver) -> None:
        tool.fail(503)
        raises(TryAgain, adapter.describe, "describe() while the tool answers 503")


class PeopleContract:
    """`person_id()`."""

    @needs(Power.PEOPLE, "connect")
    def test_a_person_is_found_by_address(self, adapter: Directory, tool: ToolDriver) -> None:
        found = adapter.person_id(tool.known_email)
        expect(bool(found), f"person_id({tool.known_email!r}) finds the tool's id of that person")
        expect(adapter.person_id(tool.known_email.upper()) == found, "addresses are compared without regard to case")

    @needs(Power.PEOPLE, "connect")
    def test_a_stranger_is_nobody(self, adapter: Directory, tool: ToolDriver) -> None:
        local, _, domain = tool.known_email.partition("@")
        for email in ("nobody@stranger.example", f"{local}x@{domain}", local, "", "*", "' OR '1'='1"):
            found = adapter.person_id(email)
            expect(
                found is None, f"person_id({email!r}) is None, not {found!r}: an address matches whole or not at all"
            )

    @needs(Power.PEOPLE, "fail")
    def test_an_error_is_never_nobody(self, adapter: Directory, tool: ToolDriver) -> None:
        tool.fail(503)
        raises(TryAgain, lambda: adapter.person_id(tool.known_email), "person_id() while the tool answers 503")


class LinkContract:
    """`link()`."""

    @needs(Power.LINK, "make", "links")
    def test_a_link_is_shown_once_per_token(self, adapter: Linker, tool: ToolDriver) -> None:
        ref, mine = tool.make("Disk full"), token()
        url = "https://tieline.example/incidents/INC-12?a=1&b=2"
        for _ in range(2):
            adapter.link(ref, url, "INC-12", mine)
        found = list(tool.links(ref))
        expect(found == [url], f"linking twice with one token shows {found}")

    @needs(Power.LINK, "make", "links")
    def test_two_tokens_are_two_links(self, adapter: Linker, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        urls = ["https://tieline.example/incidents/INC-12", "https://tieline.example/incidents/INC-13"]
        for url in urls:
            adapter.link(ref, url, url[-6:], token())
        found = sorted(tool.links(ref))
        expect(found == urls, f"two links were made, {found} are shown")


class OutputContract:
    """`output()`."""

    @needs(Power.TELL_OUTPUT, "make", "write_output")
    def test_an_output_is_told_in_parts_to_its_end(self, adapter: Outputs, tool: ToolDriver) -> None:
        ref = tool.make("Restart db1")
        wrote = "first\n\u00fcber \u2013 \U0001f525 \x1b[31m ``` <b>last</b>\n".encode() * 9
        tool.write_output(ref, wrote)
        told, parts = b"", 0
        while part := adapter.output(ref, len(told), 100):
            expect(len(part) <= 100, f"output() was asked for 100 bytes and answers {len(part)}")
            told, parts = told + part, parts + 1
            expect(len(told) <= len(wrote), f"output() goes on behind its end: {told[-100:]!r}")
        expect(told == wrote, f"of {wrote[:40]!r}\u2026 output() tells {told[:40]!r}\u2026, in {parts} parts")

    @needs(Power.TELL_OUTPUT, "make", "write_output")
    def test_an_output_is_its_own_record_s(self, adapter: Outputs, tool: ToolDriver) -> None:
        silent, loud = tool.make("Restart db1"), tool.make("Restart db2")
        tool.write_output(silent, b"")
        tool.write_output(loud, b"done")
        expect(adapter.output(silent, 0, 100) == b"", "what wrote nothing has an output of no bytes")
        expect(adapter.output(loud, 0, 100) == b"done", "the output is the one of the record that was asked for")
