"""What each command prints under `--json`: the shapes for cli.md, which a test holds against what commands print.

A text says what a value is: `text`, `integer`, `number`, `boolean`, `moment` (ISO 8601 with its zone), `anything`, or
`… or null`. A list holds any number of what stands in it. A name in angle brackets stands for any names, and one with a
question mark at its end is there where it applies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

ERROR: Final[Any] = {
    "error": "text",
    "exit_code": "integer",
    "problems?": [
        {"file": "text", "line": "integer", "column": "integer", "code": "text", "what": "text", "fix": "text"}
    ],
}

_CHANGE: Final = {"field": "text", "what": "text", "from": "anything", "to": "anything", "reason": "text or null"}
_FAILURE: Final = {
    "seed": "integer",
    "world": "text",
    "steps": "integer",
    "story": ["text"],
    "violations": ["text"],
    "trace": "text",
}
_DOUBT: Final = {
    "missing": "integer",
    "of": "integer",
    "since": "moment",
    "reason": "text",
    "confirmed": "boolean",
    "sentence": "text",
}

_HOLDS: Final = {
    "person": "text",
    "role": "text",
    "scope": "text",
    "holds": "boolean",
    "until": "moment or null",
}

SHAPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "tieline init": {"": {"file": "text", "tools": ["text"]}},
    "tieline check": {
        "": [{"connection": "text", "tool": "text", "works": "boolean", "account": "text", "notes": ["text"]}]
    },
    "tieline plugins": {
        "": [
            {
                "name": "text",
                "state": "text",
                "reason": "text",
                "distribution": "text",
                "version": "text",
                "origin": "text",
                "hooks": ["text"],
                "tools": ["text"],
            }
        ]
    },
    "tieline status": {
        "": {
            "daemon": {
                "running": "boolean",
                "refused": "text",
                "seen_seconds_ago": "integer or null",
                "sentence": "text",
                "reload_refused": [{"worker": "text", "at": "moment", "reason": "text", "sentence": "text"}],
                "workers": [{"worker": "text", "running": "boolean", "seen_seconds_ago": "integer"}],
                "elsewhere": [{"store": "text", "sentence": "text"}],
            },
            "incidents_open": "integer",
            "flapping": [{"incident": "text", "title": "text", "flaps": "integer", "held_until": "moment or null"}],
            "resolved_while_firing": [
                {
                    "incident": "text",
                    "title": "text",
                    "status": "text",
                    "alerts": "integer",
                    "raised_again_at": "moment or null",
                }
            ],
            "signals_firing": "integer",
            "signals_left_out": "integer",
            "inbox_waiting": "integer",
            "copies_gone": "integer",
            "copies_behind": "integer",
            "oldest_undelivered_seconds": "integer",
            "parked": "integer",
            "conflicts": "integer",
            "severity_unknown": "integer",
            "ends_doubted": "integer",
            "connections": {
                "<connection>": {
                    "state": "text",
                    "reason": "text",
                    "polled_seconds_ago": "integer or null",
                    "since?": "moment",
                    "next_try_at?": "moment or null",
                    "last_state?": "text",
                    "risks": ["text"],
                    "file_says": "text",
                    "doubt?": _DOUBT,
                    "left_out?": {
                        "records": "integer",
                        "since": "moment",
                        "last_at": "moment",
                        "why": "text",
                        "sentence": "text",
                    },
                    "held?": [{"field": "text", "kind": "text", "copies": "integer", "sentence": "text"}],
                    "severity_unknown?": [{"word": "text", "alerts": "integer", "sentence": "text"}],
                }
            },
            "file_problems": ERROR["problems?"],
        }
    },
    "tieline incidents": {
        "": [
            {
                "incident": "text",
                "id": "text",
                "fields": {"<field>": "anything"},
                "severity_unknown": ["text"],
                "copies": {
                    "<connection>": {
                        "key": "text",
                        "ref": "text or null",
                        "url": "text",
                        "state": "text",
                        "behind": "boolean",
                    }
                },
            }
        ]
    },
    "tieline why": {
        "": {
            "incident": "text",
            "field": "text",
            "value": "anything",
            "unknown": ["text"],
            "copies": {
                "<connection>": {
                    "key": "text",
                    "shows": "anything",
                    "agreed": "anything",
                    "held": "text",
                    "waits": "text",
                    "state": "text",
                }
            },
            "steps": [
                {
                    "seq": "integer",
                    "at": "moment",
                    "what": "text",
                    "who": "text",
                    "before": "anything",
                    "after": "anything",
                    "reason": "text or null",
                }
            ],
        }
    },
    "tieline history": {
        "": [
            {
                "seq": "integer",
                "at": "moment",
                "kind": "text",
                "connection": "text or null",
                "actor": "text or null",
                "person": "text or null",
                "reason": "text or null",
                "facts": {"<fact>": "anything"},
                "changes": [_CHANGE],
            }
        ]
    },
    "tieline conflicts": {
        "": [
            {
                "incident": "text",
                "field": "text",
                "connection": "text",
                "kind": "text",
                "ours": "anything",
                "theirs": "anything",
                "since": "moment",
                "what_to_do": "text",
            }
        ]
    },
    "tieline conflicts settle": {"": {"incident": "text", "field": "text", "value": "anything"}},
    "tieline parked": {
        "": [{"what": "text", "id": "integer", "incident": "text or null", "connection": "text", "sentence": "text"}]
    },
    "tieline parked retry": {"": {"released": "text", "id": "integer"}},
    "tieline doubts": {"": [{"connection": "text", **_DOUBT, "episodes": ["text"]}]},
    "tieline doubts confirm": {"": {"connection": "text", "episodes": ["text"], "actor": "text"}},
    "tieline edit": {
        "": {"incident": "text", "changed": {"<field>": "anything"}, "unchanged": {"<field>": "anything"}}
    },
    "tieline comment": {"": {"incident": "text", "comment": "integer", "audience": "text"}},
    "tieline restrict": {"": {"incident": "text", "was": "text", "restricted": "boolean"}},
    "tieline unrestrict": {"": {"incident": "text", "was": "text", "restricted": "boolean"}},
    "tieline access list": {
        "": {
            "owner": "text",
            "grants": [
                {
                    "person": "text",
                    "name": "text",
                    "identities": ["text"],
                    "role": "text",
                    "scope": "text",
                    "until": "moment or null",
                    "stands": "boolean",
                }
            ],
        }
    },
    "tieline access grant": {"": _HOLDS},
    "tieline access revoke": {"": _HOLDS},
    "tieline access why": {
        "": {
            "person": "text",
            "right": "text",
            "subject": "text",
            "allowed": "boolean",
            "rule": "text",
            "by": "text",
            "sentence": "text",
        }
    },
    "tieline mapping list": {"": ["text"]},
    "tieline mapping check": {"": ERROR["problems?"]},
    "tieline mapping explain": {
        "": [{"field": "text", "path": "text", "read": "text", "write": "text", "policy": "text", "because": "text"}]
    },
    "tieline audit verify": {"": {"entries": "integer", "head": "text", "whole": "boolean"}},
    "tieline store copy": {"": {"to": "text", "rows": "integer", "tables": {"<table>": "integer"}}},
    "tieline demo": {"": {"whole": "boolean", "checks": [{"what": "text", "found": "text", "holds": "boolean"}]}},
    "tieline simulate": {
        "with `--mutant list`": {"<planted bug>": "text"},
        "with `--seed`": _FAILURE,
        "with `--mutant all`": {
            "store": "text",
            "first": "integer",
            "steps": "integer",
            "bound": "integer",
            "mutants": {"<planted bug>": "integer or null"},
            "seen": {"<planted bug>": ["text"]},
            "missed": ["text"],
            "seconds": "number",
            "cpu_seconds": "number",
        },
        "": {
            "schedules": "integer",
            "first": "integer",
            "steps": "integer",
            "tools": "text",
            "store": "text",
            "failures": "integer",
            "failed": ["integer"],
            "faults": {"<fault>": "integer"},
            "writes": "integer",
            "seconds": "number",
            "cpu_seconds": "number",
            "schedules_per_cpu_second": "number",
            "smallest": [_FAILURE],
        },
    },
}
"""By the command's path: each shape that it prints, by when it does; "" is the usual one."""


def shown(path: str) -> str:
    """The section of a command's shapes; "" for one that prints no JSON."""
    return "".join(
        f"\nUnder `--json`{f', {when}' if when else ''}:\n\n{block(shape)}"
        for when, shape in SHAPES.get(path, {}).items()
    )


def block(shape: Any) -> str:
    """A shape as a block of JSON."""
    return f"```json\n{json.dumps(shape, indent=2, ensure_ascii=False)}\n```\n"
