"""Local accounts as acts: giving somebody one, having a password chosen anew, and taking it away. No act is told a
password: the code that is answered lets its owner choose one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import Field

from tieline.core import grants, local_accounts
from tieline.core.access import ALL_ACCOUNTS, OWN_ACCOUNT
from tieline.core.acts import Act
from tieline.core.arguments import Answer, Ask, Once, PersonName
from tieline.core.declared import OneOf
from tieline.core.identity import called
from tieline.core.model import instant
from tieline.core.store.store import Transaction
from tieline.sync.office.desk import EngineDesk

_WHOSE: Final = "Whose it is: account:ann signs in as ann, and os:ann@db1 as ann@db1."


class Owner(Ask):
    """Whose account is meant."""

    person: PersonName = Field(description=_WHOSE)


class Renew(Ask):
    """Whose password is chosen anew."""

    person: PersonName | None = Field(default=None, description=f"{_WHOSE} One's own, without this.")


class Handed(Answer):
    """An account, and the code by which its password is chosen, which is told this once."""

    account: str
    until: str
    code: Once

    def sentence(self) -> str:
        if not self.code:
            return f"the code of {self.account} was told once; `tieline account password` makes another one."
        return (
            f"{self.account} chooses a password at /welcome of the console until {self.until}, by this code, which is "
            f"told this once. Hand it to nobody else:\n{self.code}"
        )


def add(desk: EngineDesk, ask: Owner) -> Callable[[], Handed]:
    """Give somebody a local account, by which they sign in to the console."""
    owner, made = called(ask.person), list[tuple[str, str]]()
    local_accounts.name_of(owner.identity)
    desk.within(lambda tx: made.append(local_accounts.add(tx, owner, at=desk.now, actor=desk.actor)), hold=grants.lock)
    return lambda: _handed(desk, made)


def renew(desk: EngineDesk, ask: Renew) -> Callable[[], Handed]:
    """Have a password chosen anew; the one before is taken no more."""
    identity, made = ask.person or desk.asking.identity, list[tuple[str, str]]()
    local_accounts.name_of(identity)
    desk.within(
        lambda tx: made.append(local_accounts.renew(tx, identity, at=desk.now, actor=desk.actor)), hold=grants.lock
    )
    return lambda: _handed(desk, made)


def _handed(desk: EngineDesk, made: list[tuple[str, str]]) -> Handed:
    [(name, code)] = made
    return Handed(account=name, until=instant(desk.now + local_accounts.CODE_LASTS), code=code)


class Removed(Answer):
    """An account that is there no more."""

    account: str

    def sentence(self) -> str:
        return f"the account {self.account} is there no more, and whoever signed in by it is signed out"


def remove(desk: EngineDesk, ask: Owner) -> Callable[[], Removed]:
    """Take somebody's local account away, at once."""
    local_accounts.name_of(ask.person)
    gone: list[str] = []

    def take(tx: Transaction) -> None:
        gone.append(local_accounts.remove(tx, ask.person, at=desk.now, actor=desk.actor))

    desk.within(take, hold=grants.lock)
    return lambda: Removed(account=gone[0])


TO_RENEW: Final = OneOf((OWN_ACCOUNT, ALL_ACCOUNTS), lambda ask: OWN_ACCOUNT if ask.person is None else ALL_ACCOUNTS)

ACTS: Final = (
    Act("account add", add, ALL_ACCOUNTS, ("person",), travels=False),
    Act("account password", renew, TO_RENEW, travels=False),
    Act("account remove", remove, ALL_ACCOUNTS, ("person",), travels=False),
)
