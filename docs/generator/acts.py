"""acts.md: everything that somebody can do, with its words, its right and what it journals."""

from __future__ import annotations

from generator.declared import section
from generator.shipped import offers
from tieline.sync.office.own import OWN

ABOUT = """\
# Acts

What somebody can do. Each act is declared once; its command, its words, its JSON and its entry in the journal
(`acted`, which whatever follows names as its `cause`) come from that. Every command takes `--json` and `--key`: asked
for again under the same key within a week, an act is not done again, and gives the same answer. One that asks first
takes `--break-glass REASON`.

"""


def page() -> str:
    """Each act, in the order in which they are offered; those of shipped plugins last."""
    return ABOUT + "\n".join(section(act) for act in [*OWN.by_name.values(), *offers().acts.values()])
