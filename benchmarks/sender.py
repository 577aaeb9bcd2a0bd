"""Sends HTTP requests as cheaply as Python can, so that what is measured is the receiver: bytes over kept sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from benchmarks.alerts import SECRET

Post = Callable[[bytes], Awaitable[int]]

SENDERS: Final = 32
"""Connections of a storm, unless it is the number of them that matters."""


class Channel:
    """One kept connection; one request at a time."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._host, self._port = host, port
        self._head = (
            f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {SECRET}\r\n"
            "content-type: application/json\r\nuser-agent: Alertmanager/0.25.0\r\ncontent-length: "
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> int:
        """Send one delivery; answers the status."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
        if b"connection: close" in lower:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def flood(address: str, path: str, bodies: Iterator[bytes], channels: int = SENDERS) -> float:
    """Send everything, each channel as fast as it is answered; what is refused for load is sent again.

    Answers the seconds it took. Raises RuntimeError for any answer that is neither.
    """
    return flood_all([(address, path)], bodies, channels)


def flood_all(doors: Sequence[tuple[str, str]], bodies: Iterator[bytes], channels: int = SENDERS) -> float:
    """As `flood`, through several doors (address and path) at once: the channels are shared out among them."""

    async def send(channel: Channel) -> None:
        for body in bodies:
            while (status := await channel.post(body)) == 503:
                await asyncio.sleep(0.1)
            if status not in (200, 202):
                raise RuntimeError(f"a delivery was answered {status}")
        channel.close()

    async def everything() -> None:
        made = []
        for number in range(channels):
            address, path = doors[number % len(doors)]
            host, port = address.removeprefix("http://").split(":")
            made.append(Channel(host, int(port), path))
        await asyncio.gather(*(send(channel) for channel in made))

    began = time.perf_counter()
    asyncio.run(everything())
    return time.perf_counter() - began


def paced(address: str, path: str, bodies: Iterator[bytes], every: float, channels: int = 16) -> list[float]:
    """Send one delivery each `every` seconds, whatever the answers do. Answers when each was sent (steady clock)."""
    sent: list[float] = []

    async def everything() -> None:
        host, port = address.removeprefix("http://").split(":")
        idle: asyncio.Queue[Channel] = asyncio.Queue()
        for _ in range(channels):
            idle.put_nowait(Channel(host, int(port), path))

        async def one(body: bytes) -> None:
            channel = await idle.get()
            status = await channel.post(body)
            if status not in (200, 202):
                raise RuntimeError(f"a delivery was answered {status}")
            idle.put_nowait(channel)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number, body in enumerate(bodies):
                await asyncio.sleep(max(0.0, began + number * every - time.perf_counter()))
                sent.append(time.perf_counter())
                group.create_task(one(body))
        while not idle.empty():
            idle.get_nowait().close()

    asyncio.run(everything())
    return sent
