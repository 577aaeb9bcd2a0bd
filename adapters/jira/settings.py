"""What an admin writes under a connection whose `tool` is `jira`, `jira-jsm` or `jira-dc`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret
from tieline.core.ways import Choice, Way

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


ANY: Final = "*"
"""In `transition_comments`: every other transition whose screen takes a comment."""


class Deployment(StrEnum):
    """Which REST dialect the site speaks."""

    CLOUD = "cloud"
    DATACENTER = "datacenter"


class Readers(StrEnum):
    """Who reads a comment that carries no restriction.

    `internal`: everybody on the site is staff, so that all comments count as internal. `public`: the project is open,
    an unrestricted comment is public. `jsm`: a service project, where `jsdPublic` tells the customer's from ours.
    """

    INTERNAL = "internal"
    PUBLIC = "public"
    JSM = "jsm"


class OAuthSettings(BaseModel):
    """An OAuth 2.0 app of developer.atlassian.com (3LO, with a refresh token), or a service account's client."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    client_id: str = Field(min_length=1, description="The client id.")
    client_secret: Secret = Field(description="Its secret.")
    refresh_token: Secret | None = Field(
        default=None,
        description="What consent gave (scope `offline_access`), in a file or keyring: Atlassian gives another at each "
        "use, which is put there. Without it, the client's own credentials buy the token.",
    )
    token_url: str = Field(default="https://auth.atlassian.com/oauth/token", description="Where tokens are bought.")

    @field_validator("token_url")
    @classmethod
    def _secure(cls, url: str) -> str:
        parts = urlsplit(url)
        if not parts.hostname or "@" in parts.netloc:
            raise ValueError("write an https address")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("the secret would travel in the open; write an https address")
        return url

    @field_validator("refresh_token")
    @classmethod
    def _kept(cls, token: Secret | None) -> Secret | None:
        if token is not None and not token.keeps:
            raise ValueError("it must be {file: /path} or {keyring: service/name}: it is replaced there")
        return token


HOW: Final = "How does Tieline log in?"
_CLIENT: Final = ("oauth.client_id", "oauth.client_secret")
_PASSWORD: Final = ("email", "api_token")
_GATEWAY: Final = {"url": "https://api.atlassian.com/ex/jira/change-me"}
CLOUD: Final = Choice(
    HOW,
    (
        Way("token", "an account's e-mail address and API token", _PASSWORD),
        Way("pat", "an access token, sent as Bearer", ("pat",)),
        Way("oauth", "OAuth 2.0 with the client's own credentials", _CLIENT, _GATEWAY),
        Way(
            "consent",
            "OAuth 2.0 with a refresh token, which somebody's consent gave",
            (*_CLIENT, "oauth.refresh_token"),
            _GATEWAY,
            kept=frozenset({"oauth.refresh_token"}),
        ),
    ),
)
DATA_CENTER: Final = Choice(
    HOW,
    (
        Way("pat", "a personal access token", ("pat",)),
        Way("password", "an account's name and password", _PASSWORD),
    ),
)


