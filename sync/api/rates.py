"""How often somebody may ask: each has a bucket of calls, which fills up again with time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

MOST: Final = 10_000
"""Buckets remembered; those go first that were not touched for longest, which are the fullest."""


def source_of(address: str) -> str:
    """What tries are counted by: of IPv6 the network, in which one machine has as many addresses as it likes."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or f"{IPv6Address(int(found) >> 64 << 64)}/64")


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rates:
    """Buckets by name. One thread's: the loop of the server."""

    def __init__(self, per_minute: float, at_once: float) -> None:
        self._per_second = per_minute / 60
        self._at_once = at_once
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, name: str, now: float) -> float:
        """Seconds until one more is allowed; 0 where one is now. Takes none."""
        bucket = self._buckets.get(name)
        if bucket is None:
            return 0.0
        left = self._filled(bucket, now)
        return 0.0 if left >= 1 else (1 - left) / self._per_second

    def take(self, name: str, now: float) -> None:
        """Take one, whether there is one or not."""
        bucket = self._buckets.setdefault(name, _Bucket(self._at_once, now))
        bucket.left, bucket.at = max(0.0, self._filled(bucket, now) - 1), now
        self._buckets.move_to_end(name)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)

    def _filled(self, bucket: _Bucket, now: float) -> float:
        return min(self._at_once, bucket.left + max(0.0, now - bucket.at) * self._per_second)
