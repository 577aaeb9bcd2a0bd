"""Runbooks as CACAO playbooks, and the other way round: OASIS CACAO Security Playbooks Version 2.0.

A step is an `action` whose command is `bash`; a gate is an `action` with a `manual` command before it; a guard that
compares one field with one text is an `if-condition`. What the standard has no words for stands in an extension, so
that a runbook which leaves and comes back is the same. Of a stranger's playbook, what would change what is done is
refused, and whatever else is not carried over is named.
"""

from __future__ import annotations

import re
import uuid
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from pydantic import ValidationError

from tieline.core.errors import Misfit
from tieline.plugins.runbook.policy import NAME, Otherwise, Runbook, Step

VERSION: Final = "cacao-2.0"
_SPACE: Final = uuid.UUID("9b1f0c52-6f3c-5f3c-8a44-6d0f3a2f6a51")
"""What our ids are made within, so that the same runbook has the same ones."""

EXTENSION: Final = f"extension-definition--{uuid.uuid5(_SPACE, 'extension')}"
_US: Final = f"identity--{uuid.uuid5(_SPACE, 'tieline')}"
_GUARD: Final = re.compile(r'(\w+) (==|!=) "([^"\'\\]*)"')
_CONDITION: Final = re.compile(r"\s*__(\w+)__:value\s*(==|=|!=)\s*'([^'\"\\]*)'\s*")
_VALUE: Final = re.compile(r"(__\w+?__):value")
_MILLISECOND: Final = timedelta(milliseconds=1)
_COMMANDS: Final = frozenset({"bash", "ssh"})
"""The types of commands that are taken over as they stand."""

_OF_PLAYBOOK: Final = frozenset(
    {
        *("type", "spec_version", "id", "name", "description", "created_by", "created", "modified", "revoked"),
        *("workflow", "workflow_start", "agent_definitions", "playbook_variables", "extension_definitions"),
        *("playbook_extensions", "playbook_types"),
    }
)
_OF_STEP: Final = frozenset(
    {
        *("type", "name", "description", "commands", "agent", "timeout", "on_completion", "on_success"),
        *("step_extensions", "condition", "on_true", "on_false"),
    }
)
_OF_COMMAND: Final = frozenset({"type", "command", "command_b64"})


def _id(kind: str, *words: str) -> str:
    return f"{kind}--{uuid.uuid5(_SPACE, chr(10).join(words))}"


# -- out ---------------------------------------------------------------------------------------------------------------


def exported(name: str, runbook: Runbook, at: datetime) -> dict[str, Any]:
    """A runbook as a playbook."""
    ends = _id("end", name), _id("end", name, "stopped")
    workflow: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    following = ends[0]
    for step in reversed(runbook.steps):
        following = _put(name, runbook, step, following, ends[1], workflow, variables)
    start = _id("start", name)
    runners = sorted({runbook.runner_of(step) for step in runbook.steps})
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
    own = runbook.model_dump(mode="json", exclude_defaults=True, exclude={"title", "steps"})
    stops = any(part.get("on_false") == ends[1] for part in workflow.values())
    return {
        "type": "playbook",
        "spec_version": VERSION,
        "id": _id("playbook", name),
        "name": runbook.title,
        "description": runbook.words,
        "playbook_types": ["remediation"],
        "created_by": _US,
        "created": stamp,
        "modified": stamp,
        **({"playbook_variables": variables} if variables else {}),
        "workflow_start": start,
        "workflow": {
            start: {"type": "start", "on_completion": following},
            **dict(reversed(workflow.items())),
            ends[0]: {"type": "end"},
            **({ends[1]: {"type": "end", "name": "stopped"}} if stops else {}),
        },
        "agent_definitions": {
            **{_agent(runner): {"type": "group", "name": runner or "people"} for runner in runners},
            **({_agent(""): {"type": "group", "name": "people"}} if any(one.gate for one in runbook.steps) else {}),
        },
        "extension_definitions": {
            EXTENSION: {
                "type": "extension-definition",
                "name": "Tieline runbook",
                "description": "What a runbook of Tieline says beside its steps: modes, impact, tries and undoing.",
                "created_by": _US,
                "schema": "docs/how-to/run-a-runbook.md",
                "version": "1.0.0",
            }
        },
        "playbook_extensions": {EXTENSION: {"name": name, **own}},
    }


def _agent(runner: str) -> str:
    return _id("group", runner)


