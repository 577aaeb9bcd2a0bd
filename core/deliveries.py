"""What a mapping says of the webhooks of its tool: how one is proved, and where in it alerts stand.

An adapter that knows no tool by itself (`adapters/webhook`) is told all of it by this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

BODY: Final = "body"
"""In what is signed, the bytes of the body; every other name there is a header's."""

ENVELOPE: Final = "envelope"
"""The member of an alert that holds what stands around the list of them."""


class Form(StrEnum):
    """How a delivery carries what its sender says."""

    JSON = "json"  # its body is the alert, or an object with a list of alerts
    CLOUDEVENTS = "cloudevents"  # CloudEvents 1.0: structured, binary or batched, as each delivery says itself


class Algorithm(StrEnum):
    """The hash of an HMAC."""

    SHA256 = "sha256"
    SHA512 = "sha512"
    SHA1 = "sha1"  # by its name only: old senders have nothing else


class Encoding(StrEnum):
    """How the bytes of an HMAC are written."""

    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a body: as people write it, and how it is read (`ABSENT` where nothing stands). `members` are the
    paths that are looked at, step by step; the empty one is the whole body."""

    path: str
    read: Callable[[Mapping[str, Any]], Any] = field(compare=False, repr=False)
    members: tuple[tuple[str | int, ...], ...] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Signature:
    """An HMAC that comes in a header, in lower case. `signs` are what is hashed, in order: literal texts, and names in
    braces. `timestamp` is the header with the time of signing, whose element begins with `timestamp_prefix`."""

    header: str
    signs: tuple[str, ...] = ("{body}",)
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    separator: str = ","
    timestamp: str = ""
    timestamp_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """`episode` are the places whose texts together tell one firing from another. Where `alerts` leads to a list, each
    of its elements is a body, and what stands around the list is in its member `envelope`.

    `once` are places whose texts together no two deliveries share: who says the same there within seven days repeats
    what was said. It is empty where nothing tells a repetition from a second firing; `once_header`, in lower case, is a
    header that does, and one that is signed where they are.
    `leaves_out` are values at places by which a delivery says nothing of an alert: an attempt, a comment. `labels` are
    what alerts are grouped by, in the body's member `labels`. `around` are the members of `envelope` that are read of
    each alert, by `fields` too: None where that is all of it.
    """

    episode: tuple[Spot, ...]
    form: Form = Form.JSON
    alerts: Spot | None = None
    once: tuple[Spot, ...] = ()
    once_header: str = ""
    leaves_out: tuple[tuple[Spot, tuple[Any, ...]], ...] = ()
    labels: tuple[tuple[str, Spot], ...] = ()
    key: Spot | None = None
    url: Spot | None = None
    signature: Signature | None = None
    around: frozenset[str] | None = frozenset()
