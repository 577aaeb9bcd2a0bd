"""Listings that one odd record does not spoil: for adapters, which build their readings here one by one.

A member may be missing, a date may be none, a null may stand where a text was: imports, plugins of the tool and rules
on single fields make such records. What is odd about one of them says nothing of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar

from tieline.core.errors import Gone, Rejected, RemoteError, TielineError, TryAgain
from tieline.core.port import Cursor, Page, Reading, Ref, Unreadable, Version

Item = TypeVar("Item")
Found = TypeVar("Found")

FAILED_IN_A_ROW: Final = 3
"""Records that could not be fetched, one after the other: the rest is not asked for now. It may be the tool."""


class Understood(NamedTuple, Generic[Found]):
    """What a listing holds: what was understood, in its order, and what was not."""

    found: list[Found]
    unreadable: list[Unreadable]


def understood(
    items: Iterable[Item],
    understand: Callable[[Item], Found],
    named: Callable[[Item], tuple[Ref | None, str]],
    apart: Callable[[Item], str] = lambda _item: "",
) -> Understood[Found]:
    """Understand each item by itself. `named` tells an odd one's ref and key as far as it has them, and `apart` what
    tells it from others with its key; they raise nothing.

    What concerns the connection (TryAgain, NeedsOperator) is raised.
    """
    found: list[Found] = []
    unreadable: list[Unreadable] = []
    for item in items:
        try:
            found.append(understand(item))
        except Rejected as error:
            unreadable.append(Unreadable(*named(item), str(error), apart(item)))
        except TielineError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is odd about one record must not cost the others
            unreadable.append(Unreadable(*named(item), odd(error), apart(item)))
    return Understood(found, unreadable)


class Listed(NamedTuple):
    """A page of a tool's listing: its rows, when it was answered by the tool's own clock, and where it goes on; "" at
    its end."""

    rows: Sequence[Mapping[str, Any]]
    at: datetime
    following: str


def by_change(
    start: datetime,
    look: datetime,
    *,
    since: Callable[[datetime], Listed],
    onward: Callable[[str], Listed],
    understand: Callable[[Mapping[str, Any], datetime], Reading],
    named: Callable[[Mapping[str, Any]], tuple[Ref | None, str]],
    changed: Callable[[Mapping[str, Any]], datetime | None],
    is_record: Callable[[Mapping[str, Any]], bool] = lambda _row: True,
) -> Iterator[Page]:
    """What changed since, of a listing in the order of when records changed, whose pages shift while people edit: each
    look goes on from the last change of the one before, and only within one moment from page to page. `look` is where
    the first one begins, a while before `start`; the cursor is the last change, by the tool's own clock.
    Rows that are no records count for the order alone."""
    upto, seen, listed = start, set[tuple[Ref, Version]](), since(look)
    while True:
        told = understood(filter(is_record, listed.rows), partial(_at, understand, listed.at), named)
        fresh = [one for one in told.found if (one.ref, one.version) not in seen]
        seen |= {(one.ref, one.version) for one in fresh}
        last = next((when for row in reversed(listed.rows) if (when := changed(row)) is not None), None)
        upto = max(upto, last or upto)
        yield Page(fresh, Cursor(upto.isoformat()), bool(listed.following), unreadable=told.unreadable)
        if not listed.following:
            return
        if last is None or last <= look:
            listed = onward(listed.following)  # more of one moment than a page holds
        else:
            look, listed = last, since(last)


def _at(understand: Callable[[Mapping[str, Any], datetime], Reading], at: datetime, row: Mapping[str, Any]) -> Reading:
    return understand(row, at)


def alone(connection: str, name: str, understand: Callable[[], Found]) -> Found:
    """Understand one record that was asked for by itself. Raises Rejected for an odd one: it is put aside by name."""
    try:
        return understand()
    except TielineError:
        raise
    except Exception as error:  # noqa: BLE001 - as above: an odd record is refused, whatever is odd about it
        raise Rejected(connection, f"{name} cannot be understood: {odd(error)}") from None


def answered(connection: str, name: str, understand: Callable[[], Found]) -> Found:
    """Understand the answer to a write. Raises TryAgain for an odd one: it was written, and what became of it shows
    when the record is read."""
    try:
        return understand()
    except TielineError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        words = f"{name} was written, and the answer cannot be understood: {odd(error)}"
        raise TryAgain(connection, words, maybe_done=True) from None


def fetched(refs: Iterable[Ref], read: Callable[[Ref], Reading]) -> Understood[Reading]:
    """Read the records that a listing named, each by itself. Those that are gone since are left out.

    A record that the tool cannot or will not bring, though it has just answered the listing, is unreadable: it is asked
    for alone later, and then it shows whether it is the record or the connection. Where several fail and none is
    brought, it is the tool: that is raised, as is a pace that it asks for.
    """
    found: list[Reading] = []
    unreadable: list[Unreadable] = []
    in_a_row = 0
    for ref in refs:
        if in_a_row >= FAILED_IN_A_ROW:
            unreadable.append(Unreadable(ref, "", "it was not fetched: those before it could not be"))
            continue
        try:
            found.append(read(ref))
            in_a_row = 0
        except Gone:
            in_a_row = 0
        except RemoteError as error:
            if isinstance(error, TryAgain) and (error.wait is not None or error.limit is not None):
                raise
            unreadable.append(Unreadable(ref, "", str(error)))
            # A refusal is about this record; of anything else nobody knows.
            in_a_row += not isinstance(error, Rejected)
            if in_a_row >= FAILED_IN_A_ROW and not found:
                raise
    return Understood(found, unreadable)


def odd(error: Exception) -> str:
    """What is odd, in words, from what went wrong while a record was understood."""
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r:.80}"
    if isinstance(error, ValueError) and str(error):
        return str(error)[:500]
    return f"{type(error).__name__}: {error}"[:500]
