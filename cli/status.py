"""`tieline status`: it tells of the workspace as well as of the store, also where the file is refused as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tieline.cli.commands import end_of_status
from tieline.cli.open import clock, configuration_to_look, store_of
from tieline.cli.rights import asker
from tieline.cli.views import command
from tieline.core.arguments import Ask
from tieline.core.config import Config
from tieline.core.errors import ConfigError, Problem
from tieline.core.store.store import Store
from tieline.core.views import View
from tieline.sync.daemon import elsewhere
from tieline.sync.office.enquiries import Enquiries, Seen
from tieline.sync.office.look import Outside
from tieline.sync.office.own_views import OWN_VIEWS


def _see(workspace: str, view: View, ask: Ask) -> Seen:
    config, offers, problems = configuration_to_look(workspace)
    with _looking_into(config, problems) as store:
        outside = Outside(problems, tuple(elsewhere.stores_left(config, clock().now())))
        return Enquiries(store, config, OWN_VIEWS, outside, offers).look(view, ask, asker(config, store))


@contextmanager
def _looking_into(config: Config, problems: Sequence[Problem]) -> Iterator[Store]:
    """The store. Raises ConfigError where there is none, with the file's own problems first: it may be named there."""
    try:
        with store_of(config, sealed=True) as store:
            yield store
    except ConfigError as error:
        missing = [_with_what_may_still_run(config, one) for one in error.problems]
        raise ConfigError([*problems, *missing], "there is nothing to show") from error


def _with_what_may_still_run(config: Config, problem: Problem) -> Problem:
    if problem.code != "STORE007":
        return problem
    left = elsewhere.stores_left(config, clock().now())
    told = " ".join(elsewhere.sentence(one, config.file.name) for one in left)
    still = told or "A daemon that was started before `store` was changed goes on with the one that it named."
    return replace(problem, fix=f"{problem.fix} {still}")


status = command(OWN_VIEWS["status"], _see, end_of_status)
