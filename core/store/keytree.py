"""The keys of all subjects as leaves of one tree, of which any can be forgotten for good.

A subject is an incident in one of its lives: what is told of it after it was forgotten belongs to the next one. Its
path is sixteen hexadecimal digits, the life's first. Below each node hang sixteen, each with a seed made from the
node's by a keyed hash, which nobody can turn round (Goldreich, Goldwasser and Micali 1986). So the root alone makes
every key, and whoever has no node above a leaf cannot have its key: forgetting one puts the siblings along its path in
the place of the node above it. Incidents that are numbered one after the other lie side by side, so that a tree of
which all the old ones are forgotten is as small as a new one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

NONCE: Final = 12
"""Bytes (RFC 8439). Drawn anew for each payload: a store that was put back gives out its numbers once more."""

_BRANCHES: Final = "0123456789abcdef"
_DEPTH: Final = 16
_INCIDENTS: Final = 1 << 48
_LIVES: Final = 0xFFFF
_MARK: Final = "f" * _DEPTH
"""A leaf that is no subject's, and so is never forgotten: the tree is known by it."""

_FORM: Final = 1
_HEAD: Final = struct.Struct(">B4sH")
"""What a sealed payload begins with: its form, of which tree its key is, and the subject's life."""

_GRAIN: Final = 64
"""Bytes to which a payload is filled up, so that how long it is tells little of what it says."""

_REMEMBERED: Final = 4_096
"""Keys that are kept at hand."""

Nodes = Mapping[str, bytes]
"""Seeds by their path: the root's is ""."""

Subject = tuple[int, int]
"""An incident, and which of its lives."""


class Unopened(ValueError):
    """A payload that its key does not open: it was changed, or stood elsewhere."""


def _path(subject: Subject) -> str:
    incident, life = subject
    if not (0 <= incident < _INCIDENTS and 0 <= life < _LIVES):
        raise ValueError(f"incident {incident} in its life {life} is beyond what keys can be made for.")
    return f"{life:04x}{incident:012x}"


def _below(seed: bytes, branch: str) -> bytes:
    return blake2b(branch.encode("ascii"), key=seed, digest_size=32).digest()


def _covering(nodes: Nodes, path: str) -> str | None:
    """The node above a path, or at it; None where there is none any more."""
    return next((path[:depth] for depth in range(len(path) + 1) if path[:depth] in nodes), None)


def _grown(nodes: Nodes, path: str) -> bytes | None:
    """The seed at a path."""
    above = _covering(nodes, path)
    if above is None:
        return None
    seed = nodes[above]
    for branch in path[len(above) :]:
        seed = _below(seed, branch)
    return seed


def without(nodes: Nodes, subjects: Iterable[Subject]) -> dict[str, bytes]:
    """The nodes that are left when these subjects are forgotten; some of them may have been before."""
    left = dict(nodes)
    for path in map(_path, subjects):
        above = _covering(left, path)
        if above is None:
            continue
        seed = left.pop(above)
        for depth in range(len(above), _DEPTH):
            for branch in _BRANCHES:
                if branch != path[depth]:
                    left[path[:depth] + branch] = _below(seed, branch)
            seed = _below(seed, path[depth])
    return left


@dataclass(slots=True)
class KeyTree:
    """What is left of one tree after `forgotten` subjects were. Nothing of it changes but which keys are at hand."""

    nodes: Nodes
    forgotten: int = 0
    _parents: dict[str, bytes] = field(default_factory=dict, repr=False)
    _keys: dict[Subject, ChaCha20Poly1305] = field(default_factory=dict, repr=False)
    _lives: dict[int, int] = field(default_factory=dict, repr=False)
    _tag: bytes = field(default=b"", init=False, repr=False)
    name: str = field(default="", init=False)
    """By which it is known, whatever was forgotten of it. Says nothing about any key."""

    def __post_init__(self) -> None:
        seed = _grown(self.nodes, _MARK)
        if seed is None:
            raise ValueError("no tree is without its mark")
        self.name = blake2b(b"name", key=seed, digest_size=16).hexdigest()
        self._tag = bytes.fromhex(self.name[:8])

    @classmethod
    def planted(cls, entropy: Callable[[int], bytes]) -> KeyTree:
        """A new one."""
        return cls({"": entropy(32)})

    def without(self, subjects: Iterable[Subject], forgotten: int) -> KeyTree:
        """The same tree after these were forgotten, which makes `forgotten` in all."""
        return KeyTree(without(self.nodes, subjects), forgotten)

    def life_of(self, incident: int) -> int:
        """The life that an incident is in: the first that was not forgotten."""
        known = self._lives.get(incident)
        if known is None:
            known = 0
            while _covering(self.nodes, _path((incident, known))) is None:
                known += 1
            _remember(self._lives, incident, known)
        return known

    def seal(self, incident: int, about: bytes, payload: bytes, nonce: bytes) -> bytes:
        """A payload that only this tree opens, only while it knows the incident in its present life, and only beside
        the same words `about` it."""
        life = self.life_of(incident)
        key = self._key((incident, life))
        if key is None:
            raise ValueError(f"incident {incident} is forgotten in its life {life}")
        head = _HEAD.pack(_FORM, self._tag, life)
        filled = payload.ljust(-(-len(payload) // _GRAIN) * _GRAIN)
        return head + nonce + key.encrypt(nonce, filled, head + about)

    def unseal(self, incident: int, about: bytes, sealed: bytes) -> bytes | None:
        """What was sealed, with blanks after it; None where its subject was forgotten, or its key was another tree's.
        Raises Unopened."""
        if len(sealed) < _HEAD.size + NONCE or sealed[0] != _FORM:
            raise Unopened("this is no sealed payload")
        head, nonce = sealed[: _HEAD.size], sealed[_HEAD.size : _HEAD.size + NONCE]
        _form, tag, life = _HEAD.unpack(head)
        key = self._key((incident, life)) if tag == self._tag else None
        if key is None:
            return None
        from cryptography.exceptions import InvalidTag

        try:
            return key.decrypt(nonce, sealed[_HEAD.size + NONCE :], head + about)
        except InvalidTag:
            raise Unopened("its key does not open it: it was changed, or stood elsewhere") from None

    def has_forgotten(self, incident: int, sealed: bytes) -> bool:
        """Whether that was sealed with a key of this tree that it has forgotten since."""
        _form, tag, life = _HEAD.unpack(sealed[: _HEAD.size])
        return tag == self._tag and _covering(self.nodes, _path((incident, life))) is None

    def _key(self, subject: Subject) -> ChaCha20Poly1305 | None:
        key = self._keys.get(subject)
        if key is None:
            seed = self._seed(_path(subject))
            if seed is None:
                return None
            from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # most commands open nothing

            key = ChaCha20Poly1305(seed)
            _remember(self._keys, subject, key)
        return key

    def _seed(self, path: str) -> bytes | None:
        """As `_grown`, by way of the node above, which the next fifteen incidents share."""
        if path in self.nodes:
            return self.nodes[path]
        above = self._parents.get(path[:-1])
        if above is None:
            above = _grown(self.nodes, path[:-1])
            if above is None:
                return None
            _remember(self._parents, path[:-1], above)
        return _below(above, path[-1])


def _remember(kept: dict[Any, Any], name: Any, value: Any) -> None:
    if len(kept) >= _REMEMBERED:
        kept.clear()
    kept[name] = value
