"""Drawing pages: Jinja, with everything escaped, and what strangers wrote made visible where it would deceive."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup, escape

from tieline.core.offer import Offers

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
SHELL: Final = "shell"
"""By what the templates of the shell begin; those of a plugin begin with its group."""

# Bidirectional controls turn a text around (Unicode TR 36), and of the other controls only the breaks are text.
_DECEIVES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]")
LONGEST: Final = 20_000
"""Characters of one text that a page shows."""


def plain(text: str) -> str:
    """A text as it may stand on a page: what would turn it around, or not show at all, stands there by its name."""
    found = _DECEIVES.sub(lambda one: f"[U+{ord(one[0]):04X}]", text)
    return found if len(found) <= LONGEST else f"{found[:LONGEST]} … ({len(found):,} characters)"


def finalize(value: object) -> object:
    """What every expression of a template goes through."""
    if value is None:
        return ""
    return value if isinstance(value, Markup) or not isinstance(value, str) else plain(value)


def exactly(value: object) -> Markup:
    """A text as it is, for a form in which it is changed: what is made visible there would be kept so."""
    return escape("" if value is None else str(value))


_COMMAND: Final = re.compile(r"[;,.]? (?:then |and )?run `tieline [^`\n]{1,200}`(?: to [a-z ]{1,40})?$")


def beside_a_button(sentence: str) -> str:
    """A sentence without the command at its end that does what the button beside it does."""
    return _COMMAND.sub("", sentence)


def initials(name: str) -> str:
    """Two letters for a person."""
    words = [word for word in re.split(r"[\s@._-]+", name) if word and unicodedata.category(word[0])[0] in "LN"]
    return "".join(word[0] for word in words[:2]).upper() or "?"


_TOOLS: Final = {"servicenow": "SN", "jira": "JR", "pagerduty": "PD", "alertmanager": "AM", "prometheus": "PR"}


def code(name: str) -> str:
    """Two letters for a connection."""
    known = next((letters for tool, letters in _TOOLS.items() if tool in name.lower()), "")
    words = re.split(r"[^0-9A-Za-z]+", name)
    made = "".join(word[:1] for word in words) if len(words) > 1 else name
    return known or made[:2].upper()


def passed(then: datetime | timedelta | float, now: datetime | None = None) -> str:
    """How long something has lasted, in at most two units."""
    if isinstance(then, datetime):
        seconds = int((then if now is None else now).timestamp() - then.timestamp())
    else:
        seconds = int(then.total_seconds() if isinstance(then, timedelta) else then)
    seconds = max(0, seconds)
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def clock(moment: datetime) -> str:
    """A moment of today."""
    return f"{moment:%H:%M:%S}"


def day(moment: datetime) -> str:
    """A day."""
    return f"{moment:%A} {moment.day} {moment:%B %Y}"


def value(given: object) -> str:
    """A value of a field, for people."""
    match given:
        case None | "" | [] | ():
            return ""
        case True | False:
            return "yes" if given else "no"
        case datetime():
            return f"{given:%Y-%m-%d %H:%M:%S} UTC"
        case Mapping():
            return ", ".join(f"{name} {value(one)}" for name, one in given.items())
        case list() | tuple():
            return ", ".join(map(value, given))
        case _:
            return str(given)


def words(name: str) -> str:
    """A name of a field or of a kind, as words."""
    return name.replace("_", " ").replace(".", ": ")


def safe_url(url: str) -> str:
    """An address of a ticket, where it is one that a link may have; "" where it is not."""
    return url if re.match(r"https?://[^\s\"'<>]+$", url) else ""


_TYPED: Final = re.compile(r"`([^`\n]{1,200})`")


def spoken(sentence: str) -> Markup:
    """A sentence of ours, in which what is to be typed stands as such."""
    return Markup(_TYPED.sub(r"<code>\1</code>", str(escape(plain(sentence)))))  # noqa: S704 - it is escaped


class Drawing:
    """Draws by the templates of the shell and of plugins. Threads may share it."""

    def __init__(self, offers: Offers) -> None:
        folders = {SHELL: FileSystemLoader(HERE / "templates")}
        folders |= {
            group: FileSystemLoader(offer.templates)
            for group, offer in offers.by_group.items()
            if offer.templates is not None
        }
        self._jinja = Environment(
            loader=PrefixLoader(folders),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=finalize,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters.update(
            exactly=exactly,
            initials=initials,
            code=code,
            spoken=spoken,
            passed=passed,
            beside_a_button=beside_a_button,
            clock=clock,
            day=day,
            value=value,
            words=words,
            safe_url=safe_url,
        )
        self._jinja.globals.update(static=static)

    def draw(self, template: str, facts: Mapping[str, Any]) -> str:
        """What a template makes of these facts."""
        return self._jinja.get_template(template).render(facts)


FILES: Final[Mapping[str, tuple[str, bytes]]] = {
    file.name: (
        {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}.get(
            file.suffix, "text/plain; charset=utf-8"
        ),
        file.read_bytes(),
    )
    for file in sorted(STATIC.iterdir())
}
"""What does not change while the process runs: media type and content, by name."""

_MARKS: Final = {name: sha256(content).hexdigest()[:12] for name, (_type, content) in FILES.items()}


def static(name: str) -> str:
    """The address of such a file: another one as soon as it is another."""
    return f"/static/{_MARKS[name]}/{name}"


def file_at(path: str) -> tuple[str, bytes] | None:
    """What stands at such an address: media type and content."""
    mark, _, name = path.removeprefix("/static/").partition("/")
    return FILES[name] if _MARKS.get(name) == mark else None
