"""A record that fails every time is put aside with its reason, and the others do not notice."""

import pytest
from tests.soak.poison import poison

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_one_bad_record_in_a_hundred_is_listed_and_holds_up_no_other(tmp_path):
    figures = poison(tmp_path, 500)
    assert figures["failures"] == []
    assert figures["listed"] == figures["poison"] == 5
