"""Who runs a command, as the operating system knows it. No option and no variable says otherwise."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Final

from tieline.core.journal import Someone

LOGIN = Path("/proc/self/loginuid")
"""Where Linux keeps who logged in, whatever `sudo` and `su` made of them since (pam_loginuid(8))."""

NOBODY: Final = 2**32 - 1
"""What stands there where nobody did, as in a container."""


def account() -> Someone:
    """The account that logged in; where the system does not keep that, the one that the command runs as."""
    number = _logged_in()
    number = os.getuid() if number is None else number
    try:
        return Someone(pwd.getpwuid(number).pw_name)
    except KeyError:
        return Someone(f"uid {number}")


def _logged_in() -> int | None:
    try:
        number = int(LOGIN.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if number == NOBODY else number
