"""What a connection to the issues of a repository is told."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, field_validator

from tieline.core.login import address_alone
from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret


class GithubSettings(HttpSettings):
    """Settings of one connection."""

    account_options = ("url", "token")

    url: str = Field(
        default="https://api.github.com", description="Where the REST API is; https://HOST/api/v3 on your own server."
    )
    repository: str = Field(
        pattern=r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}", description="The repository, as owner/name."
    )
    token: Secret = Field(description="A fine-grained token for this repository: Issues read and write, Metadata read.")
    login: str | None = Field(
        default=None,
        pattern=r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(\[bot\])?",
        description="The account's login, where the token cannot ask for it: an app's, like tieline[bot].",
    )
    webhook_secrets: tuple[Secret, ...] = Field(
        default=(), max_length=4, description="The secret of the webhook; two while it is replaced."
    )
    people: Mapping[str, str] = Field(
        default={}, description="E-mail address to login, since GitHub shows few addresses: {ann@example.com: ann}."
    )
    status_label: str = Field(
        default="status: ",
        max_length=30,
        description="How the label begins that tells how far an open issue is; empty for none.",
    )
    severity_label: str = Field(
        default="severity: ", max_length=30, description="How the label of the severity begins; empty for none."
    )
    priority_label: str = Field(
        default="priority: ", max_length=30, description="How the label of the priority begins; empty for none."
    )
    page_size: int = Field(default=100, ge=1, le=100, description="Issues asked for at once.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        return address_alone(url, "https://api.github.com")

    @field_validator("people")
    @classmethod
    def _lower(cls, people: Mapping[str, str]) -> Mapping[str, str]:
        return {address.lower(): login for address, login in people.items()}
