"""Jobs: each comes to its end, stops when it is cancelled, and tells nobody what they may not see."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tieline.core.errors import NotAllowed
from tieline.core.jobs import Job
from tieline.sync.office.jobs import DONE
from tieline.sync.office.stepping import step
from tieline.sync.testing.acting import acts_of, fail_for
from tieline.sync.testing.ground import NOBODY, Ground
from tieline.sync.testing.hostility import text_arguments
from tieline.sync.testing.readying import ready
from tieline.sync.testing.seeing import CANARY, attempt

HOURS = 24


def jobs_of(ground: Ground) -> list[Job]:
    """The plugin's jobs."""
    return list(ground.offer.jobs)


class JobContract:
    """Long work."""

    def test_every_job_comes_to_its_end_and_tells_whoever_has_the_right(self, ground: Ground) -> None:
        for job in jobs_of(ground):
            label = ground.start(job.name, ground.open())
            for _ in range(HOURS):
                ground.pass_time(3_600)
            status = ground.jobs()[int(label.removeprefix("JOB-")) - 1][1]
            assert status == DONE, f"the job {job.name!r} does not come to its end with its example: it is {status}"
            if job.result is not None:
                ground.result(label)
                with pytest.raises(NotAllowed):
                    ground.result(label, NOBODY)

    def test_of_a_cancelled_job_nothing_goes_on(self, ground: Ground, tmp_path: Path) -> None:
        number = ground.open()
        for act in acts_of(ground):
            attempt(ground, act.name, ready(ground, act, number))
        ground.work()
        for job in jobs_of(ground):
            calm = ground.copied(tmp_path / job.name)
            label = ground.start(job.name, number)
            step(ground.engine, "contract", group=ground.offer.group)
            if ground.jobs()[-1][1] == DONE:
                calm.close()
                continue  # with its first step
            ground.cancel(label)
            before, wanted = _counts(ground), _counts(calm)
            for one in (ground, calm):
                for _ in range(HOURS):
                    one.pass_time(3_600)
            found, wanted = _counts(ground) - before, _counts(calm) - wanted
            calm.close()
            fail_for(
                f"the job {job.name!r} was cancelled, and {kind} goes on happening: a step sets something going"
                for kind in found - wanted
            )

    def test_what_a_job_came_to_tells_an_outsider_nothing_of_a_restricted_item(self, ground: Ground) -> None:
        secret, other = ground.open(title=CANARY), ground.open()
        for act in acts_of(ground):
            attempt(ground, act.name, ready(ground, act, secret, **dict.fromkeys(text_arguments(act), CANARY)))
        ground.pass_time(3_600)
        hidden = ground.incident(secret)
        labels = [ground.start(job.name, other) for job in jobs_of(ground) if job.result is not None]
        ground.pass_time(3_600)
        ground.restrict(secret)
        leak = re.compile(rf"{CANARY}|{hidden.uid}|\b{secret}\b")
        for label in labels:
            try:
                told = ground.result(label).decode("utf-8", "replace")
            except LookupError:
                continue
            if leak.search(told):
                pytest.fail(f"what {label} came to tells something which is of a restricted item")


def _counts(ground: Ground) -> Counter[str]:
    return Counter(entry.kind for entry in ground.told())
