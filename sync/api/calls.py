"""The calls that there are: every act and every view that a token may reach, by path and method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from tieline.core.acts import Act
from tieline.core.arguments import file_fields, is_many
from tieline.core.declared import Declared
from tieline.core.offer import Offers
from tieline.core.views import View
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS

ROOT: Final = "/api/v1/"
MOST_PARAMETERS: Final = 100

Calls = Mapping[str, Mapping[str, Declared]]
"""What is asked for, by path and method."""


def offered(offers: Offers) -> list[Declared]:
    """All that there is: Tieline's own acts and views, and those of plugins."""
    return [*OWN.by_name.values(), *OWN_VIEWS.by_name.values(), *offers.acts.values(), *offers.views.values()]


def calls(declared: Iterable[Declared]) -> Calls:
    """The calls for these. What no token reaches is none."""
    return every_call(one for one in declared if one.by_token)


def beyond_tokens(declared: Iterable[Declared]) -> list[str]:
    """The names of what no token reaches."""
    return [one.name for one in declared if not one.by_token]


def every_call(declared: Iterable[Declared]) -> Calls:
    """The same for whoever shows no token, and is known otherwise."""
    found: dict[str, dict[str, Declared]] = {}
    for one in declared:
        for method in methods_of(one):
            found.setdefault(path_of(one), {})[method] = one
    return found


def path_of(declared: Declared) -> str:
    """Where it is called."""
    return ROOT + declared.name.replace(" ", "/")


def methods_of(declared: Declared) -> tuple[str, ...]:
    """How it is called: an act changes something, a view does not. What fits into no address is asked by a body."""
    if isinstance(declared, Act):
        return ("POST",)
    return ("GET", "POST") if file_fields(declared.ask) else ("GET",)


def allowed(methods: Iterable[str]) -> str:
    """What `Allow` says: whatever is read may also be asked for without its body."""
    return ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))


def asked(view: View, query: bytes) -> dict[str, Any]:
    """What a view is asked, as a query says it. Raises Problem."""
    try:
        text = query.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeError:
        raise Problem(Kind.MALFORMED, "the query is not UTF-8, written with % and two hexadecimal digits") from None
    except ValueError:
        raise Problem(Kind.MALFORMED, f"the query has more than {MOST_PARAMETERS} parameters") from None
    said: dict[str, Any] = {}
    for name, value in pairs:
        field = view.ask.model_fields.get(name)
        if field is not None and is_many(field.annotation):
            said[name] = (*said.get(name, ()), value)
        elif name in said:
            raise Problem(Kind.MALFORMED, f"{name[:60]!r} is there twice in the query; write it once")
        else:
            said[name] = value
    return said


def following(path: str, query: bytes, cursor: str) -> str:
    """The `Link` that leads to the next page."""
    others = [pair for pair in parse_qsl(query.decode("ascii"), keep_blank_values=True) if pair[0] != "after"]
    return f'<{path}?{urlencode([*others, ("after", cursor)])}>; rel="next"'
