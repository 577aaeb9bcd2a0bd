"""The stream of changes: what the search index lists, read afresh from the consistent side.

The index is asked only for ids and `updated`; bodies come from `/issue/bulkfetch` (Cloud) or one by one (Data Center,
whose search gives no entity properties), so that a reading is never as old as the index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.jira.issue import FIELDS, PROPERTY, milliseconds, token_of
from tieline.adapters.jira.jql import Place, Row
from tieline.adapters.jira.settings import Deployment
from tieline.adapters.jira.wire import Wire
from tieline.core.errors import Gone, NeedsOperator, Rejected, TryAgain
from tieline.core.listing import alone, fetched, understood
from tieline.core.port import Body, Page, Reading, Ref, Token

OVERLAPPING: Final = 5
"""Rows asked for again with each page by position, to notice rows that moved away in between."""

MOST_PAGES: Final = 10_000

SETTLED: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Issues from the consistent side, and the Date of the answer that brought each; some with their changelog."""

    issue: Body
    at: datetime | None
    changelog: Body | None = None


class Index:
    """The search index, page by page, in either dialect."""

    def __init__(self, wire: Wire, deployment: Deployment, page_size: int) -> None:
        self._wire = wire
        self._deployment = deployment
        self._page = page_size
        self.at: datetime | None = None
        """When the last answer was given, by the tool's clock."""

    def first(self, jql: str) -> list[str]:
        """The id of the first issue found, if any."""
        path = "/search/jql" if self._deployment is Deployment.CLOUD else "/search"
        found = self._ask(path, {"jql": jql, "fields": "updated", "maxResults": 1})
        return [str(issue["id"]) for issue in found["issues"]]

    def pages(self, jql: str, properties: str = "") -> Iterator[tuple[list[Body], bool]]:
        """Pages of bare issues (id, `updated`, our property on Cloud), and whether more follow."""
        if self._deployment is Deployment.CLOUD:
            return self._by_token(jql, properties)
        return self._by_position(jql)

    def _by_token(self, jql: str, properties: str) -> Iterator[tuple[list[Body], bool]]:
        query: dict[str, str | int] = {"jql": jql, "fields": "updated", "maxResults": self._page}
        if properties:
            query["properties"] = properties
        for _ in range(MOST_PAGES):
            found = self._ask("/search/jql", query)
            following = found.get("nextPageToken")
            more = bool(following) and found.get("isLast") is not True
            yield list(found["issues"]), more
            if not more:
                return
            if following == query.get("nextPageToken"):
                break
            query["nextPageToken"] = str(following)
        raise TryAgain(self._wire.connection, "the search does not end; the next pass starts from the last stored page")

    def _by_position(self, jql: str) -> Iterator[tuple[list[Body], bool]]:
        """Every page begins with the last rows of the one before. Where none of them is met, rows moved: step back."""
        passed: set[str] = set()
        start = 0
        for _ in range(MOST_PAGES):
            found = self._ask("/search", {"jql": jql, "fields": "updated", "startAt": start, "maxResults": self._page})
            rows: list[Body] = list(found["issues"])
            if start and not any(str(row["id"]) in passed for row in rows):
                start = max(0, start - self._page)
                continue
            end = start + len(rows)
            more = bool(rows) and end < int(found.get("total") or 0)
            yield [row for row in rows if str(row["id"]) not in passed], more
            if not more:
                return
            passed.update(str(row["id"]) for row in rows)
            start = max(end - min(OVERLAPPING, self._page // 2), start + 1)
        raise TryAgain(self._wire.connection, "the search does not end; the next pass starts from the last stored page")

    def _ask(self, path: str, query: dict[str, str | int]) -> Any:
        try:
            answer = self._wire.get(path, query, has=("issues",))
        except (Gone, Rejected) as error:
            if "nextPageToken" in query:
                raise TryAgain(self._wire.connection, f"the page token no longer holds ({error})") from None
            raise NeedsOperator(
                self._wire.connection,
                f"the search was refused ({error}); check `project`, `issue_type` and `jql`.",
            ) from None
        found, self.at = answer.json, answer.at
        if not isinstance(found["issues"], list) or not all(_is_row(one) for one in found["issues"]):
            raise TryAgain(self._wire.connection, f"GET {path} listed something that is not an issue")
        return found


def _is_row(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("id"), str | int)


def _row(issue: Body) -> Row:
    return Row(str(issue["id"]), milliseconds(issue["fields"]["updated"]))


def _named(issue: Any) -> tuple[Ref | None, str]:
    known: Body = issue if isinstance(issue, dict) else {}
    identity = known.get("id")
    return Ref(str(identity)) if isinstance(identity, str | int) else None, str(known.get("key") or "")


class Records:
    """Issues from the consistent side."""

    def __init__(self, wire: Wire, deployment: Deployment) -> None:
        self._wire = wire
        self._deployment = deployment

    def one(self, ref: str) -> Fetched:
        """Raises Gone."""
        return self._one(ref)

    def with_history(self, ref: str) -> Fetched:
        """As `one`, with the changelog. Raises Gone."""
        return self._one(ref, expand="changelog")

    def _one(self, ref: str, **more: str) -> Fetched:
        query: dict[str, str | int] = {"fields": ",".join(FIELDS), "properties": PROPERTY, **more}
        answer = self._wire.get(f"/issue/{quote(ref, safe='')}", query, has=("id", "key", "fields"))
        issue = alone(self._wire.connection, f"issue {answer.json['key']}", lambda: whole(answer.json))
        return apart(issue, answer.at)

    def many(self, refs: Sequence[str]) -> tuple[list[Body], list[str], datetime | None]:
        """On Cloud, the issues that Jira brings at once, those that it could not bring, and when it answered. Deleted
        ones are in neither. Whatever the deployment, what is not brought can be asked for by itself."""
        if self._deployment is not Deployment.CLOUD:
            return [], list(refs), None
        if not refs:
            return [], [], None
        body = {
            "issueIdsOrKeys": list(refs),
            "fields": list(FIELDS),
            "properties": [PROPERTY],
            "expand": ["changelog"],
        }
        try:
            answer = self._wire.send("POST", "/issue/bulkfetch", body=body, reads=True, has=("issues",))
        except Rejected:
            return [], list(refs), None
        except TryAgain as error:
            if error.wait is not None or error.limit is not None:
                raise
            return [], list(refs), None  # one of them may be what Jira stumbles over; who asks for each sees which
        # The payload of one issue may be too large to come with others: the answer says so, and brings the rest.
        failed = {str(one.get("id")) for one in answer.json.get("issueErrors") or [] if isinstance(one, dict)}
        issues = answer.json["issues"]
        brought = issues if isinstance(issues, list) else []
        there = {str(one.get("id")) for one in brought if isinstance(one, dict)}
        return brought, [ref for ref in refs if ref in failed - there], answer.at

    def token(self, ref: str) -> Token | None:
        """The create token on an issue, whatever else is odd about it. Raises Gone."""
        query: dict[str, str | int] = {"fields": "updated", "properties": PROPERTY}
        return token_of(self._wire.get(f"/issue/{quote(ref, safe='')}", query, has=("id",)).json)


def apart(issue: Body, at: datetime | None) -> Fetched:
    """An issue without its changelog, and the changelog."""
    plain = {name: part for name, part in issue.items() if name != "changelog"}
    told = issue.get("changelog")
    return Fetched(plain, at, told if isinstance(told, dict) else None)


def whole(issue: Any) -> Body:
    """An issue with the fields that every issue has. Raises ValueError."""
    fields = issue.get("fields") if isinstance(issue, dict) else None
    if not isinstance(fields, dict):
        raise ValueError("it has no `fields`")
    lacking = [name for name in ("updated", "status", "project") if not fields.get(name)]
    if lacking:
        raise ValueError(f"it has no {', '.join(f'`{name}`' for name in lacking)}")
    return issue  # type: ignore[no-any-return]  # an object, as was just seen


def _whole_reading(reading: Callable[[Fetched], Reading]) -> Callable[[Fetched], Reading]:
    return lambda one: reading(apart(whole(one.issue), one.at))


def _named_fetched(one: Fetched) -> tuple[Ref | None, str]:
    return _named(one.issue)


def passing(
    index: Index,
    records: Records,
    jql: str,
    place: Place,
    overlap: timedelta,
    horizon: int,
    reading: Callable[[Fetched], Reading],
) -> Iterator[Page]:
    """One pass over the changes after `place`, page by page."""
    for issues, more in index.pages(jql):
        rows, odd = understood(issues, _row, _named)
        wanted = [row.id for row in rows if place.wants(row, overlap)]
        # Of a row that the index shows without its time, the issue itself may be whole.
        brought, missing, at = records.many([*wanted, *(one.ref for one in odd if one.ref is not None)])
        at_once = understood([Fetched(issue, at) for issue in brought], _whole_reading(reading), _named_fetched)
        one_by_one = fetched([Ref(ref) for ref in missing], lambda ref: reading(records.with_history(ref)))
        place_of = {row.id: number for number, row in enumerate(rows)}
        readings = sorted([*at_once.found, *one_by_one.found], key=lambda one: place_of.get(one.ref, len(rows)))
        settled = {one.ref: (one.version, one.age is not None and one.age >= SETTLED) for one in readings}
        fresh = [one for one in readings if place.fresh(one.ref, one.version)]
        place = place.passed(
            rows, {str(ref): held for ref, held in settled.items()}, overlap, horizon if more else None
        )
        yield Page(fresh, place.pack(), more, unreadable=[*at_once.unreadable, *one_by_one.unreadable])
