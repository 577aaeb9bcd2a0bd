"""What an admin writes under a connection whose `tool` is `nagios`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from tieline.core.login import LOGIN, BasicOrBearer, address_alone
from tieline.core.secrets import Secret


class NagiosSettings(BasicOrBearer):
    """The CGIs of one Nagios Core, behind the web server that asks for the password."""

    choices = (LOGIN,)
    account_options = ("url", "username", "password", "bearer_token")

    history: timedelta = Field(
        default=timedelta(days=1),
        description="The first poll takes in problems that began within this time; older ones stay as they are.",
    )
    url: str = Field(
        examples=["https://nagios.example.com/cgi-bin/nagios4"],
        description="The address of its CGIs, without the name of one: https://nagios.example.com/nagios/cgi-bin where "
        "Nagios was built from its source.",
    )
    sticky: bool = Field(
        default=True,
        description="An acknowledgement stays until recovery; false ends it when the state changes at all.",
    )
    notify: bool = Field(default=False, description="Nagios tells its contacts of each acknowledgement.")
    stale_after: timedelta = Field(
        default=timedelta(minutes=5),
        gt=timedelta(0),
        description="Status that Nagios wrote longer ago than this is not believed: it has stopped, and its web pages "
        "go on.",
    )
    webhook_token: Secret | None = Field(
        default=None, description="What a notification command sends as Bearer; without it, problems come by polling."
    )
    page_size: int = Field(default=500, ge=1, le=10_000, description="Problems handed on at once while polling.")
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that one answer may take.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        return address_alone(url, "https://nagios.example.com/cgi-bin/nagios4", without="/statusjson.cgi")
