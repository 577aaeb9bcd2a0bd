"""What was written while something was executed."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from tieline.core.arguments import Answer, Ask, ItemName
from tieline.core.errors import NotThere
from tieline.core.shown import Fact, Part
from tieline.core.store import outputs
from tieline.core.views import Moment
from tieline.sync.office.look import EngineLook


class OneOutput(Ask):
    """Whose output is meant, and which part of it."""

    execution: ItemName = Field(description="What was executed, by its number.")
    part: int = Field(default=1, ge=1, le=1_000_000, description="Which part of it; the first is 1.")


class OutputShown(Answer):
    """A part of an output. `sha256` is the hash of all that was written, as its runner tells it, `bytes` how many
    are kept, in `parts` parts. `is_whole` says that this is all of it, `agrees` that what its runner gave has that
    hash. In what is kept stars stand for secrets that are known here, and \ufffd for what is no UTF-8: its own hash may
    be another."""

    execution: str
    sha256: str
    bytes: int
    is_whole: bool
    agrees: bool
    kept_at: Moment
    part: int
    parts: int
    text: str

    def shown(self) -> Sequence[Part]:
        more = f"The next part: tieline output {self.execution} --part {self.part + 1}"
        cut = "" if self.is_whole else ", which is not all of what was written"
        differs = "" if self.agrees else ", which what its runner gave was not seen to have"
        return (
            self.text,
            Fact("part", f"{self.part} of {self.parts}"),
            Fact("bytes", f"{self.bytes:,}{cut}"),
            Fact("sha256", f"{self.sha256}{differs}"),
            *((more,) if self.part < self.parts else ()),
        )


def output(look: EngineLook, ask: OneOutput) -> OutputShown:
    """What was written while something was executed, a part at a time."""
    item = look.item(ask.execution)
    called = look.called(item)
    found = outputs.kept(look.seen_in, item.id)
    if found is None:
        words = "nothing is kept that it wrote; steps of runs write, as EXE-13"
        raise NotThere(f"{called} is {item.fields['status']}, and {words}")
    text = outputs.part(look.seen_in, item.id, ask.part)
    if text is None and (ask.part > 1 or found.parts):
        raise NotThere(f"{called} has no part {ask.part} of an output that can be read; there are {found.parts}")
    return OutputShown(
        execution=called,
        sha256=found.sha,
        bytes=found.size,
        is_whole=found.agrees and not found.is_cut,
        agrees=found.agrees,
        kept_at=found.kept_at,
        part=ask.part,
        parts=max(found.parts, 1),
        text=text or "",
    )
