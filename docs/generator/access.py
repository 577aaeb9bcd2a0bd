"""access.md: the rights, the roles that they come with, and the rules that decide."""

from __future__ import annotations

from generator.markdown import code, table
from generator.shipped import offers
from generator.sources import members
from tieline.core.access import STANDING, Relation, Role, Rule

ABOUT = """\
# Rights and roles

Whoever does something is asked for one right, when it is carried out; what no rule allows is refused. A role is granted
everywhere or within a scope (`team:NAME`, `connection:NAME`, `service:NAME`), for ever or until a time.
`tieline access why` says which rule decides.
"""


def page() -> str:
    """The three tables, with the rights of shipped plugins."""
    rules = offers().rules
    return "\n".join(
        [
            ABOUT,
            "## Rights\n",
            table(
                ["right", "what it lets somebody do", "comes with"],
                [(code(right), said, ", ".join(rules.roles_with(right))) for right, said in rules.rights.items()],
            ),
            "\n## Roles\n",
            table(["role", "rights"], [(code(role), _listed(rules.carries[role])) for role in Role]),
            "\n## Relations\n\nWhat comes with how somebody stands to one incident, and to that one only.\n",
            table(["relation", "rights"], [(code(one), _listed(STANDING[one])) for one in Relation]),
            "\n## Rules\n",
            table(["rule", "what decided"], [(code(value), said) for value, said in members(Rule)]),
        ]
    )


def _listed(rights: frozenset[str]) -> str:
    return ", ".join(code(right) for right in offers().rules.rights if right in rights) or "none"
