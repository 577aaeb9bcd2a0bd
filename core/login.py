"""What most tools take from whoever calls: nothing, a name with a password, or a token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tieline.core.errors import NeedsOperator
from tieline.core.http import sendable
from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret
from tieline.core.ways import Choice, Way

LOGIN: Final = Choice(
    "How does Tieline log in?",
    (
        Way("none", "it asks for nothing"),
        Way("password", "a user name and a password (Basic)", ("username", "password")),
        Way("bearer", "a token, sent as Bearer", ("bearer_token",)),
    ),
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What each request shows: headers, and a pair for Basic."""

    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    pair: tuple[str, str] | None = field(default=None, repr=False)


NOBODY: Final = Proof()


def revealed(connection: str, option: str, secret: Secret | None) -> str:
    """What a secret of the settings says, fit for a header. Raises NeedsOperator, without the value."""
    if secret is None:
        raise NeedsOperator(connection, f"`{option}` is missing")
    try:
        return sendable(connection, option, secret.reveal())
    except LookupError as error:
        raise NeedsOperator(connection, f"`{option}` cannot be read: {error}") from None


class BasicOrBearer(HttpSettings):
    """Settings of a tool that asks for nothing, for Basic or for a bearer token; a proxy in front may do so, too."""

    username: str | None = Field(default=None, description="For Basic authentication, with `password`.")
    password: Secret | None = Field(default=None, description="For Basic authentication, with `username`.")
    bearer_token: Secret | None = Field(default=None, description="Sent as Bearer, instead of `username`.")

    @field_validator("username")
    @classmethod
    def _user(cls, text: str | None) -> str | None:
        # Sent as UTF-8 (RFC 7617), where a colon ends the name.
        if text is not None and not (text and text.isprintable() and ":" not in text):
            raise ValueError("write a name of printable characters, without a colon")
        return text

    def disagreements(self) -> Iterator[str]:
        """Half a credential, or two."""
        yield from super().disagreements()
        if (self.username is None) != (self.password is None):
            yield "`username` and `password` go together"
        if self.username is not None and self.bearer_token is not None:
            yield "give either `username` with `password`, or `bearer_token`"

    def proof(self, connection: str) -> Proof:
        """What each request shows. Raises NeedsOperator where a secret cannot be had."""
        if self.bearer_token is not None:
            return Proof({"authorization": f"Bearer {revealed(connection, 'bearer_token', self.bearer_token)}"})
        if self.username is None or self.password is None:
            return Proof()
        try:
            return Proof(pair=(self.username, self.password.reveal()))
        except LookupError as error:
            raise NeedsOperator(connection, f"`password` cannot be read: {error}") from None


def address_alone(text: str, example: str, *, without: str = "") -> str:
    """An address of a tool, without a slash at its end and without the path that an API adds (`without`). Raises
    ValueError for one that is none, or that holds more: credentials, a query."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"write its address alone, like {example}")
    if "@" in parts.netloc:
        raise ValueError("credentials belong in options of their own, not in the address")
    return text.rstrip("/").removesuffix(without)


def header_text(text: str | None) -> str | None:
    """What is sent as a header. Raises ValueError for what a header cannot carry."""
    if text is not None and not (text and text.isascii() and text.isprintable()):
        raise ValueError("only printable ASCII can stand here; it is sent as a header")
    return text
