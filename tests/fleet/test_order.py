"""Numbers written by several workers that are killed and frozen: the short form of `tests.fleet.order`."""

import pytest
from tests.fleet.order import AT_ONCE, inversions, run

pytestmark = [pytest.mark.xdist_group("fleet"), pytest.mark.timeout(240)]


def test_operations_of_workers_that_are_killed_and_frozen_are_never_overtaken(postgres_database):
    found = run(postgres_database, 24_000, workers=3, seed=7)
    assert (found["inversions"], found["missing"]) == (0, 0)
    assert found["kills"] + found["pauses"] > 0


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["1 1", "1 2", "2 3", "2 4"], (0, 0, 0)),
        (["1 1", "1 2", "1 3", "2 2", "2 3", "2 4"], (0, 2, 0)),
        (["1 1", "1 2", "1 4", "1 3"], (2, 0, 0)),
        (["1 1", "2 2", "1 3", "2 3", "2 4"], (2, 0, 0)),
        (["1 1", "2 3", "2 4"], (1, 0, 0)),
        (["1 1", "1 2"], (0, 0, 2)),
        ([*(f"1 {number}" for number in range(1, AT_ONCE + 5)), "2 1"], (1, 0, -AT_ONCE)),
    ],
)
def test_what_is_counted_as_out_of_order(tmp_path, lines, found):
    file = tmp_path / "log"
    file.write_text("\n".join(lines))
    assert inversions(file, 4) == found