def _put(
    name: str,
    runbook: Runbook,
    step: Step,
    following: str,
    stopped: str,
    workflow: dict[str, Any],
    variables: dict[str, Any],
) -> str:
    """Put what a step comes to into the workflow, the last part first. Answers where it begins."""
    own = step.model_dump(mode="json", exclude_defaults=True, exclude={"name", "run", "timeout", "gate"})
    compared = _GUARD.fullmatch(step.guard)
    if compared is not None:
        own = {key: value for key, value in own.items() if key not in ("guard", "otherwise")}
    action = _id("action", name, step.name)
    workflow[action] = {
        "type": "action",
        "name": step.name,
        "on_completion": following,
        "timeout": step.timeout // _MILLISECOND,
        "agent": _agent(runbook.runner_of(step)),
        "commands": [{"type": "bash", "command": step.run}],
        **({"step_extensions": {EXTENSION: own}} if own else {}),
    }
    begins = action
    if step.gate is not None:
        begins = _id("action", name, step.name, "gate")
        workflow[begins] = {
            "type": "action",
            "name": f"agree to {step.name}",
            "on_completion": action,
            "timeout": step.gate.expires // _MILLISECOND,
            "agent": _agent(""),
            "commands": [{"type": "manual", "command": step.gate.ask}],
        }
    if compared is None:
        return begins
    field_name, sign, text = compared.groups()
    variables[f"__{field_name}__"] = {"type": "string", "external": True, "constant": False}
    asks = _id("if-condition", name, step.name)
    workflow[asks] = {
        "type": "if-condition",
        "condition": f"__{field_name}__:value {'=' if sign == '==' else sign} '{text}'",
        "on_true": begins,
        "on_false": following if step.otherwise is Otherwise.SKIP else stopped,
    }
    return asks


# -- in ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Imported:
    """A playbook as a runbook; `left` are sentences about what is not in it."""

    name: str
    runbook: Runbook
    left: tuple[str, ...]


def imported(document: str, name: str = "", runner: str = "") -> Imported:
    """A playbook as a runbook, called `name` and done by `runner` where they are given. Raises Misfit, with each thing
    because of which it cannot be one."""
    reading = _Reading(_playbook(document), runner)
    steps = tuple(reading.steps())
    own = reading.own(reading.playbook.get("playbook_extensions"))
    called = name or str(own.pop("name", "")) or _slug(str(reading.playbook.get("name", "")), "playbook")
    own.pop("name", None)
    if runner:
        own["runner"] = runner
    elif "runner" not in own and len({step.get("runner") for step in steps}) == 1:
        own["runner"] = steps[0].get("runner", "")
        steps = tuple({key: value for key, value in step.items() if key != "runner"} for step in steps)
    if not re.fullmatch(NAME, called):
        reading.faults.append(f"{called[:40]!r} is no name of a runbook: small letters, digits, - and _; give it one")
    if reading.faults:
        raise Misfit(f"the playbook cannot be a runbook: {'; '.join(reading.faults)}")
    title = " ".join(str(reading.playbook.get("name") or called).split())[:200]
    try:
        runbook = Runbook.model_validate({**own, "title": title, "steps": steps})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Misfit(f"the playbook cannot be a runbook: {place}: {first['msg']}") from None
    return Imported(called, runbook, tuple(dict.fromkeys(reading.left)))


