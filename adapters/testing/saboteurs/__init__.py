"""The saboteurs: one broken adapter per fault, so that each test of the contract has been seen to fail.

A guard nobody has seen fail is not a guard. `corrupt` gives any driver adapters with one fault; the contract must then
reject exactly the tests that the saboteur names, and honest adapters must pass them all. They are tried on the memory
adapter: around another tool most work as they are, some recognise an error by the memory tool's own words.
"""

from __future__ import annotations

from typing import Final

from tieline.adapters.testing.saboteurs.base import Honest, Sabotaged, Saboteur
from tieline.adapters.testing.saboteurs.commenting import COMMENTING
from tieline.adapters.testing.saboteurs.creating import CREATING
from tieline.adapters.testing.saboteurs.delivering import DELIVERING
from tieline.adapters.testing.saboteurs.doings import DOINGS
from tieline.adapters.testing.saboteurs.failing import FAILING
from tieline.adapters.testing.saboteurs.listing import LISTING
from tieline.adapters.testing.saboteurs.powers import POWERS
from tieline.adapters.testing.saboteurs.reading import READING
from tieline.adapters.testing.saboteurs.replacing import REPLACING
from tieline.adapters.testing.saboteurs.updating import UPDATING

SABOTEURS: Final = (
    *READING,
    *LISTING,
    *FAILING,
    *CREATING,
    *UPDATING,
    *REPLACING,
    *DOINGS,
    *COMMENTING,
    *DELIVERING,
    *POWERS,
)

__all__ = ["SABOTEURS", "Honest", "Sabotaged", "Saboteur"]
