"""What the simulated site takes on its screens, and how it refuses: each field by its id, all faults at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PRIORITIES: Final = {"1": "Highest", "2": "High", "3": "Medium", "4": "Low", "5": "Lowest"}
RESOLUTIONS: Final = {
    "10000": "Done",
    "10001": "Won't Do",
    "10002": "Duplicate",
    "10003": "Cannot Reproduce",
}
LONGEST_TEXT: Final = 32767
LONGEST_LABEL: Final = 255
_NODES: Final = frozenset(
    {
        "paragraph", "text", "heading", "bulletList", "orderedList", "listItem", "codeBlock", "blockquote", "rule",
        "hardBreak", "mention", "emoji", "inlineCard", "table", "tableRow", "tableCell", "tableHeader", "panel", "date",
        "expand", "nestedExpand", "mediaSingle", "mediaGroup", "media", "mediaInline", "status", "taskList", "taskItem",
        "decisionList", "decisionItem", "blockCard", "embedCard", "caption", "placeholder", "layoutSection",
        "layoutColumn", "extension", "inlineExtension", "bodiedExtension",
    }
)  # fmt: skip
_HOLDS: Final[Mapping[str, frozenset[str]]] = {
    "bulletList": frozenset({"listItem"}),
    "orderedList": frozenset({"listItem"}),
    "table": frozenset({"tableRow"}),
    "tableRow": frozenset({"tableHeader", "tableCell"}),
    "layoutSection": frozenset({"layoutColumn"}),
    "mediaSingle": frozenset({"media", "caption"}),
}
"""What alone may stand in a node, after Atlassian's schema of the format."""


class Refused(Exception):
    """Jira's 400: messages, and errors by field id."""

    def __init__(self, errors: Mapping[str, str] | None = None, *messages: str) -> None:
        super().__init__(*messages)
        self.body = {"errorMessages": list(messages), "errors": dict(errors or {})}


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """A field of the site. `options` by id for closed choices; `kind` decides how a value is read."""

    id: str
    name: str
    kind: str
    options: Mapping[str, str] = field(default_factory=dict)

    def schema(self) -> dict[str, Any]:
        kinds = {"text": "string", "line": "string", "labels": "array", "option": "option"}
        schema: dict[str, Any] = {"type": kinds.get(self.kind, self.kind)}
        if self.kind == "labels":
            schema["items"] = "string"
        if self.id.startswith("customfield_"):
            return schema | {
                "custom": "com.atlassian.jira.plugin.system.customfieldtypes:select",
                "customId": int(self.id[12:]),
            }
        return schema | {"system": self.id}

    def shown(self, required: bool, base: str) -> dict[str, Any]:
        """The field as createmeta, editmeta and transition screens show it."""
        fact: dict[str, Any] = {
            "required": required,
            "schema": self.schema(),
            "name": self.name,
            "key": self.id,
            "hasDefaultValue": self.id == "priority",
            "operations": ["add", "set", "remove"] if self.kind == "labels" else ["set"],
        }
        if self.options:
            fact["allowedValues"] = [self.option(identity, base) for identity in self.options]
        return fact

    def option(self, identity: str, base: str) -> dict[str, Any]:
        word = "value" if self.kind == "option" else "name"
        return {"self": f"{base}/rest/api/3/{self.id}/{identity}", word: self.options[identity], "id": identity}


FIELDS: Final = {
    one.id: one
    for one in (
        FieldDefinition("comment", "Comment", "text"),
        FieldDefinition("summary", "Summary", "line"),
        FieldDefinition("description", "Description", "text"),
        FieldDefinition("environment", "Environment", "text"),
        FieldDefinition("priority", "Priority", "priority", PRIORITIES),
        FieldDefinition("labels", "Labels", "labels"),
        FieldDefinition("assignee", "Assignee", "user"),
        FieldDefinition("reporter", "Reporter", "user"),
        FieldDefinition("resolution", "Resolution", "resolution", RESOLUTIONS),
        FieldDefinition("customfield_10050", "Service", "line"),
        FieldDefinition("customfield_10051", "Impact", "option", {"1": "Extensive", "2": "Moderate", "3": "Minor"}),
        FieldDefinition("customfield_10052", "Root cause", "text"),
    )
}

