"""access.md: the rights, the roles that they come with, and the rules that decide."""

from __future__ import annotations

from generator.markdown import code, table
from generator.sources import members
from tieline.core.access import CARRIES, OWN_RULES, RIGHTS, STANDING, Relation, Role, Rule

ABOUT = """\
# Rights and roles

Whoever does something is asked for one right, when it is carried out; what no rule allows is refused. A role is granted
everywhere or within a scope (`team:NAME`, `connection:NAME`, `service:NAME`), for ever or until a time.
`tieline access why` says which rule decides.
"""


def page() -> str:
    """The three tables."""
    return "\n".join(
        [
            ABOUT,
            "## Rights\n",
            table(
                ["right", "what it lets somebody do", "comes with"],
                [(code(right), said, ", ".join(OWN_RULES.roles_with(right))) for right, said in RIGHTS.items()],
            ),
            "\n## Roles\n",
            table(["role", "rights"], [(code(role), _listed(CARRIES[role])) for role in Role]),
            "\n## Relations\n\nWhat comes with how somebody stands to one incident, and to that one only.\n",
            table(["relation", "rights"], [(code(one), _listed(STANDING[one])) for one in Relation]),
            "\n## Rules\n",
            table(["rule", "what decided"], [(code(value), said) for value, said in members(Rule)]),
        ]
    )


def _listed(rights: frozenset[str]) -> str:
    return ", ".join(code(right) for right in RIGHTS if right in rights) or "none"
