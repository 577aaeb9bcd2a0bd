"""Webhooks that come again, late or in another order have the effect of one that comes at once."""

import pytest
from tests.soak import deliveries

pytestmark = pytest.mark.timeout(300)


def test_deliveries_that_come_five_times_shuffled_and_a_day_late_end_as_quiet_ones(tmp_path):
    figures = deliveries.shuffled(tmp_path, 900)
    assert figures["failures"] == []
    assert figures["known_already"] > 200


def test_every_order_of_five_webhooks_has_the_same_end(tmp_path):
    figures = deliveries.orders(tmp_path, 5)
    assert figures["failures"] == []
    assert figures["orders"] == 120
    assert figures["ends"] == {"tickets": 1, "alerts": 1}


def test_every_order_of_four_webhooks_has_the_same_end(tmp_path):
    """The last of them is an end: what came before it late must not go on firing."""
    figures = deliveries.orders(tmp_path, 4)
    assert figures["failures"] == []
    assert figures["orders"] == 24
    assert figures["ends"] == {"tickets": 1, "alerts": 1}