CREATE_SCREEN: Final = {
    "summary": True, "description": False, "priority": False, "labels": False, "assignee": False, "reporter": False,
    "customfield_10050": False, "customfield_10051": False,
}  # fmt: skip
EDIT_SCREEN: Final = {**CREATE_SCREEN, "environment": False, "customfield_10052": False}


def read(
    wanted: Mapping[str, Any],
    screen: Mapping[str, bool],
    field_of: Callable[[str], FieldDefinition],
    *,
    rich: bool,
    base: str,
    person: Callable[[Any], Any],
) -> dict[str, Any]:
    """The stored values for what a request wants to set. Raises Refused with every fault found."""
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, value in wanted.items():
        if name not in FIELDS or name not in screen:
            errors[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
            continue
        try:
            values[name] = _value(field_of(name), value, rich=rich, base=base, person=person)
        except ValueError as error:
            errors[name] = str(error)
    if errors:
        raise Refused(errors)
    return values


def _value(definition: FieldDefinition, value: Any, *, rich: bool, base: str, person: Callable[[Any], Any]) -> Any:
    match definition.kind:
        case "line":
            return _line(definition, value)
        case "text":
            return document(value) if rich else _text(value)
        case "labels":
            return _labels(value)
        case "user":
            return None if value is None else person(value)
        case _:
            return _option(definition, value, base)


def _line(definition: FieldDefinition, value: Any) -> Any:
    if value is None and definition.id != "summary":
        return None
    if not isinstance(value, str):
        raise ValueError("Operation value must be a string")
    if definition.id == "summary" and not value.strip():
        raise ValueError("You must specify a summary of the issue.")
    if "\n" in value or "\r" in value:
        raise ValueError("The summary is invalid because it contains newline characters.")
    if len(value) > 255:
        raise ValueError("Summary must be less than 255 characters.")
    return value.strip()


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("Operation value must be a string")
    if value is not None and len(value) > LONGEST_TEXT:
        raise ValueError(f"The entered text is too long. It exceeds the allowed limit of {LONGEST_TEXT:,} characters.")
    return value or None


def document(value: Any) -> Any:
    """Atlassian Document Format, or ValueError; an empty document is stored as nothing."""
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("type") != "doc" or value.get("version") != 1:
        raise ValueError("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
    words: list[str] = []
    _nodes(value.get("content"), words)
    if sum(map(len, words)) > LONGEST_TEXT:
        raise ValueError(f"The entered text is too long. It exceeds the allowed limit of {LONGEST_TEXT:,} characters.")
    return value if value.get("content") else None


def _nodes(content: Any, words: list[str]) -> None:
    stack = [content]
    while stack:
        nodes = stack.pop()
        if not isinstance(nodes, list):
            raise ValueError("INVALID_INPUT: content must be a list of nodes")
        for node in nodes:
            if not isinstance(node, dict) or node.get("type") not in _NODES:
                raise ValueError("INVALID_INPUT: unknown node")
            if node["type"] == "text":
                if not isinstance(node.get("text"), str) or not node["text"]:
                    raise ValueError("INVALID_INPUT: a text node needs text")
                words.append(node["text"])
            if "content" in node:
                stack.append(node["content"])
                _refuse_misplaced(node)


def _refuse_misplaced(node: Mapping[str, Any]) -> None:
    kinds = [one.get("type") for one in node["content"] or () if isinstance(one, dict)]
    allowed = _HOLDS.get(node["type"])
    if allowed is not None and not allowed.issuperset(kinds):
        raise ValueError(f"INVALID_INPUT: {node['type']} may not hold these nodes")
    if node["type"] == "listItem" and kinds[:1] in (["bulletList"], ["orderedList"]):
        raise ValueError("INVALID_INPUT: a listItem may not begin with a list")


def _labels(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("data was not an array")
    for label in value:
        if any(character.isspace() for character in label) or not label:
            raise ValueError(f"The label '{label}' contains spaces which is invalid.")
        if len(label) > LONGEST_LABEL:
            raise ValueError(f"The label '{label}' exceeds the maximum length of {LONGEST_LABEL} characters.")
    return sorted(set(value))


def _option(definition: FieldDefinition, value: Any, base: str) -> Any:
    if value is None and definition.id != "priority":
        return None
    word = "value" if definition.kind == "option" else "name"
    if isinstance(value, dict):
        for identity, name in definition.options.items():
            if str(value.get("id", "")) == identity or value.get(word) == name:
                return definition.option(identity, base)
    raise ValueError(f"The {definition.name.lower()} selected is invalid.")
