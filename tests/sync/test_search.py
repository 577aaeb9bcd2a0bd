"""A search finds the words that a person reads, and not how the store keeps them."""

from __future__ import annotations

import pytest

from tieline.sync import explain, search

TITLE = 'Straße "Süd" is \\ down'
FIELDS = {
    "title": TITLE,
    "description": "Two lines:\nthe second at the caf\u00e9 and the cre\u0300me",
    "status": "new",
    "assignee": "person-1",
    "tags": ["disk", "über"],
    "close_code": None,
}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("straße", True),
        ("STRASSE", True),
        ("down straße", True),  # each word, wherever it stands
        ("disk second", True),
        ("disk third", False),
        ("cafe\u0301", True),
        ("CAF\u00c9", True),
        ("cafe", False),
        ("cr\u00e8me", True),
        ('"süd"', True),
        ("SÜD", True),
        ("Straße", True),
        ("\\ down", True),
        ("lines:\nthe", True),
        ("ann@EXAMPLE", True),
        ("ÜBER", True),
        ("disk", True),
        ("%", False),
        ("_", False),
        ("null", False),
        ("{", False),
        ("[", False),
        (",", False),
        ("title", False),
        ("close_code", False),
        ("new", False),  # a choice has an option of its own
        ("ü", True),
    ],
)
def test_words_are_looked_for_in_what_a_person_reads(world, words, found):
    one = world()
    one.tools["left"].make(FIELDS)
    one.settle(1)
    with one.engine.store.read() as connection:
        assert bool(explain.incidents(connection, search=words)) is found


def test_the_newest_are_found_page_by_page_and_no_more_than_asked_for(world, monkeypatch):
    monkeypatch.setattr(search, "_PAGE", 2)
    one = world()
    for number in range(9):
        one.tools["left"].make({"title": f"null part{number % 3}", "status": "new"})
    one.settle(2)
    with one.engine.store.read() as connection:
        assert [incident.id for incident, _ in explain.incidents(connection, search="part2 null")] == [9, 6, 3]
        assert [incident.id for incident, _ in explain.incidents(connection, search="NULL", limit=3)] == [9, 8, 7]
        (key,) = [copy.key for _, copies in explain.incidents(connection, limit=1) for copy in copies[:1]]
        assert [incident.id for incident, _ in explain.incidents(connection, search=key.lower(), limit=1)] == [9]
