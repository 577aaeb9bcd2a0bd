"""Who runs a command, as the operating system knows it. No option and no variable says otherwise."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieline.core.identity import Someone, called, is_proved, of_account

if TYPE_CHECKING:
    from tieline.core.config import Config
    from tieline.sync.api.local import Local, Peer

# A command that a server answers names accounts as well: nothing of the store is imported for that.

LOGIN = Path("/proc/self/loginuid")
"""Where Linux keeps who logged in, whatever `sudo` and `su` made of them since (pam_loginuid(8))."""

HOST = Path("/proc/sys/kernel/hostname")
"""Where Linux keeps what the machine is called: two machines may have an account of one name."""

NOBODY: Final = 2**32 - 1
"""What stands there where nobody did, as in a container."""


def account() -> Someone:
    """The account that logged in; where the system does not keep that, the one that the command runs as."""
    number = _logged_in()
    return _account(os.getuid() if number is None else number)


def _account(number: int) -> Someone:
    try:
        return of_account(pwd.getpwuid(number).pw_name, _host())
    except KeyError:
        return of_account(f"uid {number}", _host())


def meant(words: str) -> Someone:
    """The account that somebody names, as `os:ann@db1`, or as `ann` where this machine has such a one. Raises
    ValueError for what is neither."""
    if is_proved(words):
        return called(words)
    try:
        return of_account(pwd.getpwnam(words).pw_name, _host())
    except (KeyError, ValueError):
        raise ValueError(
            f"this machine has no account {words!r}; one of another machine is written like os:ann@db1"
        ) from None


def owns_store(config: Config, other: Someone | None = None) -> bool:
    """Whether the store's file is this process's, so that whoever runs it may do with it what they like; or whether it
    is another account's. A store in memory is this process's, one in a server is nobody's."""
    from tieline.core.store import engines

    if engines.is_postgres(config.store):
        return False
    number = _owner(config)
    if other is not None:
        return number is not None and _account(number).identity == other.identity
    return number == os.geteuid() or engines.file_of(config.store) is None


def owner_of(config: Config) -> str:
    """The identity of the account that the store's file belongs to; "" where there is no file."""
    number = _owner(config)
    return "" if number is None else _account(number).identity


def of_peer(config: Config, peer: Peer) -> Local:
    """Whose call it is that comes over a socket of this machine. Raises LookupError for whoever has no account here.

    Who logged in is believed of whoever could do with the store what they like: they would be told apart as little if
    they opened it. Of anybody else only the account that they are now: what Linux keeps of a login is theirs to write
    where nobody logged in.
    """
    from tieline.core.store import engines
    from tieline.sync.api.local import UNMAPPED, Local

    if peer.uid == UNMAPPED:
        raise LookupError("whoever calls has no account on this machine")
    owner = None if engines.is_postgres(config.store) else _owner(config)
    could_open = peer.uid in (0, os.geteuid(), owner)
    number = peer.login if could_open and peer.login is not None else peer.uid
    return Local(_account(number), peer.uid == owner, could_open)


def _owner(config: Config) -> int | None:
    from tieline.core.store import engines

    file = engines.file_of(config.store)
    try:
        return None if file is None else file.stat().st_uid
    except OSError:
        return None


def _logged_in() -> int | None:
    try:
        number = int(LOGIN.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if number == NOBODY else number


def _host() -> str:
    try:
        return HOST.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return os.uname().nodename
