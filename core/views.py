"""Views: what can be looked at, each declared once. Its command, its call, its right and its JSON follow.

    WHO = View("oncall who", run=who, needs="rota.read", words=("rota",))

    def who(look: Look, ask: Who) -> OnCall: ...

The function reads and does nothing else. What whoever asks may not see is not there for it. A list comes in pages: it
is asked by a `Paged` and answered by a `Listing`, and goes on after a key and not after a count, so that what is added
or removed meanwhile moves nothing.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Generic, TypeVar, cast

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic_core import CoreSchema

from tieline.core.arguments import Answer, Ask, Cursor
from tieline.core.declared import Declared, Register
from tieline.core.errors import Misfit

Moment = Annotated[
    datetime,
    PlainSerializer(datetime.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment that an answer tells."""


class Row(BaseModel):
    """One row of a list, or a part of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Sparse(Row):
    """A part of an answer whose fields are left out where they do not apply: those that were not given."""

    @model_serializer(mode="wrap")
    def _given(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if name in self.model_fields_set}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> dict[str, Any]:
        """Of its fields: what is left out changes nothing of the others."""
        fields = {name: part for name, part in core_schema.items() if name != "serialization"}
        return handler(cast("CoreSchema", fields))


R = TypeVar("R", bound=Row)
T = TypeVar("T")

MOST: Final = 10_000
"""Rows of one page."""
_LIMIT: Final = f"At most so many; {MOST:,} is the most."


@dataclass(frozen=True, slots=True)
class View(Declared):
    """One view: its function is called with the look (a `Look`, and for views of the engine more than that) and with
    what was asked, and answers what there is to see."""

    run: Callable[[Any, Any], Answer]


class Views(Register[View]):
    """The views that can be asked for, by name."""

    WHAT: ClassVar[str] = "view"


class Paged(Ask):
    """What a list is asked for."""

    limit: int = Field(default=50, ge=1, le=MOST, description=_LIMIT)
    after: Cursor | None = Field(default=None, description="Go on where a page ended: its `next`.")


class Long(Paged):
    """What a list is asked for that mostly is one page."""

    limit: int = Field(default=1_000, ge=1, le=MOST, description=_LIMIT)


class Listing(Answer, Generic[R]):
    """A page of a list. `next` is what `after` takes to go on; None where nothing follows."""

    items: tuple[R, ...]
    next: str | None = None

    def more(self) -> tuple[str, ...]:
        """The sentence that says how to go on."""
        return () if self.next is None else (f"There are more: --after {self.next}",)


_LARGEST: Final = 2**63 - 1
"""No row of a store has a larger number."""


class Keyset:
    """The order of a list, by a key that no two of its rows share. `kinds` are the types of what the key is made of."""

    def __init__(self, name: str, *kinds: type[int | str]) -> None:
        self._name, self._kinds = name, (str, *kinds)

    def cursor(self, *key: int | str) -> str:
        """What stands for a place in the list: after the row of this key."""
        return urlsafe_b64encode(orjson.dumps([self._name, *key])).decode().rstrip("=")

    def after(self, cursor: str) -> tuple[Any, ...]:
        """The key that a cursor stands for. Raises ValueError for what is no cursor of this list."""
        try:
            name, *key = told = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (ValueError, TypeError):
            raise self._not_one() from None
        if tuple(map(type, told)) != self._kinds or name != self._name or not all(map(_is_kept, key)):
            raise self._not_one()
        return tuple(key)

    def page(
        self, found: Sequence[T], ask: Paged, key: Callable[[T], tuple[int | str, ...]]
    ) -> tuple[list[T], str | None]:
        """The page that was asked for, of the rows after its cursor, and the cursor of the next: there is none where
        no more were found."""
        rows = list(found[: ask.limit])
        return rows, self.cursor(*key(rows[-1])) if len(found) > ask.limit else None

    def _not_one(self) -> ValueError:
        return Misfit(f"that is no place in this list; take `next` of a page of `{self._name}`, as it is")


def _is_kept(part: object) -> bool:
    return not isinstance(part, int) or abs(part) <= _LARGEST
