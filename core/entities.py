"""The character references of HTML, such as `&lt;` and `&#228;`."""

from __future__ import annotations

import html
import re
from typing import Final

_ENDLESS_NUMBER: Final = re.compile(r"&#[0-9]{8,};?")
"""No character has such a number, and Python refuses to read one of thousands of digits."""


def unescaped(text: str) -> str:
    """A text with the characters that its references name, whatever it says."""
    return html.unescape(_ENDLESS_NUMBER.sub("\ufffd", text)) if "&" in text else text
