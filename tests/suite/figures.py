"""The JSON files that long runs leave their figures in. A run that ends after hours finds its file as it needs it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def figures_file(words: str) -> Path:
    """An argument that names such a file, or one that is made. What is something else is refused before the run."""
    file = Path(words)
    try:
        known(file)
    except (ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{file} holds something else than figures; name another file") from None
    return file


def known(file: Path) -> dict[str, Any]:
    """What stands in it now. Raises ValueError for anything but a JSON object."""
    if not file.exists():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{file} is no JSON object")
    return found


def add(file: Path, figures: Mapping[str, Any]) -> None:
    """Write these in, beside what others have there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**known(file), **figures}, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
