"""What is derived can be derived again, and what is set aside comes back as if it had not been away."""

from __future__ import annotations

from tieline.sync.office import projecting
from tieline.sync.testing import story
from tieline.sync.testing.acting import fail_for
from tieline.sync.testing.ground import Ground


class LastingContract:
    """Tables, and times without the plugin."""

    def test_tables_made_anew_are_those_that_were_kept_in_step(self, ground: Ground) -> None:
        seen = story.tell(ground)
        fail_for(f"empty, and proves nothing: {words}" for words in story.missing(ground, seen))
        before = ground.rows()
        for name, (_offer, projection) in ground.engine.registry.offers.projections.items():
            assert projecting.make(ground.engine.store, name, projection, "again")
        after = ground.rows()
        for name, rows in before.items():
            assert after[name] == rows, f"{name} made anew from the journal is not what was kept in step"
