"""What the policies of plugins say, what they said, and what another document would change."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tieline.core.acts import NotDone
from tieline.core.arguments import Answer, Ask, Document, Line
from tieline.core.errors import Misfit, NotThere
from tieline.core.policy import Judged, Policy, as_yaml, understood
from tieline.core.settings import no_such
from tieline.core.shown import Part, Table
from tieline.core.views import Keyset, Listing, Long, Moment, Row
from tieline.sync import policies
from tieline.sync.office.look import EngineLook
from tieline.sync.policies import Revision

SHIPPED: Final = "shipped"


class PolicyShown(Row):
    """A policy: the revision of it that holds, 0 for what is shipped, since when, who set it, and who approved it."""

    policy: str
    summary: str
    revision: int
    since: Moment | None
    by: str
    approved_by: tuple[str, ...]


class Policies(Listing[PolicyShown]):
    """The policies of the plugins."""

    def shown(self) -> Sequence[Part]:
        columns = ["policy", "revision", "since (UTC)", "by", "approved by", "what it is"]
        rows = [
            (one.policy, one.revision or SHIPPED, one.since, one.by, one.approved_by, one.summary) for one in self.items
        ]
        return (Table("Policies", columns, rows, empty="no plugin has a policy"), *self.more())


_BY_NAME: Final = Keyset("policies", str)


def listed(look: EngineLook, ask: Long) -> Policies:
    """What the policies of plugins are, and since when they hold."""
    [after] = _BY_NAME.after(ask.after) if ask.after is not None else [""]
    names = [name for name in sorted(look.offers.policies) if name > after]
    page, following = _BY_NAME.page(names[: ask.limit + 1], ask, lambda name: (name,))
    found = {name: policies.latest(look.seen_in, name) for name in page}
    called = policies.called(look.seen_in, found.values())
    return Policies(items=tuple(_listed(look, name, now, called) for name, now in found.items()), next=following)


def _listed(look: EngineLook, name: str, now: Revision | None, called: Callable[[str], str]) -> PolicyShown:
    return PolicyShown(
        policy=name,
        summary=look.offers.policies[name][1].summary,
        revision=0 if now is None else now.number,
        since=None if now is None else now.at,
        by="" if now is None else called(now.person),
        approved_by=() if now is None else tuple(map(called, now.approved_by)),
    )


class Which(Ask):
    """Which policy is meant."""

    policy: Line = Field(description="A policy, as `tieline policy` lists it: escalation.limits.")
    revision: int | None = Field(default=None, ge=0, description="As it was at this revision; 0 is what is shipped.")


class Shown(Answer):
    """What a policy says. `document` is as it was written."""

    policy: str
    revision: int
    since: Moment | None
    by: str
    approved_by: tuple[str, ...]
    why: str
    sha: str
    document: str

    def shown(self) -> Sequence[Part]:
        if not self.revision:
            return (f"# {self.policy}, as the plugin and tieline.yaml have it", self.document.rstrip())
        since = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        approved = f", approved by {', '.join(self.approved_by)}" if self.approved_by else ""
        said = f"# {self.policy}, revision {self.revision}, since {since}, by {self.by}{approved}: {self.why}"
        return (said, self.document.rstrip())


def show(look: EngineLook, ask: Which) -> Shown:
    """What a policy says."""
    policy = _policy(look, ask.policy)
    found = policies.latest(look.seen_in, ask.policy) if ask.revision is None else None
    if ask.revision:
        found = policies.one(look.seen_in, ask.policy, ask.revision)
        if found is None:
            raise NotThere(
                f"{ask.policy} has no revision {ask.revision}; `tieline policy history {ask.policy}` lists those it has"
            )
    if found is None:
        shipped = as_yaml(policy.shipped)
        return Shown(policy=ask.policy, revision=0, since=None, by="", approved_by=(), why="", sha="", document=shipped)
    called = policies.called(look.seen_in, [found])
    return Shown(
        policy=ask.policy,
        revision=found.number,
        since=found.at,
        by=called(found.person),
        approved_by=tuple(map(called, found.approved_by)),
        why=found.why,
        sha=found.sha,
        document=found.text,
    )


def _policy(look: EngineLook, name: str) -> Policy[Any]:
    if name not in look.offers.policies:
        raise no_such("policy", name, look.offers.policies)
    return look.offers.policies[name][1]


class History(Long):
    """Of which policy."""

    policy: Line = Field(description="A policy, as `tieline policy` lists it: escalation.limits.")


class RevisionShown(Row):
    """A revision of a policy: from which entry of the journal on it held, since when, who set it and who approved that,
    and why."""

    revision: int
    seq: int
    at: Moment
    by: str
    approved_by: tuple[str, ...]
    why: str
    sha: str


class Revisions(Listing[RevisionShown]):
    """The revisions of a policy, the newest first."""

    def shown(self) -> Sequence[Part]:
        columns = ["revision", "from entry", "at (UTC)", "by", "approved by", "why"]
        rows = [(one.revision, one.seq, one.at, one.by, one.approved_by, one.why) for one in self.items]
        return (Table("Revisions", columns, rows, empty="it says what is shipped"), *self.more())


_BY_NUMBER: Final = Keyset("revisions", int)


def history(look: EngineLook, ask: History) -> Revisions:
    """The revisions of a policy, with who set and approved them, and why."""
    _policy(look, ask.policy)
    below = _BY_NUMBER.after(ask.after)[0] if ask.after is not None else None
    found = policies.every(look.seen_in, ask.policy, ask.limit + 1, below)
    page, following = _BY_NUMBER.page(found, ask, lambda one: (one.number,))
    called = policies.called(look.seen_in, page)
    return Revisions(
        items=tuple(
            RevisionShown(
                revision=one.number,
                seq=one.seq,
                at=one.at,
                by=called(one.person),
                approved_by=tuple(map(called, one.approved_by)),
                why=one.why,
                sha=one.sha,
            )
            for one in page
        ),
        next=following,
    )


class Plan(Ask):
    """What a policy may come to say."""

    policy: Line = Field(description="A policy, as `tieline policy` lists it: escalation.limits.")
    document: Document = Field(description="The file with what it is to say, in YAML.")


class Planned(Answer):
    """What another document would change, line by line, with all that goes without saying. Nothing where it says the
    same in other words."""

    policy: str
    revision: int
    changes: tuple[str, ...]

    def shown(self) -> Sequence[Part]:
        if not self.changes:
            return (f"{self.policy} says that already, in these words or others",)
        return (f"{self.policy}: revision {self.revision + 1} would change", "\n".join(self.changes))


def plan(look: EngineLook, ask: Plan) -> Planned:
    """Check a document, and show what it would change of a policy."""
    policy = _policy(look, ask.policy)
    wanted = policy.read(ask.document)
    now = policies.latest(look.seen_in, ask.policy)
    said = policy.shipped if now is None else policy.read(now.text, f"{ask.policy}, revision {now.number}")
    changes = difflib.unified_diff(as_yaml(said).splitlines(), as_yaml(wanted).splitlines(), lineterm="", n=2)
    lines = tuple(line for line in changes if not line.startswith(("---", "+++")))
    return Planned(policy=ask.policy, revision=0 if now is None else now.number, changes=lines)


class Case(BaseModel):
    """Facts that somebody made up, and what the policy is to say to them: as much of it as is written here."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, description="What the case is called.")
    given: dict[str, Any] = Field(description="The facts.")
    expect: dict[str, bool | int | str] = Field(min_length=1, description="What the policy is to say.")


