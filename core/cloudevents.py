"""CloudEvents 1.0 over HTTP: structured, binary and batched deliveries, each event in the form of structured mode."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import orjson

from tieline.core.port import Delivery

STRUCTURED: Final = "application/cloudevents"
BATCHED: Final = "application/cloudevents-batch"
REQUIRED: Final = ("id", "source", "type")
_ATTRIBUTE: Final = "ce-"


def events_of(delivery: Delivery) -> list[Any]:
    """The events of a delivery, each still to be understood. Raises ValueError."""
    kind, form = _media_type(delivery.headers.get("content-type", ""))
    if kind in (STRUCTURED, BATCHED) and form not in ("json", ""):
        raise ValueError(f"its events are written as {form[:40]!r}; JSON is understood")
    if is_binary(delivery):
        return [_binary(delivery)]
    # Some senders name a list or an event plain JSON.
    told = _json(delivery.body)
    if isinstance(told, list):
        return told
    return [told]


def is_binary(delivery: Delivery) -> bool:
    """Whether the attributes of its event stand in headers."""
    kind, _form = _media_type(delivery.headers.get("content-type", ""))
    return kind not in (STRUCTURED, BATCHED) and f"{_ATTRIBUTE}specversion" in delivery.headers


def attributes_of(delivery: Delivery) -> list[str]:
    """The headers that are attributes of its event, in binary mode; none in the others."""
    return sorted(name for name in delivery.headers if name.startswith(_ATTRIBUTE)) if is_binary(delivery) else []


def event_of(told: Any) -> Mapping[str, Any]:
    """One event, with its data as JSON where that is JSON. Raises ValueError."""
    if not isinstance(told, dict) or told.get("specversion") != "1.0":
        raise ValueError("it is no CloudEvent: `specversion` is not 1.0")
    for name in REQUIRED:
        if not isinstance(told.get(name), str) or not told[name]:
            raise ValueError(f"its `{name}` is not a text, which every CloudEvent has")
    if "data_base64" not in told:
        return told
    try:
        data = base64.b64decode(str(told["data_base64"]), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its `data_base64` is not Base64") from None
    rest = {name: value for name, value in told.items() if name != "data_base64"}
    return {**rest, "data": _data(data, str(told.get("datacontenttype") or "application/json"))}


def _binary(delivery: Delivery) -> dict[str, Any]:
    """The attributes stand in headers, percent-encoded, and the body is the data."""
    start = len(_ATTRIBUTE)
    told: dict[str, Any] = {
        name[start:]: unquote(value) for name, value in delivery.headers.items() if name.startswith(_ATTRIBUTE)
    }
    content_type = delivery.headers.get("content-type", "")
    return {**told, "datacontenttype": content_type, "data": _data(delivery.body, content_type)}


def _data(data: bytes, content_type: str) -> Any:
    kind, form = _media_type(content_type)
    if kind in ("application/json", "text/json", "") or form == "json":
        return _json(data) if data else None
    return data.decode("utf-8", "replace")


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("it is not JSON") from None


def _media_type(header: str) -> tuple[str, str]:
    """The type and the suffix that says how it is written: `application/cloudevents`, `json`."""
    kind, _, form = header.partition(";")[0].strip().lower().partition("+")
    return kind, form
