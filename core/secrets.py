"""Secrets are references. The value is fetched when it is used, and the type that carries it prints `***`."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Secret:
    """A credential by reference, never by value: `{env: NAME}`, `{file: /path}` or `{keyring: service/name}`."""

    __slots__ = ("_kind", "_name", "_value")

    def __init__(self, kind: str, name: str, value: str | None = None) -> None:
        self._kind = kind
        self._name = name
        self._value = value

    @classmethod
    def literal(cls, value: str) -> Secret:
        """A secret given in code (tests, simulators). Configuration files cannot express one."""
        return cls("literal", "", value)

    def reveal(self) -> str:
        """The value. Raises LookupError with a sentence that names the reference, never the value."""
        if self._value is not None:
            return self._value
        match self._kind:
            case "env":
                value = os.environ.get(self._name)
                if not value:
                    raise LookupError(
                        f"the environment variable {self._name} is not set; export it or change the reference"
                    )
                return value
            case "file":
                return _read_private(Path(self._name))
            case _:
                return _read_keyring(self._name)

    @property
    def reference(self) -> str:
        """Where the value is to be found, safe to show."""
        return f"{self._kind}:{self._name}" if self._kind != "literal" else "***"

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self._kind, self._name, self._value) == (
            other._kind,
            other._name,
            other._value,
        )

    def __hash__(self) -> int:
        return hash((self._kind, self._name, self._value))

    @classmethod
    def parse(cls, value: Any) -> Secret:
        """Understand a reference from a configuration file. Raises ValueError for a value written in the open."""
        if isinstance(value, Secret):
            return value
        if isinstance(value, Mapping) and len(value) == 1:
            kind, name = next(iter(value.items()))
            if kind in ("env", "file", "keyring") and isinstance(name, str) and name:
                return cls(kind, name)
        raise ValueError("write a reference, not the secret: {env: NAME}, {file: /path} or {keyring: service/name}")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        reference = core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(lambda secret: secret.reference)
        )
        return core_schema.json_or_python_schema(json_schema=reference, python_schema=reference)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "type": "object",
            "description": "A reference to a secret: {env: NAME}, {file: /path} or {keyring: service/name}.",
            "properties": {kind: {"type": "string", "minLength": 1} for kind in ("env", "file", "keyring")},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }


def _read_private(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IROTH | stat.S_IWOTH):
            raise LookupError(f"{path} can be read by everyone on this machine; run `chmod 600 {path}`")
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise LookupError(f"the secret file {path} cannot be read: {error.strerror}") from None


def _read_keyring(name: str) -> str:
    service, _, user = name.partition("/")
    try:
        import keyring
    except ImportError:
        raise LookupError(f"the reference keyring:{name} needs the extra: pip install 'tieline[keyring]'") from None
    value = keyring.get_password(service, user)
    if value is None:
        raise LookupError(f"the keyring has no entry {service}/{user}; add it with `keyring set {service} {user}`")
    return value
