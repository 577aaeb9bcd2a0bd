"""What an admin writes under a connection whose `tool` is `sns`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from pydantic import Field, field_validator

from tieline.core.port import HttpSettings

TOPIC: Final = re.compile(r"arn:aws(?:-cn|-us-gov)?:sns:([a-z0-9-]{3,30}):[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")


class SnsSettings(HttpSettings):
    """Topics that send to this connection's address. No account of AWS is needed: each message is signed."""

    topics: tuple[str, ...] = Field(
        min_length=1,
        max_length=100,
        examples=["arn:aws:sns:eu-west-1:123456789012:alarms"],
        description="The ARNs of the topics whose messages are taken; no others are.",
    )
    confirms: bool = Field(
        default=True, description="A subscription of one of these topics to this address is confirmed by itself."
    )
    webhook_age: timedelta = Field(
        default=timedelta(hours=2),
        gt=timedelta(0),
        le=timedelta(days=1),
        description="How long ago a message may have been published: SNS sends one again for an hour and more.",
    )

    @field_validator("topics")
    @classmethod
    def _arns(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for one in topics:
            if TOPIC.fullmatch(one) is None:
                raise ValueError(
                    f"write the topic's ARN, like arn:aws:sns:eu-west-1:123456789012:alarms, not {one!r:.80}"
                )
        return topics

    @property
    def only_listens(self) -> bool:
        """There is nothing to ask."""
        return True

    @property
    def risks(self) -> tuple[str, ...]:
        """What cannot be known of a tool that is only listened to."""
        lost = "Only messages tell of alarms: one that is lost is never seen, and an end that is lost leaves its "
        return (lost + "incident open; whoever works on an incident cannot silence its alarms from here.",)
