"""Comments: who reads them is proved, never assumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.jira.issue import PROPERTY, is_by, moment, token_in, user_ids
from tieline.adapters.jira.settings import JiraSettings, Readers
from tieline.adapters.jira.wire import Wire
from tieline.core.errors import Gone, Rejected
from tieline.core.http import written
from tieline.core.model import Audience
from tieline.core.port import Body, Ref, RemoteComment, Token

INTERNAL_PROPERTY: Final = "sd.public.comment"
"""The comment property that hides a comment from a service project's customers. The default is public."""


def audience(comment: Body, readers: Readers) -> Audience:
    """Who may read it. What does not prove itself public is internal."""
    match readers:
        case Readers.JSM:
            # A role restriction does not hide a comment from the portal; only `jsdPublic` tells.
            return Audience.CUSTOMERS if comment.get("jsdPublic") is True else Audience.STAFF
        case Readers.PUBLIC:
            return Audience.STAFF if comment.get("visibility") else Audience.CUSTOMERS
        case Readers.INTERNAL:
            return Audience.STAFF


def properties(comment: Body) -> Mapping[str, Any] | None:
    """The properties that came along (`expand=properties`), or None when the site does not send them."""
    held = comment.get("properties")
    if not isinstance(held, list):
        return None
    return {str(one.get("key")): one.get("value") for one in held if isinstance(one, dict)}


def remote_comment(comment: Body, account: str, readers: Readers, token: Token | None) -> RemoteComment:
    """The port's view of a comment; `account` is our own id."""
    author = comment.get("author") or {}
    identities = user_ids(author)
    return RemoteComment(
        id=str(comment["id"]),
        body=comment["body"],
        author=author.get("emailAddress") or author.get("displayName") or (identities[0] if identities else ""),
        created_at=moment(comment["created"]) if comment.get("created") else None,
        audience=audience(comment, readers),
        ours=is_by(author, account),
        token=token,
    )


def token_of(comment: Body) -> Token | None:
    """The token, where the properties came along."""
    return token_in((properties(comment) or {}).get(PROPERTY))


def request(body: Any, visible: Audience, token: Token, readers: Readers, role: str | None) -> dict[str, Any]:
    """The comment as Jira wants it written."""
    held: list[dict[str, Any]] = [{"key": PROPERTY, "value": {"token": token}}]
    written: dict[str, Any] = {"body": body, "properties": held}
    if readers is Readers.JSM:
        held.append({"key": INTERNAL_PROPERTY, "value": {"internal": visible is not Audience.CUSTOMERS}})
    elif readers is Readers.PUBLIC and visible is not Audience.CUSTOMERS and role:
        written["visibility"] = {"type": "role", "value": role}
    return written


def edit_request(body: Any, visible: Audience, readers: Readers, role: str | None) -> dict[str, Any]:
    """The edit as Jira wants it written. Who may read a comment is said anew, or the restriction would go."""
    if readers is Readers.PUBLIC and visible is not Audience.CUSTOMERS and role:
        return {"body": body, "visibility": {"type": "role", "value": role}}
    return {"body": body}


class Comments:
    """The comments of one connection's issues."""

    def __init__(self, wire: Wire, settings: JiraSettings) -> None:
        self._wire = wire
        self._readers = settings.audience
        self._role = settings.internal_role

    @property
    def audiences(self) -> frozenset[Audience]:
        """Whom a comment can be for here: an open project without a role for its own people has customers alone."""
        match self._readers:
            case Readers.JSM:
                return frozenset({Audience.STAFF, Audience.CUSTOMERS})
            case Readers.PUBLIC:
                return frozenset({Audience.CUSTOMERS, Audience.STAFF} if self._role else {Audience.CUSTOMERS})
            case Readers.INTERNAL:
                return frozenset({Audience.STAFF})

    def of(self, ref: Ref, account: str) -> list[RemoteComment]:
        """All of them, oldest first; `account` is our own id. Raises Gone."""
        found: dict[str, Body] = {}
        start = 0
        while True:
            query: dict[str, str | int] = {
                "startAt": start,
                "maxResults": 100,
                "orderBy": "created",
                "expand": "properties",
            }
            page = self._wire.get(_path(ref), query, has=("comments", "startAt", "total")).json
            # A comment deleted meanwhile shifts the positions, so each page starts one row early.
            found.update({str(one["id"]): one for one in page["comments"]})
            end = int(page["startAt"]) + len(page["comments"])
            if not page["comments"] or end >= int(page["total"]):
                break
            start = max(end - 1, start + 1)
        return [self._understood(one, account) for one in found.values()]

    def add(self, ref: Ref, body: Any, visible: Audience, token: Token, account: str) -> RemoteComment:
        """Write, read back, and take it back when it came out for others than asked."""
        if self._readers is Readers.PUBLIC and visible is not Audience.CUSTOMERS and not self._role:
            raise Rejected(
                self._wire.connection,
                "comments are public here; set `internal_role` to the project role that may read internal ones.",
            )
        made = str(
            self._wire.post(_path(ref), request(body, visible, token, self._readers, self._role), has=("id",)).json[
                "id"
            ]
        )
        with written(self._wire.connection, f"comment {made} was written"):
            held = self._wire.get(f"{_path(ref)}/{made}", {"expand": "properties"}, has=("id", "body")).json
        if not self._as_asked(held, visible):
            raise self._taken_back(ref, made, visible)
        return self._understood(held, account)

    def edit(self, ref: Ref, comment: str, body: Any, visible: Audience, account: str) -> RemoteComment:
        """Give a comment of ours another body, and prove that it is as wide as it was. Raises Gone."""
        place = f"{_path(ref)}/{quote(comment, safe='')}"
        self._wire.put(place, edit_request(body, visible, self._readers, self._role))
        with written(self._wire.connection, f"comment {comment} was written"):
            held = self._wire.get(place, {"expand": "properties"}, has=("id", "body")).json
        if not self._as_asked(held, visible):
            raise self._taken_back(ref, comment, visible)
        return self._understood(held, account)

    def _as_asked(self, held: Body, visible: Audience) -> bool:
        if self._readers is Readers.INTERNAL:
            return "jsdPublic" not in held or held["jsdPublic"] is False or visible is Audience.CUSTOMERS
        if self._readers is Readers.JSM and "jsdPublic" not in held:
            return False
        return audience(held, self._readers) is visible

    def _taken_back(self, ref: Ref, made: str, visible: Audience) -> Rejected:
        try:
            self._wire.delete(f"{_path(ref)}/{made}")
            fate = "and was deleted again"
        except (Rejected, Gone):
            fate = "and could not be deleted; delete it by hand"
        return Rejected(
            self._wire.connection,
            f"comment {made} on issue {ref} did not come out for {visible} alone {fate}. "
            "Check that `audience` says what the project is.",
        )

    def _understood(self, comment: Body, account: str) -> RemoteComment:
        token = token_of(comment)
        if token is None and properties(comment) is None and is_by(comment.get("author") or {}, account):
            token = self._token_alone(str(comment["id"]))
        return remote_comment(comment, account, self._readers, token)

    def _token_alone(self, comment: str) -> Token | None:
        """For sites that do not send properties along: one more call for each comment of ours."""
        try:
            return token_in(self._wire.get(f"/comment/{comment}/properties/{PROPERTY}").json.get("value"))
        except Gone:
            return None


def _path(ref: Ref) -> str:
    return f"/issue/{quote(ref, safe='')}/comment"
