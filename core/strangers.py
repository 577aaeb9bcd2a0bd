"""Code of plugins is a stranger's: what it says on purpose is told as it is, and whatever else it raises is its own
fault, told with the place where it is.

    with guarded("seats take"):
        act.run(desk, ask)
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from tieline.core.errors import Misfit, NotThere, PluginFault, StoreUnavailable, TielineError
from tieline.core.store.failures import unavailable

_OURS: Final = ("tieline.core.", "tieline.sync.")
_BETWEEN: Final = ("pydantic.", "pydantic_core.")
"""What calls a plugin's validators for us."""
_TESTING: Final = "tieline.sync.testing."


@contextmanager
def guarded(what: str, *says: type[Exception]) -> Iterator[None]:
    """Around code of a plugin, which may raise `says` as well. Raises what it may say, what the store itself raises,
    and PluginFault for the rest."""
    said: tuple[type[Exception], ...] = (NotThere, Misfit, *says)
    try:
        yield
    except said:
        raise
    except StoreUnavailable as error:
        if _is_ours(_modules(error)[-1]):
            raise
        raise _fault(what, error) from error
    except TielineError:
        raise
    except SQLAlchemyError as error:
        if unavailable("", error) is not None:
            raise  # of the database, and nothing that the plugin did
        raise _fault(what, error) from error
    except (Exception, SystemExit) as error:
        raise _fault(what, error) from error


def where_of(error: BaseException) -> str:
    """What was raised, and where, as `KeyError in policy.py:12`; not its words, which may hold what is secret."""
    place = _place(error)
    return f"{type(error).__name__} in {place}" if place else type(error).__name__


def _fault(what: str, error: BaseException) -> PluginFault:
    # Our own words say what is wrong; a stranger's may hold what is secret.
    are_ours = _is_ours(_modules(error)[-1]) and not isinstance(error, SQLAlchemyError)
    words = f", {error}" if are_ours and str(error) else ""
    fault = f"{where_of(error)}{words}"
    return PluginFault(f"{what}: the plugin has a fault: {fault}. Nothing was done; the log tells more.")


def _frames(error: BaseException) -> list[tuple[FrameType, int]]:
    return list(traceback.walk_tb(error.__traceback__))


def _modules(error: BaseException) -> list[str]:
    return [f"{frame.f_globals.get('__name__', '')}." for frame, _line in _frames(error)]


def _is_ours(module: str) -> bool:
    return module.startswith(_OURS) and not module.startswith(_TESTING)


def _place(error: BaseException) -> str:
    """The file and line of the plugin's where it went wrong: its last one, and not one of what it called. "" where none
    of it was reached."""
    theirs = [
        (module, frame, line)
        for module, (frame, line) in zip(_modules(error), _frames(error), strict=True)
        if not _is_ours(module) and not module.startswith(_BETWEEN)
    ]
    if not theirs:
        return ""
    package = theirs[0][0].rstrip(".").rpartition(".")[0] or theirs[0][0]
    frame, line = next((frame, line) for module, frame, line in reversed(theirs) if module.startswith(package))
    return f"{Path(frame.f_code.co_filename).name}:{line}"
