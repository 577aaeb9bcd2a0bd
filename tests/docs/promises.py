"""The example of a plugin, imported once in a process: its events are declared once."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from tests.docs.pages import ROOT

EXAMPLE = ROOT / "examples" / "plugin"
_NAME = "promises_of_the_example"


def promises() -> ModuleType:
    """Its module."""
    known = sys.modules.get(_NAME)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(_NAME, EXAMPLE / "tieline_promises" / "plugin.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{EXAMPLE} holds no plugin")
    made = sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made