class Cases(BaseModel):
    """A file of cases."""

    model_config = ConfigDict(extra="forbid")

    cases: tuple[Case, ...] = Field(max_length=1_000, description="The cases, each of which is judged by itself.")


class Try(Ask):
    """Which policy is tried, and with which cases."""

    policy: Line = Field(description="A policy, as `tieline policy` lists it: runbook.automation.")
    cases: Document = Field(description="The file with the cases, in YAML.")
    document: Document | None = Field(
        default=None, description="The file with what the policy may come to say; without it, what it says now."
    )


class CaseShown(Row):
    """What the policy says to one case: whether that may be, the rule that decided, "" for none, and why."""

    name: str
    allowed: bool
    rule: str
    reason: str
    sentence: str
    more: dict[str, int]


class Tried(Answer):
    """What the policy says to each case; all of them are as they were to be."""

    policy: str
    cases: tuple[CaseShown, ...]

    def shown(self) -> Sequence[Part]:
        rows = [(one.name, "yes" if one.allowed else "no", one.rule, one.reason, one.sentence) for one in self.cases]
        table = Table("Cases", ["case", "allowed", "rule", "reason", "what it says"], rows, empty="there is none")
        return (table, f"{self.policy}: each of {len(self.cases)} cases is as it was to be")


def trial(look: EngineLook, ask: Try) -> Tried:
    """Hold a policy against cases: facts in, what it says and the rule that said so out. One that is not as it was to
    be is an error, for whoever checks rules before they are proposed."""
    policy = _policy(look, ask.policy)
    said = policy.shipped
    now = policies.latest(look.seen_in, ask.policy)
    if ask.document is not None:
        said = policy.read(ask.document)
    elif now is not None:
        said = policy.read(now.text, f"{ask.policy}, revision {now.number}")
    cases = understood(Cases, ask.cases, "the cases", "the cases").cases
    seen = [(case, _judged(policy, said, case)) for case in cases]
    wrong = [words for case, found in seen for words in _otherwise(case, found)]
    if wrong:
        raise NotDone("\n".join(wrong))
    return Tried(
        policy=ask.policy,
        cases=tuple(
            CaseShown(
                name=case.name,
                allowed=one.allowed,
                rule=one.rule,
                reason=one.reason,
                sentence=one.sentence,
                more=dict(one.more),
            )
            for case, one in seen
        ),
    )


def _judged(policy: Policy[Any], said: Any, case: Case) -> Judged:
    if policy.trial is None:
        raise Misfit(f"{policy.name} says how a plugin behaves, and not what may be: no case can be held against it")
    try:
        return policy.trial.judge(said, policy.trial.given.model_validate(case.given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "given"
        raise Misfit(f"the case {case.name!r}: {where}: {first['msg']}") from None


def _otherwise(case: Case, found: Judged) -> Iterator[str]:
    """Sentences: what the policy says otherwise than it was to."""
    is_so: dict[str, bool | int | str] = {"allowed": found.allowed, "rule": found.rule, "reason": str(found.reason)}
    is_so |= found.more
    for name, wanted in case.expect.items():
        begins = f"the case {case.name!r}: {name} was to be {_word(wanted)}"
        if name not in is_so:
            yield f"{begins}, and it says nothing of that; it says {', '.join(is_so)}: {found.sentence}"
        elif (type(is_so[name]), is_so[name]) != (type(wanted), wanted):
            yield f"{begins} and is {_word(is_so[name])}: {found.sentence}"


def _word(value: bool | int | str) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else repr(value)
