"""Every benchmark works from end to end, on next to nothing: the figures are there, whatever they are."""

import pytest
from benchmarks import measures
from tests.core.store_backends import postgres_binaries


@pytest.mark.slow
@pytest.mark.parametrize("subject", sorted(measures.MEASURES))
def test_every_benchmark_works_from_end_to_end(subject):
    if subject == "fleet" and postgres_binaries() is None:
        pytest.skip("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    form = measures.tiny()
    figures = measures.MEASURES[subject](form)
    assert figures
    assert len({figure.name for figure in figures}) == len(figures)
    assert all(figure.values for figure in figures)
    named = {figure.name for figure in figures}
    assert {figure.floor for figure in figures} <= {"", *named}
