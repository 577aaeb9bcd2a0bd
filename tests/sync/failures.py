"""One error of each kind, as an adapter would raise it."""

from __future__ import annotations

from typing import Final

from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.sync.outcomes import Failure

HEIR: Final = "99"
"""The record that takes another one's place."""


def raised(failure: Failure) -> Exception:
    """An error of each kind."""
    limits = {"": None, "paced": Limit.CONNECTION, "paced_endpoint": Limit.ENDPOINT, "paced_record": Limit.RECORD}
    others = {
        Failure.NEEDS_OPERATOR: NeedsOperator("right", "the account lacks a right"),
        Failure.STALE: StaleVersion("right", "it moved"),
        Failure.GONE: Gone("right", "no such thing"),
        Failure.MERGED: Gone("right", "merged", merged_into=HEIR),
        Failure.REJECTED: Rejected("right", "no"),
        Failure.UNFORESEEN: KeyError("fields"),
        Failure.BUSY: TryAgain("right", "later"),
    }
    if failure in others:
        return others[failure]
    pace = failure.value.removeprefix("lost").removeprefix("_")
    return TryAgain("right", "later", maybe_done=failure.value.startswith("lost"), limit=limits[pace])
