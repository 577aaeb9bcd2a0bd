"""Registers Amazon SNS."""

from __future__ import annotations

from typing import Any

from tieline.adapters.sns.settings import SnsSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection."""
    from tieline.adapters.sns import adapter

    return adapter.connect(name, settings, bench)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind; what its messages are about, the connection's `mapping` says."""
    return [
        AdapterKind(
            "sns",
            RecordKind.SIGNAL,
            SnsSettings,
            connect,
            frozenset({Power.RECEIVE}),
            "cloudwatch-alarm",
            summary=Summary(
                title="Amazon SNS, CloudWatch",
                through="nothing: it is only listened to",
                reads="what its topics send, as its mapping says",
                proof="the signature of AWS, versions 1 and 2",
                limits=(
                    "What is lost on the way is never known.",
                    "CloudWatch knows no acknowledgement: nothing is told back.",
                ),
            ),
        )
    ]