def _playbook(document: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise Misfit(f"the playbook is no JSON: {error}") from None
    if not isinstance(found, dict) or found.get("type") != "playbook":
        raise Misfit("that is no CACAO playbook: its `type` is not `playbook`")
    if str(found.get("spec_version", "")).lower() != VERSION:
        raise Misfit(f"its `spec_version` is {str(found.get('spec_version'))[:40]!r}; {VERSION} is taken")
    return found


def _slug(words: str, otherwise: str) -> str:
    found = re.sub(r"[^a-z0-9_]+", "-", words.lower()).strip("-")[:40]
    return found if found[:1].isalpha() else otherwise


@dataclass
class _Reading:
    """A playbook that is read: what it has that no runbook can have, and what is left behind."""

    playbook: Mapping[str, Any]
    runner: str
    faults: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    @property
    def is_ours(self) -> bool:
        """Whether it was a runbook before."""
        return EXTENSION in (self.playbook.get("playbook_extensions") or {})

    def own(self, extensions: Any) -> dict[str, Any]:
        """What our extension says; others are left behind."""
        found: dict[str, Any] = extensions if isinstance(extensions, dict) else {}
        self.left += [f"the extension {key}" for key in found if key != EXTENSION]
        mine = found.get(EXTENSION, {})
        return dict(mine) if isinstance(mine, dict) else {}

    def steps(self) -> Iterator[dict[str, Any]]:
        """Its steps in their order."""
        self.left += [
            f"the playbook's {key}" for key in sorted(self.playbook.keys() - _OF_PLAYBOOK) if self.playbook[key]
        ]
        if self.playbook.get("description") and not self.is_ours:
            self.left.append("the playbook's description")
        at, seen = str(self.playbook.get("workflow_start", "")), set[str]()
        gate: dict[str, Any] | None = None
        guard: tuple[str, str, str] | None = None
        while (part := self._part(at, seen)) is not None:
            label, kind = str(part.get("name") or at)[:80], part.get("type")
            self.left += [f"{key} of {label}" for key in sorted(part.keys() - _OF_STEP) if part[key]]
            after = str(part.get("on_completion") or part.get("on_success") or "")
            if kind == "end":
                break
            if kind == "action" and _is_manual(part):
                if gate is not None:
                    self.faults.append(f"{label} is a second thing to agree to before one step")
                gate = {"ask": str(part["commands"][0].get("command", ""))[:200], **_time(part, "expires")}
            elif kind == "action":
                made = list(self._commands(part, label))
                for step in made[:1]:
                    step |= {"gate": gate} if gate is not None else {}
                    step |= self._guard(guard, after, label)
                yield from made
                gate = guard = None
            elif kind == "if-condition":
                guard = (str(part.get("condition", "")), str(part.get("on_false", "")), label)
                after = str(part.get("on_true", ""))
            elif kind != "start":
                self.faults.append(
                    f"{label} is of the type {str(kind)[:40]!r}; a runbook does one step after the other"
                )
                after = after or str(part.get("on_true", ""))
            at = after
        if gate is not None or guard is not None:
            self.faults.append("it ends with something to agree to, or with a condition, and no step follows")

    def _part(self, at: str, seen: set[str]) -> Mapping[str, Any] | None:
        if not at:
            return None
        if at in seen:
            self.faults.append(f"it comes back to {at[:80]}; a runbook has no loops")
            return None
        seen.add(at)
        workflow = self.playbook.get("workflow")
        found = workflow.get(at) if isinstance(workflow, dict) else None
        if not isinstance(found, dict):
            self.faults.append(f"its workflow has no {at[:80]}")
            return None
        return found

    def _guard(self, guard: tuple[str, str, str] | None, after: str, label: str) -> dict[str, Any]:
        if guard is None:
            return {}
        condition, on_false, asks = guard
        compared = _CONDITION.fullmatch(condition)
        if compared is None:
            self.faults.append(
                f"the condition of {asks} is not one variable compared with one text: {condition[:80]!r}"
            )
            return {}
        name, sign, text = compared.groups()
        said = {"guard": f'{name} {"!=" if sign == "!=" else "=="} "{text}"'}
        if on_false == after:
            return {**said, "otherwise": Otherwise.SKIP}
        workflow = self.playbook["workflow"]
        if isinstance(workflow.get(on_false), dict) and workflow[on_false].get("type") == "end":
            return said
        self.faults.append(f"{asks} leads elsewhere than around {label} where it does not hold")
        return {}

    def _commands(self, part: Mapping[str, Any], label: str) -> Iterator[dict[str, Any]]:
        commands = part.get("commands")
        own = self.own(part.get("step_extensions"))
        if part.get("on_failure"):
            self.faults.append(f"{label} leads elsewhere where it fails; a runbook stops, or undoes what it did")
        if not isinstance(commands, list) or not commands:
            self.faults.append(f"{label} has no commands")
            return
        for command in commands:
            kind = command.get("type") if isinstance(command, dict) else None
            if kind not in _COMMANDS:
                self.faults.append(
                    f"{label} has a command of the type {str(kind)[:40]!r}; {', '.join(_COMMANDS)} are taken"
                )
                continue
            self.left += [f"{key} of a command of {label}" for key in sorted(command.keys() - _OF_COMMAND)]
            yield {
                **self._runner(part),
                **own,
                **_time(part, "timeout"),
                "name": self._name(part),
                "run": self._words(command, label),
            }

    def _runner(self, part: Mapping[str, Any]) -> dict[str, Any]:
        """The runner that an agent becomes; what else that says is left behind."""
        agents = self.playbook.get("agent_definitions")
        found = agents.get(part.get("agent")) if isinstance(agents, dict) else None
        if not isinstance(found, dict):
            return {}
        called = str(found.get("name", ""))[:80]
        slug = self.runner or _slug(called, "")
        more = ", ".join(sorted(found.keys() - {"type", "name"}))
        if not self.is_ours or more:
            said = f" with {more}" if more else ""
            self.left.append(f"the agent {called}: a {found.get('type')}{said}, of which the runner {slug} is all")
        return {} if self.runner or self.is_ours or not slug else {"runner": slug}

    def _name(self, part: Mapping[str, Any]) -> str:
        first = name = _slug(str(part.get("name", "")), "step")
        count = 1
        while name in self.names:
            count += 1
            name = f"{first[:36]}-{count}"
        self.names.add(name)
        return name

    def _words(self, command: Mapping[str, Any], label: str) -> str:
        words = str(command.get("command") or "")
        if not words and command.get("command_b64"):
            words = b64decode(str(command["command_b64"])).decode("utf-8", "replace")
        if "\n" in words.strip():
            self.faults.append(f"{label} has a command of several lines; make it a script of the runner's")
        return _VALUE.sub(lambda found: self._value(found[1], label), words).strip()

    def _value(self, name: str, label: str) -> str:
        variables = self.playbook.get("playbook_variables")
        found = variables.get(name) if isinstance(variables, dict) else None
        value = found.get("value") if isinstance(found, dict) else None
        if not isinstance(value, str):
            self.faults.append(f"{label} needs a value of {name}, and the playbook has none")
            return ""
        return value


def _is_manual(part: Mapping[str, Any]) -> bool:
    commands = part.get("commands")
    return isinstance(commands, list) and len(commands) == 1 and commands[0].get("type") == "manual"


def _time(part: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A time in seconds, where one is said."""
    found = part.get("timeout")
    return {name: f"{max(1, found // 1000)}s"} if isinstance(found, int) and found > 0 else {}
