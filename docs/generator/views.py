"""views.md: everything that somebody can look at, with its words and its right."""

from __future__ import annotations

from generator.declared import section
from generator.shipped import offers
from tieline.sync.office.own_views import OWN_VIEWS

ABOUT = """\
# Views

What somebody can look at. Each view is declared once; its command, its words and its JSON come from that. What they may
not see is not there for them, and that they read something restricted stands in the journal (`restricted_read`).

A list comes in pages: `items` holds one, and `next` is what `--after` takes to go on, or null at its end. It is a place
in the list and not a count, so that nothing is left out or comes twice when rows are added or removed meanwhile.

Whoever opens the store themselves, as every command does, may read what is not restricted without a role.

"""


def page() -> str:
    """Each view, in the order in which they are offered; those of shipped plugins last."""
    return ABOUT + "\n".join(section(view) for view in [*OWN_VIEWS.by_name.values(), *offers().views.values()])
