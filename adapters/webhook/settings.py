"""What an admin writes under a connection whose `tool` is `webhook`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pydantic import Field, field_validator

from tieline.core.port import ConnectionSettings
from tieline.core.secrets import Secret
from tieline.core.ways import Choice, Way

AUTHORIZATION: Final = "authorization"

PROOFS: Final = Choice(
    "How do its webhooks prove that they are its own?",
    (
        Way("token", "a token, sent as Bearer or in a header of its own", ("webhook_tokens",)),
        Way("password", "a user name and a password (Basic)", ("webhook_username", "webhook_passwords")),
        Way("signature", "an HMAC, which the mapping describes", ("webhook_secrets",)),
    ),
)


class WebhookSettings(ConnectionSettings):
    """One sender of webhooks. Of several secrets each is accepted: two while one is being replaced."""

    choices = (PROOFS,)

    webhook_tokens: tuple[Secret, ...] = Field(default=(), description="What it sends as Bearer.")
    token_header: str = Field(
        default=AUTHORIZATION, description="The header that holds the token alone, where it is not sent as Bearer."
    )
    token_parameter: str | None = Field(
        default=None,
        description="The query parameter that holds the token, for a tool that can send no header of ours. Addresses "
        "end up in logs on the way: take another way where there is one.",
    )
    webhook_username: str | None = Field(default=None, description="What it sends as Basic user.")
    webhook_passwords: tuple[Secret, ...] = Field(default=(), description="What it sends as Basic password.")
    webhook_secrets: tuple[Secret, ...] = Field(
        default=(), description="What it signs with (HMAC); `deliveries.signature` of the mapping says how."
    )
    webhook_age: timedelta = Field(
        default=timedelta(minutes=5),
        gt=timedelta(0),
        le=timedelta(days=1),
        description="How far the time of signing may be from ours, where it is signed. What is older is a replay.",
    )

    origins: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        description="Who may send CloudEvents here, as is told to whoever asks first by OPTIONS: eventgrid.azure.net "
        "does. Each delivery is proved all the same.",
    )

    @field_validator("origins")
    @classmethod
    def _hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name):
                raise ValueError("write the sender's host name, like eventgrid.azure.net")
        return tuple(name.lower() for name in names)

    @field_validator("token_header")
    @classmethod
    def _header(cls, name: str) -> str:
        if not (name and name.isascii() and name.replace("-", "").isalnum()):
            raise ValueError("write the header's name alone, like X-Tieline-Token")
        return name.lower()

    def disagreements(self) -> Iterator[str]:
        """No proof or several, and half of one."""
        yield from super().disagreements()
        given = [bool(self.webhook_tokens), bool(self.webhook_passwords), bool(self.webhook_secrets)]
        if given.count(True) != 1:
            yield "give one of `webhook_tokens`, `webhook_passwords` with `webhook_username`, and `webhook_secrets`"
        if bool(self.webhook_passwords) != (self.webhook_username is not None):
            yield "`webhook_username` and `webhook_passwords` go together"
        if self.token_parameter is not None and self.token_header != AUTHORIZATION:
            yield "give either `token_parameter` or `token_header`"
        if not self.webhook_tokens and (self.token_parameter is not None or self.token_header != AUTHORIZATION):
            yield "`token_header` and `token_parameter` say where `webhook_tokens` stand: give those, too"

    @property
    def only_listens(self) -> bool:
        """There is nothing to ask."""
        return True

    @property
    def risks(self) -> tuple[str, ...]:
        """What cannot be known of a tool that is only listened to."""
        lost = "Only webhooks tell of alerts: one that is lost is never seen, and an end that is lost leaves its "
        lost += "incident open; whoever works on an incident cannot silence its alerts from here."
        if self.token_parameter is None:
            return (lost,)
        return lost, "Its token stands in the address (`token_parameter`), which proxies and servers on the way log."
