"""How often somebody may ask: each has a bucket of calls, which fills up again with time; or a wait that grows."""

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


@dataclass(slots=True)
class _Delay:
    tried: float
    until: float


class Delays:
    """Waits by name that grow: so many tries at once, and after each further one a wait twice as long as the one
    before, in seconds, up to the longest. Within `half_forgiven` seconds without a try half of them are forgiven. One
    thread's: the loop of the server."""

    def __init__(self, at_once: int, first: float, longest: float, half_forgiven: float) -> None:
        self._at_once, self._first, self._longest, self._half_forgiven = at_once, first, longest, half_forgiven
        self._delays: OrderedDict[str, _Delay] = OrderedDict()

    def wait(self, name: str, now: float) -> float:
        """Seconds until one more is allowed; 0 where one is now. Takes none."""
        delay = self._delays.get(name)
        return 0.0 if delay is None else max(0.0, delay.until - now)

    def take(self, name: str, now: float) -> None:
        """Take one, whether it is allowed or not."""
        delay = self._delays.setdefault(name, _Delay(0.0, now))
        delay.tried = delay.tried * 0.5 ** (max(0.0, now - delay.until) / self._half_forgiven) + 1
        beyond = delay.tried - self._at_once
        delay.until = max(now, delay.until)
        if beyond >= 0:
            delay.until += min(self._longest, self._first * 2.0 ** min(beyond, 64.0))
        self._delays.move_to_end(name)
        while len(self._delays) > MOST:
            self._delays.popitem(last=False)

    def give_back(self, name: str) -> None:
        """Have one that was taken count for nothing."""
        delay = self._delays.get(name)
        if delay is not None:
            delay.tried = max(0.0, delay.tried - 1)

    def drop(self, name: str) -> None:
        """Remember nothing of one."""
        self._delays.pop(name, None)
