"""Rich texts are merged by blocks: a tool's edit is taken over into what the incident says, which may be more than the
tool can show; and two people who changed different blocks of one text both stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tieline.core.model import Value
from tieline.mappings.texts import RichText
from tieline.sync.road.merge import Known, Reason, Settled

_BOTH: Final = (Reason.LATEST_THEIRS, Reason.LATEST_OURS, Reason.MANUAL)


def by_blocks(
    text: RichText | None, own: Known, before: Known, ours: Known, edited: Value, verdict: Settled
) -> tuple[Settled, str]:
    """The verdict on a field, for a rich text block by block, and the sentence about what could not be taken over.

    `own` is what the incident says, `ours` what the tool would show of it, `before` what both last agreed on.
    """
    if text is None or not isinstance(own, str) or not isinstance(edited, str) or not isinstance(before, str):
        return verdict, ""
    match verdict.reason:
        case Reason.THEIRS:
            carried = text.carried(own, before, edited, prefer_theirs=True)
        case Reason.OWNER_THEIRS if isinstance(ours, str):
            carried = text.carried(own, ours, edited, prefer_theirs=True)
        case reason if reason in _BOTH:
            carried = text.carried(own, before, edited, prefer_theirs=reason is Reason.LATEST_THEIRS)
            if not carried.clashed:
                verdict = Settled(carried.text, Reason.MERGED)
        case _:
            return verdict, ""
    settled = verdict if verdict.open else replace(verdict, value=carried.text)
    return settled, "; ".join(carried.held)
