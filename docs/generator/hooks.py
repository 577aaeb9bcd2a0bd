"""hooks.md: every hook with its exact signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from generator.markdown import code, table
from tieline.core import hooks
from tieline.core.plugins import installed
from tieline.core.registry import Registry
from tieline.core.yaml import Node

WIDTH = 120
ABOUT = """\
# Hooks

A plugin joins in by implementing hooks: functions with these names and argument names, marked with
`@hookimpl` from `tieline.core.hooks`. An implementation may leave arguments out that it does not need; a misspelled
name or an unknown argument is refused at start (CFG014, CFG015).

"""
RULES = """\

Every implementation is called alone: what it raises is counted and silences nobody else. Five failures in a row, one
question that is not answered within 5 s, or one event that is not heard within 30 s set the plugin aside until the next
reload, with an alarm (`plugin_failed` in the log, `tieline_plugins_set_aside` in the metrics). While a plugin that
implements `tieline_disclose` gives no answer, nothing is disclosed; while one that implements `tieline_review` gives
none, no edit in a tool is taken.
"""


def page() -> str:
    """The introduction of the module, and every hook."""
    manual = inspect.cleandoc(hooks.__doc__ or "").partition("\n\n")[2].partition("A plugin is what")
    parts = [ABOUT + "A plugin is what" + manual[2] + "\n" + RULES]
    users = _users()
    for name, function in _specifications():
        parts.append(_hook(name, function, users.get(name, [])))
    parts.append(_event())
    return "\n".join(parts)


def _specifications() -> list[tuple[str, Callable[..., Any]]]:
    return [(name, member) for name, member in vars(hooks.Hooks).items() if name.startswith("tieline_")]


def _hook(name: str, function: Callable[..., Any], users: list[str]) -> str:
    if name in ("tieline_adapters", "tieline_offer"):
        kind = "register: asked once, at start"
    elif name == "tieline_committed":
        kind = "tell: told after a commit"
    else:
        first = getattr(function, f"{hooks.PROJECT}_spec")["firstresult"]
        kind = "ask: the first answer that is not None counts" if first else "ask: every answer counts"
    return (
        f"## `{name}`\n\n```python\n{signature(name, function)}\n```\n\n{inspect.cleandoc(function.__doc__ or '')}\n\n"
        f"Kind: {kind}. Shipped plugins that use it: {', '.join(map(code, users))}.\n"
    )


def signature(name: str, function: Callable[..., Any]) -> str:
    """The function's head as a plugin writes it, without `self`."""
    found = inspect.signature(function)
    arguments = ", ".join(f"{one.name}: {one.annotation}" for one in list(found.parameters.values())[1:])
    line = f"def {name}({arguments}) -> {found.return_annotation}: ..."
    # Broken as the formatter breaks it, which reads the code in these pages too.
    return line if len(line) <= WIDTH else line.replace("(", "(\n    ", 1).replace(") ->", "\n) ->", 1)


def _users() -> dict[str, list[str]]:
    registry = Registry.load(
        {point.name: Node({}, 1, 1) for point in installed() if point.value.startswith("tieline.")}
    )
    found: dict[str, list[str]] = {}
    for state in registry.states():
        for name in state.hooks:
            found.setdefault(name, []).append(state.name)
    registry.close()
    return found


def _event() -> str:
    rows = [(code(field.name), code(str(field.type))) for field in fields(hooks.Committed)]
    about = inspect.cleandoc(hooks.Committed.__doc__ or "")
    kinds = "The kinds are listed under [reasons](reasons.md#what-the-journal-records)."
    return f"## `Committed`\n\n{about}\n\n{table(['field', 'type'], rows)}\n\n{kinds}"
