"""access.md: the rights, the roles that they come with, and the rules that decide."""

from __future__ import annotations

from generator.markdown import code, table
from generator.shipped import offers
from generator.sources import members
from tieline.core.access import Relation, Role, Rule
from tieline.sync.views.access import RightShown, everything, shown

ABOUT = """\
# Rights and roles

Whoever does something is asked for one right, when it is carried out; what no rule allows is refused. A role is granted
everywhere or within a scope (`team:NAME`, `connection:NAME`, `service:NAME`), for ever or until a time.
`tieline access why` says which rule decides, and `tieline access rights` shows the first of these tables for the
plugins of a workspace.
"""


def page() -> str:
    """The tables, with what shipped plugins offer."""
    rules, declared = offers().rules, everything(offers()).values()
    return "\n".join(
        [
            ABOUT,
            "## Rights\n",
            table(
                ["right", "what it lets somebody do", "comes with", "acts", "views", "asked first by"],
                [_row(shown(right, rules, declared)) for right in rules.rights],
            ),
            "\n## Roles\n",
            table(["role", "rights"], [(code(role), _listed(rules.carries[role])) for role in Role]),
            "\n## Relations\n\nWhat comes with how somebody stands to one incident, to that one and its parts only.\n",
            table(["relation", "rights"], [(code(one), _listed(rules.stands[one])) for one in Relation]),
            "\n## Rules\n",
            table(["rule", "what decided"], [(code(value), said) for value, said in members(Rule)]),
        ]
    )


def _row(right: RightShown) -> tuple[str, ...]:
    named = [", ".join(map(code, names)) for names in (right.acts, right.views, right.asked_first)]
    return code(right.right), right.does, ", ".join(right.comes_with()), *named


def _listed(rights: frozenset[str]) -> str:
    return ", ".join(code(right) for right in offers().rules.rights if right in rights) or "none"