class JiraSettings(HttpSettings):
    """Jira Cloud, a classic or team-managed project."""

    choices = (CLOUD,)
    account_options = ("url", "email", "api_token", "pat", "oauth")

    url: str = Field(description="The site: https://example.atlassian.net, or the API gateway with its cloud id.")
    email: str | None = Field(
        default=None,
        description="The account's address (Cloud), with `api_token`.",
        examples=["somebody@example.com"],  # so that a new workspace begins with it, as with the token
    )
    api_token: Secret | None = Field(
        default=None, description="The account's API token (Cloud).", examples=[{"env": "JIRA_API_TOKEN"}]
    )
    pat: Secret | None = Field(
        default=None, description="A personal access token or OAuth access token, sent as Bearer."
    )
    oauth: OAuthSettings | None = Field(
        default=None,
        description="OAuth 2.0 (Cloud); `url` is then https://api.atlassian.com/ex/jira/ and the site's cloud id.",
    )
    project: str = Field(description="The project's key; new issues are made there and its issues are polled.")
    issue_type: str = Field(default="Incident", description="The name of the issue type that carries incidents.")
    jql: str = Field(
        default="", description="What to poll beside the project; empty means `issuetype` is `issue_type`."
    )
    create_fields: Mapping[str, Any] = Field(
        default_factory=dict, description="Fields set at creation in Jira's own JSON, for those no mapping fills."
    )
    transition_fields: Mapping[str, Any] = Field(
        default_factory=dict,
        description="Values for fields that a transition's screen requires and no mapping fills, in Jira's own JSON: "
        '`{"resolution": {"name": "Done"}}`.',
    )
    transition_comments: Mapping[str, str] = Field(
        default_factory=dict,
        description="Comments that go along with transitions, for workflows that require one: by the name of the "
        "transition, or of the status that it leads to; `*` for all others whose screen takes a comment. They are "
        "internal.",
    )
    audience: Readers = Field(default=Readers.INTERNAL, description="Who reads an unrestricted comment.")
    internal_role: str | None = Field(
        default=None, description="With `audience: public`, the project role that internal comments are restricted to."
    )
    webhook_secret: Secret | None = Field(default=None, description="The secret of the webhook; signs X-Hub-Signature.")
    retired_webhook_secret: Secret | None = Field(
        default=None, description="The webhook's former secret, accepted while a rotation lasts."
    )
    lookup_lag: timedelta = Field(
        default=timedelta(seconds=90), description="How long the search index may need to show a new issue."
    )
    overlap: timedelta = Field(
        default=timedelta(minutes=5), description="How far each poll looks back; must exceed `lookup_lag`."
    )
    find_within: timedelta = Field(
        default=timedelta(days=30), description="How old an issue may be for a look-up by create token to consider it."
    )
    page_size: int = Field(default=100, ge=2, le=100, description="Issues asked for at once while polling.")
    volatile_fields: tuple[str, ...] = Field(
        default=(), description="Ids of fields that the site computes anew at every look; left out of the version."
    )
    automation: tuple[str, ...] = Field(
        default=("Automation for Jira",),
        description="Whose edits are rules' doing and no person's, so that they go to no other tool: names of apps, "
        "account ids, on Data Center user names.",
    )
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that one answer may take.")

    @property
    def deployment(self) -> Deployment:
        return Deployment.CLOUD

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or "@" in parts.netloc
        ):
            raise ValueError("write the site's address alone, like https://example.atlassian.net")
        return url.rstrip("/")

    @field_validator("project", "issue_type")
    @classmethod
    def _name(cls, name: str) -> str:
        if not name.strip() or any(character in name for character in '"\\\r\n'):
            raise ValueError("quotes, backslashes and line breaks cannot stand in a Jira name")
        return name

    def disagreements(self) -> Iterator[str]:
        """None or several credentials, comments that would be public, and a poll that could miss something."""
        yield from super().disagreements()
        basic = self.email is not None and self.api_token is not None
        if basic + (self.pat is not None) + (self.oauth is not None) != 1:
            yield "give either `email` with `api_token`, or `pat`, or `oauth`"
        if self.oauth is not None and self.deployment is not Deployment.CLOUD:
            yield "`oauth` is Cloud's; give `pat`"
        if self.transition_comments and self.audience is Readers.PUBLIC and not self.internal_role:
            yield "`transition_comments` would be public here; set `internal_role`"
        if not all(text.strip() for text in self.transition_comments.values()):
            yield "a comment of `transition_comments` says nothing"
        if self.overlap <= self.lookup_lag:
            yield "`overlap` must be longer than `lookup_lag`, or a poll misses what the index shows late"
        if self.oauth is not None and "/ex/jira/" not in self.url:
            yield "with `oauth`, `url` is https://api.atlassian.com/ex/jira/ and the site's cloud id"


class JsmSettings(JiraSettings):
    """Jira Service Management on Cloud: comments are the customer's or the team's."""

    issue_type: str = Field(
        default="[System] Incident", description="The name of the issue type that carries incidents."
    )
    audience: Readers = Field(default=Readers.JSM, description="Who reads an unrestricted comment.")


class DataCenterSettings(JiraSettings):
    """Jira Data Center: REST v2, wiki text, search by position."""

    choices = (DATA_CENTER,)

    email: str | None = Field(
        default=None, description="An account's name or address, with `api_token` as its password."
    )
    api_token: Secret | None = Field(default=None, description="For Basic authentication, with `email`.")
    pat: Secret | None = Field(
        default=None,
        description="A personal access token or OAuth access token, sent as Bearer.",
        examples=[{"env": "JIRA_DC_PAT"}],
    )
    lookup_lag: timedelta = Field(
        default=timedelta(seconds=30), description="How long a node's index may need to show a new issue."
    )

    @property
    def deployment(self) -> Deployment:
        return Deployment.DATACENTER
