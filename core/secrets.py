"""Secrets are references. The value is fetched when it is used, and the type that carries it prints `***`."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from tieline.core.redaction import conceal, conceal_token
from tieline.core.ways import PLACEHOLDER

KINDS: Final = frozenset({"env", "file", "keyring"})
"""The kinds of references."""


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

    def reveal(self, *, passing: bool = False) -> str:
        """The value. Raises LookupError with a sentence that names the reference, never the value. A `passing` one
        changes often, and is not remembered for ever."""
        value = self._value if self._value is not None else self._look_up()
        if value == PLACEHOLDER:
            raise LookupError(f"{self.reference} still holds `{PLACEHOLDER}`; put the secret there")
        (conceal_token if passing else conceal)(value)
        return value

    @property
    def keeps(self) -> bool:
        """Whether a new value can take the place of this one."""
        return self._value is not None or self._kind in ("file", "keyring")

    def check_keeping(self) -> None:
        """Raises LookupError where `keep` would, as far as can be told beforehand."""
        if not self.keeps:
            raise LookupError(f"{self.reference} cannot take a new value; write {{file: /path}} or {{keyring: …}}")
        folder = Path(self._name).resolve().parent
        if self._kind == "file" and self._value is None and not os.access(folder, os.W_OK | os.X_OK):
            raise LookupError(f"a new value for {self._name} cannot be kept: {folder} cannot be written to")

    def keep(self, value: str) -> None:
        """Put a new value where this one is: at once and whole, and only for us to read. Raises LookupError."""
        conceal_token(value)
        self.check_keeping()
        if self._value is not None:
            self._value = value
        elif self._kind == "file":
            _write_private(Path(self._name), value)
        else:
            _write_keyring(self._name, value)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the block runs, no other process of this machine is in such a block for the same file."""
        if self._kind != "file" or self._value is not None:
            yield
            return
        path = Path(self._name).resolve()
        try:
            lock = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise LookupError(f"a new value for {path} cannot be kept: {path.parent}: {why}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @property
    def exposure(self) -> str | None:
        """Why this secret is none: a sentence about a file that everyone may read, or None."""
        return _exposure(Path(self._name)) if self._kind == "file" and self._value is None else None

    def _look_up(self) -> str:
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
            if kind in KINDS and isinstance(name, str) and name:
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


def secrets_in(value: Any, path: str = "") -> Iterator[tuple[str, Secret]]:
    """Every secret inside a value, a model or a mapping, with its path."""
    match value:
        case Secret():
            yield path, value
        case BaseModel():
            for name in type(value).model_fields:
                yield from secrets_in(getattr(value, name), f"{path}.{name}" if path else name)
        case Mapping():
            for name, item in value.items():
                yield from secrets_in(item, f"{path}.{name}")
        case list() | tuple():
            for at, item in enumerate(value):
                yield from secrets_in(item, f"{path}[{at}]")
        case _:
            return


def _read_private(path: Path) -> str:
    try:
        exposed = _exposure(path)
        if exposed is not None:
            raise LookupError(exposed)
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise LookupError(f"the secret file {path} is not UTF-8 text; write the secret anew") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise LookupError(f"the secret file {path} cannot be read: {why}") from None


def _write_private(path: Path, value: str) -> None:
    path = path.resolve()
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    try:
        # By descriptor: the file is private from its first moment.
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(value.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            draft.unlink()
        why = getattr(error, "strerror", None) or str(error)
        raise LookupError(f"a new value for {path} cannot be kept: {why}") from None


def _exposure(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return None  # Not there, or not ours to look at: that shows when it is read.
    if not stat.S_ISDIR(mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
        return f"{path} can be read by everyone on this machine; run `chmod 600 {path}`"
    return None


def _read_keyring(name: str) -> str:
    service, _, user = name.partition("/")
    try:
        import keyring
    except ImportError:
        raise LookupError(f"the reference keyring:{name} needs the extra: pip install 'tieline[keyring]'") from None
    try:
        value = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - no back end, a locked one, a bus that is away: each has its own class
        why = f"{type(error).__name__}: {error}"
        raise LookupError(f"the keyring cannot be asked for {service}/{user}: {why}") from None
    if value is None:
        raise LookupError(f"the keyring has no entry {service}/{user}; add it with `keyring set {service} {user}`")
    return value


def _write_keyring(name: str, value: str) -> None:
    service, _, user = name.partition("/")
    try:
        import keyring

        keyring.set_password(service, user, value)
    except Exception as error:  # noqa: BLE001 - no back end, a locked one, a bus that is away: each has its own class
        # Without the error's words: a back end may quote what it was given.
        raise LookupError(f"a new value for keyring:{name} cannot be kept: {type(error).__name__}") from None
