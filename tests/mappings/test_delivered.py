"""What a mapping says of webhooks, and what is wrong with it, at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.core.deliveries import Deliveries
from tieline.mappings import check, load

HEAD = "tool: webhook\nrecord: signal\nfields: {firing: {from: state, 'yes': [a], 'no': [b]}}\ndeliveries:\n"


def file(folder: Path, text: str) -> Path:
    path = folder / "sender.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Deliveries:
    found = load(file(folder, text)).document.deliveries
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("  key: a\n", "5:3 MAP003", "no `episode`"),
        ("  episode: a..b\n", "5:12 MAP009", "a..b"),
        ("  episode: [a, 'b.']\n", "5:16 MAP009", "b."),
        ("  episode: {}\n", "5:12 MAP002", "empty"),
        ("  episode: a\n  form: xml\n", "6:9 MAP002", "xml"),
        ("  episode: a\n  onec: b\n", "6:3 MAP001", "onec"),
        ("  episode: a\n  once_header: 'Request Id'\n", "6:16 MAP002", "header"),
        ("  episode: a\n  once_header: X-Id\n  signature: {header: X}\n", "6:3 MAP003", "not signed"),
        ("  episode: a\n  leaves_out: {'b.': [x]}\n", "6:16 MAP009", "b."),
        ("  episode: a\n  leaves_out: {b: []}\n", "6:19 MAP002", "empty list"),
        ("  episode: a\n  labels: {rule: b.}\n", "6:18 MAP009", "b."),
        ("  episode: a\n  signature: {algorithm: sha256}\n", "6:14 MAP003", "no `header`"),
        ("  episode: a\n  signature: {header: 'X:'}\n", "6:23 MAP002", "header"),
        ("  episode: a\n  signature: {header: X, algorithm: md5}\n", "6:37 MAP002", "md5"),
        ("  episode: a\n  signature: {header: X, encoding: base32}\n", "6:36 MAP002", "base32"),
        ("  episode: a\n  signature: {header: X, signs: '{x-id}'}\n", "6:33 MAP003", "body out"),
        ("  episode: a\n  signature: {header: X, timestamp: X-T}\n", "6:26 MAP003", "not signed"),
        ("  episode: a\n  signature: {header: X, signs: '{timestamp}{body}'}\n", "6:33 MAP003", "where it stands"),
        ("  episode: a\n  signature: {header: X, timestamp_prefix: t=}\n", "6:26 MAP003", "`timestamp`"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, text: str, place: str, sentence: str) -> None:
    [problem] = check(file(tmp_path, text))
    assert f"{problem.line}:{problem.column} {problem.code}" == place
    assert sentence in problem.what
    assert problem.what.endswith(".") and problem.fix


def test_kinds_of_alerts_have_their_episodes_in_different_places(tmp_path: Path) -> None:
    [spot] = read(tmp_path, "  episode: {issue: [a.id, b.id], metric: c.id}\n").episode
    assert spot.read({"a": {"id": ""}, "b": {"id": 7}, "c": {"id": 7}}) == "issue:7"
    assert spot.read({"c": {"id": 7}}) == "metric:7"
    assert "metric" not in str(spot.read({"c": {"id": None}}))
    assert spot.path == "a.id or b.id or c.id"


def test_the_first_place_that_holds_something_is_the_key(tmp_path: Path) -> None:
    key = read(tmp_path, "  episode: a\n  key: [b, c, d]\n").key
    assert key is not None
    assert key.read({"b": None, "c": "", "d": "here"}) == "here"


def test_a_signed_header_may_tell_deliveries_apart(tmp_path: Path) -> None:
    text = "  episode: a\n  once_header: X-Id\n  signature: {header: X, signs: '{X-Id}.{body}'}\n"
    assert read(tmp_path, text).once_header == "x-id"


def test_an_overlay_says_how_a_shipped_mapping_is_signed_or_that_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "overlay.yaml"
    path.write_text("deliveries: {signature: {header: X-Mine, encoding: base64}}\n", encoding="utf-8")
    found = load("webhook-alert", path).document.deliveries
    assert found is not None and found.signature is not None
    assert (found.signature.header, found.signature.signs) == ("x-mine", ("{body}",))
    path.write_text("deliveries: {signature: null}\n", encoding="utf-8")
    bare = load("sentry-alert", path).document.deliveries
    assert bare is not None and bare.signature is None
