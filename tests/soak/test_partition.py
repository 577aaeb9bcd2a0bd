"""A day without one tool costs no change, no second write, and little more time than the writes themselves."""

import pytest
from tests.soak.partition import partition

pytestmark = pytest.mark.timeout(300)


def test_what_waited_for_a_day_is_written_once_and_soon(tmp_path):
    assert partition(tmp_path, 300)["failures"] == []
