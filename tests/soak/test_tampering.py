"""Whatever is changed in a long journal, the entry that it was done to is named."""

import pytest
from tests.soak.tampering import CHANGES, tampering

pytestmark = pytest.mark.timeout(300)


def test_one_change_to_each_entry_of_a_long_journal_is_found_and_named(tmp_path):
    figures = tampering(tmp_path, 150, most=1)
    assert figures["failures"] == []
    assert figures["named"] == figures["changes"] >= 149


def test_every_change_to_every_entry_of_some_is_found_and_named(tmp_path):
    figures = tampering(tmp_path, 13)
    assert figures["failures"] == []
    assert figures["changes"] == 13 * len(CHANGES) - 1
