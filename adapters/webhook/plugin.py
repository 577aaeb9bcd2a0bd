"""Registers the generic webhook."""

from __future__ import annotations

from typing import Any

from tieline.adapters.webhook.settings import WebhookSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection."""
    from tieline.adapters.webhook import adapter

    return adapter.connect(name, settings, bench)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind; which tool it is, the connection's `mapping` says."""
    return [
        AdapterKind(
            "webhook",
            RecordKind.SIGNAL,
            WebhookSettings,
            connect,
            frozenset({Power.RECEIVE}),
            "webhook-alert",
            summary=Summary(
                title="Webhooks of any tool, CloudEvents",
                through="nothing: it is only listened to",
                reads="what it sends, as its mapping says",
                proof="a bearer token, basic, or an HMAC as its mapping says",
                limits=("What is lost on the way is never known.", "Nothing is told back."),
            ),
        )
    ]
