"""How one field is written: where to, what goes along with it, and what empties it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tieline.core.model import FieldSpec, Value
from tieline.mappings.codecs import Codec, People, Refused, Write
from tieline.mappings.document import FieldRule, When
from tieline.mappings.paths import Path, put, put_constant

_NOTHING: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Writer:
    """One writable field. Where one canonical value is several of the tool's, `parts` stands in the place of `to`."""

    name: str
    to: Path
    codec: Codec
    write: Write
    when: When
    always: bool
    readable: bool
    parts: Mapping[str, Mapping[Path, Any]]
    needs: Mapping[str, tuple[str, ...]]
    takes: Mapping[str, tuple[str, ...]]
    beside: Mapping[Path, Any]
    clear: Any
    clearable: bool
    is_set: bool
    key: str
    """The name that the value is written under when that is all there is to do, else ""."""

    def project(self, value: Value, ids: People) -> Value | Refused:
        """What the tool reads back after `value` was written."""
        if value is None:
            return self._emptied()
        if self.parts and value not in self.parts:
            return self._wordless(value)
        return self.codec.project(value, ids)

    def write_into(self, body: dict[str, Any], value: Value, ids: People, link: str) -> Value | Refused:
        """Write `value` into `body` and answer what reads back; or say why not, and leave `body` alone."""
        if self.key and value is not None:  # the common case, short because a record has many fields
            written = self.write(value, ids, link)
            if isinstance(written, tuple):
                body[self.key], back = written
                return back
            return written
        if value is None and self.is_set:
            value = _NOTHING
        if value is None:
            emptied = self._emptied()
            if not isinstance(emptied, Refused):
                put_constant(body, self.to, self.clear)
            return emptied
        if self.parts:
            return self._write_parts(body, value, ids)
        written = self.codec.write(value, ids, link)
        if isinstance(written, Refused):
            return written
        raw, back = written
        self.put_into(body, raw)
        return back

    def put_into(self, body: dict[str, Any], raw: Any) -> None:
        """Write a value of the tool's own making."""
        put(body, self.to, raw)
        for path, constant in self.beside.items():
            put_constant(body, path, constant)

    def _write_parts(self, body: dict[str, Any], value: Value, ids: People) -> Value | Refused:
        parts = self.parts.get(str(value))
        if parts is None:
            return self._wordless(value)
        back = self.codec.project(value, ids)
        for path, raw in parts.items() if not isinstance(back, Refused) else ():
            put(body, path, raw)
        return back

    def _emptied(self) -> Value | Refused:
        if self.is_set:
            return _NOTHING
        if self.clearable and not self.parts:
            return None
        return Refused(f"{self.name}: this tool does not let it be empty.")

    def _wordless(self, value: Value) -> Refused:
        return Refused(f"{self.name}: this tool has no word for {value}; add it under write.")


def writes(rule: FieldRule) -> bool:
    """True for a field that is ever written."""
    return rule.when is not When.NEVER and (rule.to is not None or bool(rule.parts))


def writer(spec: FieldSpec, rule: FieldRule, made: Codec) -> Writer:
    """The writer of one rule."""
    return Writer(
        name=rule.name,
        to=rule.to or (),
        codec=made,
        write=made.write,
        when=rule.when,
        always=rule.when is When.ALWAYS,
        readable=bool(rule.read),
        parts=rule.parts,
        needs=rule.needs,
        takes=rule.takes,
        beside=rule.beside,
        clear=rule.clear,
        clearable=rule.clearable,
        is_set=spec.type.is_set,
        key=str(rule.to[0]) if rule.to and len(rule.to) == 1 and not rule.parts and not rule.beside else "",
    )
