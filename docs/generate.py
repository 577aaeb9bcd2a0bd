"""Writes the pages that come from the code and from results. `--check` fails where one has drifted."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from generator import (
    access,
    acts,
    api,
    commands,
    configuration,
    guarantees,
    hooks,
    manual,
    mapping_files,
    metrics,
    outcomes,
    tools,
    views,
    words,
)

FOLDER = Path(__file__).parent
README = FOLDER.parent / "README.md"
MANUAL_NOTE = '.\\" Written by docs/generate.py from the code; `make docs` writes it anew.\n'
NOTE = "<!-- Written by docs/generate.py from the code; `make docs` writes it anew. -->\n"


def pages() -> dict[str, str]:
    """The text of every page by its file's name."""
    made = {
        "reference/access.md": access.page(),
        "reference/acts.md": acts.page(),
        "reference/api.md": api.page(),
        "reference/cli.md": commands.page(),
        "reference/configuration.md": configuration.page(),
        "reference/hooks.md": hooks.page(),
        "reference/mappings.md": mapping_files.page(),
        "reference/metrics.md": metrics.page(),
        "reference/outcomes.md": outcomes.page(),
        "reference/reasons.md": words.page(),
        "reference/tools.md": tools.page(),
        "reference/views.md": views.page(),
        "explanation/guarantees.md": guarantees.page(),
    }
    written = {name: f"{NOTE}\n{text.strip()}\n" for name, text in made.items()}
    return {
        **written,
        "reference/tieline.1": f"{MANUAL_NOTE}{manual.page()}\n",
        "../README.md": tools.readme(README.read_text(encoding="utf-8")),
    }


def main() -> int:
    """Write the pages, or compare them. The exit code is 1 when a page is not what the code says."""
    drifted = []
    for name, text in pages().items():
        file = FOLDER / name
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        drifted.append(name)
        if "--check" not in sys.argv:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    if drifted and "--check" in sys.argv:
        sys.stderr.write(f"{', '.join(drifted)}: not what the code says; run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
