"""Secrets: found where the reference says, shown to nobody."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tieline.core.secrets import Secret


class Holder(BaseModel):
    password: Secret


def test_the_environment_a_file_and_code_can_hold_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SNOW_PASSWORD", "canary")
    file = tmp_path / "secret"
    file.write_text("canary\n")
    file.chmod(0o600)
    assert Secret.parse({"env": "SNOW_PASSWORD"}).reveal() == "canary"
    assert Secret.parse({"file": str(file)}).reveal() == "canary"
    assert Secret.literal("canary").reveal() == "canary"


def test_a_secret_is_looked_up_each_time_so_that_it_can_be_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret.parse({"env": "SNOW_PASSWORD"})
    monkeypatch.setenv("SNOW_PASSWORD", "old")
    assert secret.reveal() == "old"
    monkeypatch.setenv("SNOW_PASSWORD", "new")
    assert secret.reveal() == "new"


@pytest.mark.parametrize("mode", [0o604, 0o606, 0o666, 0o602])
def test_a_file_that_everyone_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    file.write_text("canary")
    file.chmod(mode)
    with pytest.raises(LookupError, match="chmod 600") as caught:
        Secret.parse({"file": str(file)}).reveal()
    assert "canary" not in str(caught.value)


def test_what_is_not_there_is_said_by_its_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.setenv("EMPTY", "")
    for name in ("NOT_SET", "EMPTY"):
        with pytest.raises(LookupError, match=f"environment variable {name} is not set"):
            Secret.parse({"env": name}).reveal()
    with pytest.raises(LookupError, match="missing cannot be read: No such file"):
        Secret.parse({"file": str(tmp_path / "missing")}).reveal()


@pytest.mark.parametrize(
    "value", ["canary", {"value": "canary"}, {"env": ""}, {"env": 5}, {"env": "A", "file": "B"}, {}, [], None, 5, True]
)
def test_only_a_reference_is_understood_and_the_value_is_not_repeated_by_us(value: Any) -> None:
    with pytest.raises(ValueError, match="write a reference, not the secret") as caught:
        Secret.parse(value)
    assert "canary" not in str(caught.value)


def test_a_model_takes_references_and_gives_references_back() -> None:
    holder = Holder.model_validate({"password": {"env": "SNOW_PASSWORD"}})
    assert holder.password == Secret("env", "SNOW_PASSWORD")
    assert holder.model_dump(mode="json") == {"password": "env:SNOW_PASSWORD"}
    assert Holder.model_json_schema()["properties"]["password"]["maxProperties"] == 1
    with pytest.raises(ValidationError):
        Holder.model_validate({"password": "canary"})


def test_a_secret_shows_stars_wherever_it_is_printed(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret.literal("canary")
    holder = Holder(password=secret)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r %s %s", secret, secret, holder, {"secret": secret})
    shown = f"{secret} {secret!r} {holder} {holder!r} {[secret]} {secret.reference} {caplog.text}"
    assert "canary" not in shown + json.dumps(holder.model_dump(mode="json")) + str(copy.copy(secret))
    assert str(secret) == "***"


def test_equal_references_are_equal_secrets() -> None:
    assert Secret("env", "A") == Secret("env", "A")
    assert hash(Secret("env", "A")) == hash(Secret("env", "A"))
    assert Secret("env", "A") != Secret("file", "A")
    assert Secret.literal("x") != Secret.literal("y")
    assert Secret.literal("x") != "x"


def test_a_folder_is_no_secret_that_everybody_can_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    secret = Secret("file", str(tmp_path))
    assert secret.exposure is None
    with pytest.raises(LookupError, match="cannot be read: Is a directory"):
        secret.reveal()


def test_a_new_value_that_has_no_room_beside_the_old_one_is_told_as_not_kept(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 250)
    with pytest.raises(LookupError, match="cannot be kept: File name too long"):
        Secret("file", str(file)).keep("canary")
    assert list(tmp_path.iterdir()) == []
