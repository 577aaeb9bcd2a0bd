"""The tree of keys: whatever is forgotten cannot be had again, and everything else stays as it was."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.store.keytree import NONCE, KeyTree, Unopened, without

ABOUT = b"7 changed"


def tree(seed: int = 1) -> KeyTree:
    return KeyTree.planted(random.Random(seed).randbytes)


def sealed(one: KeyTree, incident: int, words: bytes = b'{"a":1}', about: bytes = ABOUT) -> bytes:
    return one.seal(incident, about, words, bytes(NONCE))


def read(one: KeyTree, incident: int, payload: bytes, about: bytes = ABOUT) -> bytes | None:
    found = one.unseal(incident, about, payload)
    return found if found is None else found.rstrip()


def test_what_was_sealed_is_read_again() -> None:
    one = tree()
    for incident in (0, 1, 15, 16, 57, 2**48 - 1):
        assert read(one, incident, sealed(one, incident)) == b'{"a":1}'


@given(st.sets(st.integers(0, 600), max_size=40), st.sets(st.integers(0, 600), max_size=10))
def test_exactly_what_is_forgotten_cannot_be_read(gone: set[int], later: set[int]) -> None:
    one = tree()
    before = {incident: sealed(one, incident) for incident in range(0, 601, 7)}
    left = one.without([(incident, 0) for incident in gone], 1).without([(incident, 0) for incident in later], 2)
    for incident, payload in before.items():
        assert (read(left, incident, payload) is None) == (incident in gone | later)


def test_no_seed_that_is_left_leads_to_what_was_forgotten() -> None:
    left = without(tree().nodes, [(57, 0)])
    path = f"{57:016x}"
    assert not any(path.startswith(node) for node in left)
    assert len(left) == 15 * 16


def test_forgetting_again_changes_nothing() -> None:
    once = without(tree().nodes, [(57, 0), (58, 0)])
    assert without(once, [(57, 0), (58, 0), (57, 0)]) == once


def test_a_tree_of_which_all_the_old_are_forgotten_stays_small() -> None:
    old = without(tree().nodes, [(incident, 0) for incident in range(4_096)])
    scattered = without(tree().nodes, [(incident * 97, 0) for incident in range(64)])
    assert len(old) == 15 * 13 < len(scattered)


def test_its_name_stays_whatever_is_forgotten_and_is_no_other_ones() -> None:
    one = tree()
    assert one.without([(number, 0) for number in range(100)], 100).name == one.name != tree(2).name
    assert all(one.name not in seed.hex() for seed in one.nodes.values())


def test_what_is_told_after_an_incident_was_forgotten_is_of_its_next_life() -> None:
    one = tree()
    before = sealed(one, 57)
    left = one.without([(57, 0)], 1)
    after = sealed(left, 57)
    assert (left.life_of(57), left.life_of(58)) == (1, 0)
    assert (read(left, 57, before), read(left, 57, after)) == (None, b'{"a":1}')
    assert read(left.without([(57, 1)], 2), 57, after) is None


@pytest.mark.parametrize("place", [0, 6, 7, 18, 19, 40, -1])
def test_a_payload_that_was_changed_opens_nowhere(place: int) -> None:
    one = tree()
    payload = bytearray(sealed(one, 57))
    payload[place] ^= 1
    with pytest.raises(Unopened):
        one.unseal(57, ABOUT, bytes(payload))


def test_a_payload_opens_beside_its_own_entry_only_and_with_its_own_keys() -> None:
    one = tree()
    payload = sealed(one, 57)
    for incident, about in ((58, ABOUT), (57, b"8 changed"), (57, b"7 opened")):
        with pytest.raises(Unopened):
            one.unseal(incident, about, payload)
    with pytest.raises(Unopened):
        one.unseal(57, ABOUT, b"")


def test_what_another_tree_sealed_cannot_be_read() -> None:
    assert read(tree(2), 57, sealed(tree(), 57)) is None


def test_how_long_it_is_does_not_tell_short_texts_apart() -> None:
    one = tree()
    lengths = {len(sealed(one, 57, words)) for words in (b"{}", b'{"status":"new"}', b'{"assignee":"ann@example.com"}')}
    assert len(lengths) == 1


def test_more_keys_than_are_kept_at_hand_are_still_the_same() -> None:
    one = tree()
    first = sealed(one, 1)
    for incident in range(2, 70_000, 16):
        sealed(one, incident)
    assert read(one, 1, first) == b'{"a":1}' and sealed(one, 1) == first


@pytest.mark.parametrize("incident", [-1, 2**48])
def test_a_number_that_has_no_key_is_refused(incident: int) -> None:
    with pytest.raises(ValueError, match="beyond what keys can be made for"):
        sealed(tree(), incident)
