"""Taking in the body of a call: whole, of a bounded size, and within a bounded time."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive

LONGEST_LENGTH: Final = 18
"""Digits of a length that anybody means."""


class BodyTooLarge(Exception):
    """The body is larger than it may be, or says that it will be."""


async def received(length: str, receive: Receive, limit: int, seconds: float) -> bytes:
    """The body whose `Content-Length` is this text, "" where none is told. Raises BodyTooLarge beyond `limit` bytes,
    TimeoutError where it does not arrive in time, ClientDisconnect."""
    if length.isdecimal() and (len(length) > LONGEST_LENGTH or int(length) > limit):
        raise BodyTooLarge
    body = bytearray()
    async with asyncio.timeout(seconds):
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:
                raise BodyTooLarge
    return bytes(body)
