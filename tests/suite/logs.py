"""An error in the log looks as `tieline run` shows it: as Python does.

Whatever nobody has configured would draw a table of each frame and of all that stands in it, which takes seconds.
"""

from __future__ import annotations

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback


def pytest_configure() -> None:
    *others, _console = structlog.get_config()["processors"]
    console = ConsoleRenderer(colors=False, exception_formatter=plain_traceback)
    structlog.configure(processors=[*others, console])
