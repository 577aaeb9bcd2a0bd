"""The options of `tieline.yaml`, each declared once: parsing, defaults, schema, example and reference follow."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from tieline.core.model import Level, Severity, Tlp
from tieline.core.secrets import Secret
from tieline.core.settings import SIZE, Forms, parse_size
from tieline.core.severities import folded

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
"""How a connection may be called, and an account."""


def _size(value: object) -> int:
    try:
        return parse_size(value)
    except ValueError:
        raise ValueError("write a size like 512KiB or 1MiB") from None


Size = Annotated[int, BeforeValidator(_size), WithJsonSchema({"type": ["string", "integer"], "pattern": SIZE})]


def _words(given: object) -> object:
    """Words as the table has them. YAML takes `1` for a number."""
    if not isinstance(given, dict):
        return given
    words: dict[str, object] = {}
    for word, severity in given.items():
        bare = folded(str(word))
        if not bare:
            raise ValueError("an empty word means nothing")
        if words.setdefault(bare, severity) != severity:
            raise ValueError(f"{bare!r} is there twice: capitals, hyphens and underscores make no difference")
    return words


Words = Annotated[dict[str, Severity], BeforeValidator(_words)]


class Comments(StrEnum):
    """Which way comments go."""

    BOTH = "both"
    IN = "in"
    OUT = "out"
    NONE = "none"

    @property
    def comes_in(self) -> bool:
        return self in (Comments.BOTH, Comments.IN)

    @property
    def goes_out(self) -> bool:
        return self in (Comments.BOTH, Comments.OUT)


class Section(BaseModel):
    """A part of the file. What is not declared is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, arbitrary_types_allowed=True)


def _address(listen: str) -> str:
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal() or not port.isascii() or int(port) > 65535:
        raise ValueError("write an address and a port, like 127.0.0.1:8484 or [::1]:8484")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("write an IPv6 address in brackets, like [::1]:8484")
    return listen


def is_loopback(listen: str) -> bool:
    """Whether only this machine reaches it."""
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class ServerConfig(Section):
    """Where webhooks come in and metrics go out."""

    listen: str = Field(default="127.0.0.1:8484", description="Address and port to listen on.")
    body_limit: Size = Field(default=1024**2, description="The largest webhook that is taken.")
    public_url: str = Field(
        default="", description="How tools reach this server, for messages that name a webhook's address."
    )

    @field_validator("listen")
    @classmethod
    def _reached(cls, listen: str) -> str:
        return _address(listen)

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc):
            raise ValueError("write an address like https://tieline.example.com")
        return url.rstrip("/")


class WebConfig(Section):
    """Where programs reach the API, which `tieline web` serves."""

    listen: str = Field(default="127.0.0.1:8081", description="Address and port to listen on.")
    certificate: str = Field(
        default="", description="A file with the certificate and those above it, in PEM: with it, TLS is spoken."
    )
    private_key: str = Field(default="", description="The file of its key, in PEM, where that is another one.")
    behind_proxy: bool = Field(
        default=False,
        description="A proxy stands before it, on this machine or in a network that nobody else reaches: it speaks "
        "TLS, and what it adds to `X-Forwarded-For` is believed.",
    )
    body_limit: Size = Field(default=256 * 1024, description="The largest call that is taken.")
    calls_per_minute: int = Field(default=1_200, ge=1, le=1_000_000, description="How often one token may be used.")
    beside_run: bool = Field(
        default=False, description="`tieline run` starts `tieline web` beside itself, and keeps it running."
    )

    @field_validator("listen")
    @classmethod
    def _reached(cls, listen: str) -> str:
        return _address(listen)

    @model_validator(mode="after")
    def _nobody_listens_in(self) -> Self:
        if not (is_loopback(self.listen) or self.certificate or self.behind_proxy):
            raise ValueError(
                f"{self.listen} is reached from other machines, and tokens would go there in the open: name a "
                "`certificate`, or say `behind_proxy: true` where a proxy before it speaks TLS"
            )
        if self.private_key and not self.certificate:
            raise ValueError("a `private_key` is of no use without its `certificate`")
        return self


