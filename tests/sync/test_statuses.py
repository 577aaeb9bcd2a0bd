"""Every verb of every shipped adapter, answered with every HTTP status: what its error leads to by the table.

What is right follows from what a status says by itself, whether the verb is about a record and writes, and what the
table does with the failure. It is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Any, Final

import pytest
from tests.adapters.jira.test_contract import DataCenterDriver, JiraDriver, ServiceDriver

from tieline.adapters.alertmanager.simulated.driver import AlertmanagerDriver
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.adapters.prometheus.simulated.driver import PrometheusDriver
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.testing.contract import SimulatorDriver, ToolDriver
from tieline.core.errors import RemoteError
from tieline.core.model import Audience
from tieline.core.port import Act, Power, Ref, Token, Version
from tieline.sync.outcomes import CALLED, OUTCOMES, Done, Failure, Then, Verb, failure_of

DRIVERS: Final[Mapping[str, type[SimulatorDriver]]] = {
    "servicenow": ServiceNowDriver,
    "jira": JiraDriver,
    "jira-jsm": ServiceDriver,
    "jira-dc": DataCenterDriver,
    "pagerduty": PagerDutyDriver,
    "alertmanager": AlertmanagerDriver,
    "prometheus": PrometheusDriver,
}

WRITES: Final = frozenset((Verb.CREATE, Verb.UPDATE, Verb.ADD_COMMENT))
ABOUT_A_RECORD: Final = frozenset(
    (Verb.READ, Verb.UPDATE, Verb.COMMENTS, Verb.ADD_COMMENT, Verb.REPLACED, Verb.LINK, Verb.OUTPUT)
)

MOVED: Final = (301, 302, 307, 308)
CREDENTIALS: Final = (401, 402, 403, 405, 407, 451)
VALUES: Final = (400, 406, 411, 413, 414, 415, 422, 424, 428, 431)
MISSING: Final = (404, 410)
CONFLICT: Final = (409, 412)
NOT_NOW: Final = (421, 423, 425, 429)
UNKNOWN: Final = (408, 500, 501, 502, 503, 504, 507, 520, 529)
STATUSES: Final = (*MOVED, *CREDENTIALS, *VALUES, *MISSING, *CONFLICT, *NOT_NOW, *UNKNOWN)


class How(Enum):
    """Which requests of the verb are answered with the status."""

    EACH = "each"  # nothing of it is done
    WRITES = "writes"  # what the verb looks at first can be seen, and nothing is done
    DONE = "done"  # the same, and the tool has acted all the same
    AFTERWARDS = "afterwards"  # all that follow the first write, which is done and answered


def failures(verb: Verb, status: int, *, writing: bool) -> frozenset[Failure]:
    """What may come of it. `writing` says that the request which was answered so would have written."""
    match status:
        case _ if status in MOVED or status in CREDENTIALS:
            return frozenset((Failure.NEEDS_OPERATOR,))
        case _ if status in VALUES and verb in WRITES:
            # A write that is refused is refused for its values; a look on the way to it sent none.
            return frozenset((Failure.REJECTED if writing else Failure.NEEDS_OPERATOR,))
        case _ if status in VALUES:
            return frozenset((Failure.REJECTED, Failure.NEEDS_OPERATOR))
        case _ if status in MISSING:
            # Something else answered, unless there is a record that could be missing.
            other = frozenset((Failure.NEEDS_OPERATOR, Failure.BUSY))
            return other | {Failure.GONE} if verb in ABOUT_A_RECORD else other
        case _ if status in CONFLICT:
            return frozenset((Failure.STALE,))
        case 429:
            return frozenset((Failure.PACED,))
        case _ if status in NOT_NOW:
            return frozenset((Failure.BUSY,))
        case _:
            return frozenset((Failure.LOST if writing else Failure.BUSY,))


POWERED: Final[Mapping[Verb, Power | None]] = {
    Verb.CHECK: None,
    Verb.CHANGES: None,
    Verb.READ: None,
    Verb.CREATE: Power.WRITE,
    Verb.UPDATE: Power.WRITE,
    Verb.FIND: Power.FIND,
    Verb.COMMENTS: Power.COMMENT,
    Verb.ADD_COMMENT: Power.COMMENT,
    Verb.ACKNOWLEDGE: Power.ACKNOWLEDGE,
    Verb.REPLACED: Power.TELL_REPLACED,
    Verb.DESCRIBE: Power.DESCRIBE,
    Verb.PERSON_ID: Power.PEOPLE,
    Verb.LINK: Power.LINK,
    Verb.OUTPUT: Power.TELL_OUTPUT,
}
"""The power that a verb takes; all that the engine calls, but for `none`."""


def calls(source: Any, tool: ToolDriver, ref: Ref, seen: Version) -> dict[Verb, Callable[[], object]]:
    """Every verb that the adapter has, on a record that is there."""
    until = tool.now() + timedelta(hours=1)
    return {
        Verb.CHECK: lambda: source.check(),
        Verb.CHANGES: lambda: list(source.changes(None)),
        Verb.READ: lambda: source.read(ref),
        Verb.CREATE: lambda: source.create(tool.new_body("Disk full"), Token("tl-2")),
        Verb.UPDATE: lambda: source.update(ref, tool.patch_title("Disk fuller"), seen),
        Verb.FIND: lambda: source.find(Token("tl-1")),
        Verb.COMMENTS: lambda: source.comments(ref),
        Verb.ADD_COMMENT: lambda: source.add_comment(ref, tool.comment_body("df"), Audience.STAFF, Token("tl-3")),
        Verb.ACKNOWLEDGE: lambda: source.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note="df", token=Token("tl-4")),
        Verb.REPLACED: lambda: source.replaced(ref, seen),
        Verb.DESCRIBE: lambda: source.describe(),
        Verb.PERSON_ID: lambda: source.person_id(tool.known_email),
        Verb.LINK: lambda: source.link(ref, "https://tieline.example", "INC-1", Token("tl-5")),
        Verb.OUTPUT: lambda: source.output(ref, 0, 100),
    }


def scene(driver: type[SimulatorDriver], verb: Verb) -> tuple[SimulatorDriver, Callable[[], object]]:
    """A fresh adapter before a record of a tool, about to call the verb."""
    tool = driver()
    first: Any = tool.connect()
    if Power.WRITE in tool.powers:
        made = first.create(tool.new_body("Disk full"), Token("tl-1"))
    else:
        made = first.read(tool.make("Disk full"))
    return tool, calls(tool.connect(), tool, made.ref, made.version)[verb]


def raised_by(call: Callable[[], object], verb: Verb) -> RemoteError | None:
    try:
        call()
    except RemoteError as error:
        error.verb = verb.value
        return error
    return None


def wrote_last(tool: SimulatorDriver) -> bool:
    method, path = tool.simulator.requests[-1]
    return any((not kind or kind == method) and part in path for kind, part in tool.writes)


def cells(*hows: How) -> list[Any]:
    return [
        pytest.param(driver, verb, how, id=f"{name}-{verb.value}-{how.value}")
        for name, driver in DRIVERS.items()
        for verb, power in POWERED.items()
        for how in hows
        if (power is None or power in driver().powers) and (how is How.EACH or verb in WRITES)
    ]


FINDS_NOBODY: Final = {(driver, Verb.PERSON_ID, 403) for name, driver in DRIVERS.items() if name.startswith("jira")}
"""Without the right "Browse users and groups" Jira refuses to look for people, and its Cloud finds nobody: so do we."""


@pytest.mark.parametrize(("driver", "verb", "how"), cells(How.EACH, How.WRITES, How.DONE))
def test_a_status_leads_to_what_it_says_of_the_verb(driver: type[SimulatorDriver], verb: Verb, how: How) -> None:
    wrong: dict[int, str] = {}
    for status in STATUSES:
        tool, call = scene(driver, verb)
        tool.fail(status, only_writes=how is not How.EACH)
        for fault in tool.simulator.faults:
            fault.after_effect = how is How.DONE
        error = raised_by(call, verb)
        if (driver, verb, status) in FINDS_NOBODY:
            assert error is None
            continue
        if error is None:
            wrong[status] = "no error"
            continue
        failure, right = failure_of(error), failures(verb, status, writing=wrote_last(tool))
        if failure not in right or error.status != status:
            wrong[status] = f"{failure} of {error.status}: {error}; right is {sorted(right)}"
        for standing in CALLED[verb]:
            becomes = OUTCOMES[verb, failure, standing]
            if how is How.DONE and status in UNKNOWN and becomes.done is not Done.MAYBE:
                wrong[status] = f"where the copy is {standing}, a write that was done counts as {becomes.done}"
            if becomes.then is Then.PARK and status not in VALUES:
                wrong[status] = f"where the copy is {standing}, it is put aside for a status that is about no value"
    assert wrong == {}


@pytest.mark.parametrize(("driver", "verb", "how"), cells(How.AFTERWARDS))
def test_a_status_that_comes_after_a_write_never_says_that_it_was_not_done(
    driver: type[SimulatorDriver], verb: Verb, how: How
) -> None:
    assert how is How.AFTERWARDS
    wrong: dict[int, str] = {}
    for status in STATUSES:
        tool, call = scene(driver, verb)
        tool.after_next_write(partial(tool.fail, status))
        error = raised_by(call, verb)
        if error is None:
            continue
        known = {OUTCOMES[verb, failure_of(error), standing].done for standing in CALLED[verb]}
        if known != {Done.MAYBE}:
            wrong[status] = f"{failure_of(error)}: {error}"
    assert wrong == {}
