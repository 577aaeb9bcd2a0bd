"""What an admin writes under a connection whose `tool` is `rt`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field, field_validator

from tieline.core.errors import NeedsOperator
from tieline.core.login import Proof, address_alone, revealed
from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret
from tieline.core.ways import Choice, Way

_NAME: Final = r"^[^'\"\\{}\x00-\x1f\x7f]{1,200}$"
"""What can stand in a query of tickets without being quoted there."""
LOGIN: Final = Choice(
    "How does Tieline log in?",
    (
        Way("token", "an authentication token of the user", ("token",)),
        Way("password", "the user's password (Basic)", ("password",)),
    ),
)


class RequestTrackerSettings(HttpSettings):
    """One queue of one Request Tracker."""

    choices = (LOGIN,)
    account_options = ("url", "username", "token", "password")

    url: str = Field(description="Its address, with the path it is served under: https://rt.example.com")
    username: str = Field(
        min_length=1, description="The name of the user that Tieline works as, and nobody else: what it did is ours."
    )
    token: Secret | None = Field(
        default=None,
        description="An authentication token of that user.",
        examples=[{"env": "RT_TOKEN"}],  # so that a new workspace begins with it
    )
    password: Secret | None = Field(default=None, description="That user's password, instead of `token`.")
    queue: str = Field(pattern=_NAME, description="The name of the queue whose tickets are incidents.")
    key_field: str = Field(
        default="Tieline Key",
        pattern=_NAME,
        description="The name of a custom field of the queue's tickets (enter one value) that holds our key.",
    )
    page_size: int = Field(default=100, ge=1, le=100, description="Tickets per page; the server gives 100 at most.")
    lag: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=60.0,
        description="Seconds behind the server's clock that each poll reads again: stamps have whole seconds, and a "
        "ticket is stamped before it is committed.",
    )
    webhook_secret: Secret | None = Field(default=None, description="What the Scrip signs with.")
    retired_webhook_secret: Secret | None = Field(
        default=None, description="The former secret, accepted while a rotation lasts."
    )
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that the server may stay silent.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        return address_alone(url, "https://rt.example.com", without="/REST/2.0")

    @field_validator("username")
    @classmethod
    def _user(cls, name: str) -> str:
        if not name.isprintable() or ":" in name or "/" in name:
            raise ValueError("write the user's name: printable characters, without a colon or a slash")
        return name

    def disagreements(self) -> Iterator[str]:
        """No credential, or two."""
        yield from super().disagreements()
        if (self.token is None) == (self.password is None):
            yield "give either `token` or `password`"

    @property
    def overlap(self) -> timedelta:
        return timedelta(seconds=self.lag)

    def proof(self, connection: str) -> Proof:
        """What each request shows. Raises NeedsOperator where the secret cannot be had."""
        if self.password is None:
            return Proof({"authorization": f"token {revealed(connection, 'token', self.token)}"})
        try:
            return Proof(pair=(self.username, self.password.reveal()))
        except LookupError as error:
            raise NeedsOperator(connection, f"`password` cannot be read: {error}") from None