class SignalsConfig(Section):
    """How alerts become incidents."""

    window: timedelta = Field(
        default=timedelta(minutes=5), description="A group's new alert within this reopens its incident."
    )
    resolve: bool = Field(default=True, description="Resolve an incident when all its alerts have ended.")
    lower: bool = Field(
        default=False,
        description="Lower an open incident's severity and priority again when its worst alert has ended, unless a "
        "person set them.",
    )
    tell_every: timedelta = Field(
        default=timedelta(minutes=1),
        ge=timedelta(0),
        description="How often a ticket is told which of its alerts fire, when nothing else is written to it.",
    )
    alerts_shown: int = Field(default=10, ge=1, le=50, description="So many of them by name, the worst first.")
    flap_hold: timedelta = Field(
        default=timedelta(minutes=1),
        ge=timedelta(0),
        description="How long the end of an alert that has flapped is held before it resolves its incident, and its "
        "next beginning before it reopens it; doubles with every flap. Zero follows every change at once.",
    )
    flap_hold_longest: timedelta = Field(
        default=timedelta(minutes=15), ge=timedelta(0), description="The longest such hold, however often it flaps."
    )
    steady_after: timedelta = Field(
        default=timedelta(hours=1),
        gt=timedelta(0),
        description="An alert's flaps are forgotten when it has not flapped for this long.",
    )
    reraise_after: timedelta | None = Field(
        default=timedelta(minutes=30),
        gt=timedelta(0),
        description="An incident that a person resolved or closed while its alerts fire is raised again when they "
        "still fire after this; null leaves it to people.",
    )
    acknowledge: bool = Field(default=True, description="Silence an incident's alerts while somebody works on it.")
    silence_for: timedelta = Field(
        default=timedelta(hours=4),
        ge=timedelta(minutes=1),
        description="How long one silence lasts; renewed while needed.",
    )
    doubt_from: int | None = Field(
        default=10,
        ge=1,
        description="So many alerts at once that a source no longer lists, and more than half of those that fire, are "
        "not taken for ended before a person says so; null believes every listing.",
    )
    unknown_urgency: Level | None = Field(
        default=Level.HIGH,
        description="The urgency of an alert whose severity nobody knows: a pager wakes people rather than not. null "
        "leaves it to each tool.",
    )
    severity_words: Words = Field(
        default={},
        description="What words say about how bad an alert is, added to Tieline's own table, as in {P1: critical}.",
    )


_CONDITION = Forms("true, false or a condition in CEL")
_ADDRESS = Forms("an address like sqlite:///tieline.db, or a reference like {env: NAME}")


class Environment(StrEnum):
    """What a tool's instance is for."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"


class ConnectionSection(Section):
    """What every connection may say, whatever its tool."""

    tool: str = Field(description="The tool, as its adapter names it.")
    mapping: str = Field(default="", description="A shipped mapping's name or a file; the adapter's own by default.")
    overlay: str = Field(default="", description="A file with changes to the mapping.")
    poll_every: timedelta | None = Field(
        default=None, gt=timedelta(0), description="How often the tool is asked for changes."
    )
    calls_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Our share of the tool's rate limit; with `account`, of all its connections together.",
    )
    account: str = Field(
        default="",
        description="A name for the account that it logs in with, where other connections of this file do so, too: "
        "they share its rate limit, and wait together while it is not answered.",
        json_schema_extra={"pattern": f"^({NAME.pattern})?$"},
    )
    environment: Environment = Field(
        default=Environment.PRODUCTION,
        description="What the instance is for; `tieline adapter prove` makes records in a sandbox only.",
    )
    comments: Comments = Field(default=Comments.BOTH, description="Which way comments go.")
    ceiling: Tlp = Field(default=Tlp.AMBER, description="The narrowest TLP label that may be copied there.")
    opens: Annotated[bool | str | None, _CONDITION] = Field(
        default=None, description="Whether a record made there opens an incident; CEL over its fields."
    )
    copies: Annotated[bool | str | None, _CONDITION] = Field(
        default=None, description="Whether an incident gets a copy there; CEL over the incident's fields."
    )
    webhook_silence: timedelta | None = Field(
        default=timedelta(hours=1), description="Alarm when polls find changes and webhooks were silent for this long."
    )

    @field_validator("account")
    @classmethod
    def _called(cls, account: str) -> str:
        if account and not NAME.fullmatch(account):
            raise ValueError("name it with lower-case letters, digits and hyphens, 40 at most, a letter first")
        return account


class Workspace(Section):
    """The whole file."""

    tieline: Literal[1] = Field(description="The version of this file's format.")
    store: Annotated[str | Secret, _ADDRESS] = Field(
        default="sqlite:///tieline.db",
        description="sqlite:///path (relative to this file), postgresql://… without a password, or a reference to it.",
    )
    keys: str = Field(
        default="",
        description="The file of the keys that the journal's payloads are sealed with, relative to this file; its copy "
        "is kept apart from those of the store. By default the SQLite file's name with `.keys` after it; on PostgreSQL "
        "none, and payloads are kept as they are: name one in a folder that all workers share.",
    )
    plugins: Any = Field(default=(), description="Plugins by name: a list, or a mapping of names to settings.")
    server: ServerConfig = Field(default=ServerConfig(), description="Where webhooks come in and metrics go out.")
    web: WebConfig = Field(default=WebConfig(), description="Where programs reach the API, which `tieline web` serves.")
    signals: SignalsConfig = Field(default=SignalsConfig(), description="How alerts become incidents.")
    poll_every: timedelta = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="How often tools are asked, unless a connection says.",
    )
    stop_within: timedelta = Field(default=timedelta(seconds=20), gt=timedelta(0), description="The bound on stopping.")
    lease: timedelta = Field(
        default=timedelta(seconds=20),
        ge=timedelta(seconds=2),
        description="On PostgreSQL: how long a worker may be silent before another one takes its work over.",
    )
    connections: Any = Field(default={}, description="Connections by name.")
