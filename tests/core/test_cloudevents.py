"""CloudEvents 1.0 in the three modes of HTTP: one event, whichever way it came."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tieline.core.cloudevents import event_of, events_of
from tieline.core.port import Delivery

DATA = {"status": "firing", "title": "Überlast"}
EVENT = {
    "specversion": "1.0",
    "id": "7",
    "source": "/probes/eu",
    "type": "com.example.probe",
    "subject": "käse 100%",
    "data": DATA,
}


def understood(delivery: Delivery) -> list[dict[str, Any]]:
    return [dict(event_of(one)) for one in events_of(delivery)]


def structured(event: Any, content_type: str = "application/cloudevents+json; charset=utf-8") -> Delivery:
    return Delivery({"content-type": content_type}, json.dumps(event).encode())


def test_structured_mode() -> None:
    assert understood(structured(EVENT)) == [EVENT]


def test_binary_mode_has_its_attributes_in_headers() -> None:
    headers = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "7",
        "ce-source": "/probes/eu",
        "ce-type": "com.example.probe",
        "ce-subject": "k%C3%A4se%20100%25",
        "authorization": "Bearer x",
    }
    [found] = understood(Delivery(headers, json.dumps(DATA).encode()))
    assert found == {**EVENT, "datacontenttype": "application/json"}


def test_batched_mode_tells_of_several_and_of_none() -> None:
    second = {**EVENT, "id": "8"}
    assert understood(structured([EVENT, second], "application/cloudevents-batch+json")) == [EVENT, second]
    assert understood(structured([], "application/cloudevents-batch+json")) == []


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain"])
def test_an_event_whose_sender_names_it_otherwise_is_one_all_the_same(content_type: str) -> None:
    assert understood(structured(EVENT, content_type)) == [EVENT]


@pytest.mark.parametrize(
    ("content_type", "data", "is_read_as"),
    [
        (None, b'{"a": 1}', {"a": 1}),
        ("application/vnd.acme+json", b'{"a": 1}', {"a": 1}),
        ("text/plain", "Überlast".encode(), "Überlast"),
        ("application/json", b"", None),
    ],
)
def test_data_in_base64_is_read_by_its_type(content_type: str | None, data: bytes, is_read_as: Any) -> None:
    event = {name: value for name, value in EVENT.items() if name != "data"}
    typed = {"datacontenttype": content_type} if content_type else {}
    [found] = understood(structured({**event, **typed, "data_base64": base64.b64encode(data).decode()}))
    assert found["data"] == is_read_as
    assert "data_base64" not in found


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({**EVENT, "specversion": "0.3"}, "specversion"),
        ({**EVENT, "id": ""}, "`id`"),
        ({**EVENT, "source": 7}, "`source`"),
        ({name: value for name, value in EVENT.items() if name != "type"}, "`type`"),
        ({**EVENT, "data_base64": "%%%"}, "Base64"),
        ({**EVENT, "data_base64": base64.b64encode(b"{").decode()}, "JSON"),
        ("an event", "specversion"),
        (None, "specversion"),
    ],
)
def test_what_is_no_event_says_what_is_missing(event: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        understood(structured(event))


def test_events_in_another_format_are_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="avro"):
        events_of(Delivery({"content-type": "application/cloudevents+avro"}, b"\x00"))
