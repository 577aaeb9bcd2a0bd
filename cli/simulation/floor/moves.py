"""What may happen on the second floor in one step. Each move draws what it needs from the world's dice and answers with
the sentence that a minimal story tells of it, or "" when there was nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from tieline.cli.simulation.floor.floor import PEOPLE, PLUGINS, ROLES, Floor, Hand, Kept, Ticket
from tieline.cli.simulation.floor.rounds import TRIPS
from tieline.cli.simulation.people import TEXTS
from tieline.core import tokens
from tieline.core.access import Role
from tieline.core.errors import NotProved, StoreUnavailable
from tieline.core.identity import Someone
from tieline.core.model import IncidentId
from tieline.sync import explain
from tieline.sync.alerts import absence
from tieline.sync.office import projecting
from tieline.sync.office.office import Performed

Move = Callable[[Floor], str]

FREEZES: Final = 0.3
INTERRUPTED: Final = 0.6
"""How likely whoever works or asks is held up in the midst of it."""

SHORT: Final = ("20s", "2m", "10m")
SLOTS: Final = 6


# -- acts ----------------------------------------------------------------------------------------------------------


def ask(floor: Floor) -> str:
    """Somebody asks for an act: by themselves or by a token, under a key or not, and perhaps about an item as they saw
    it before."""
    dice = floor.lower.dice
    item = floor.some_item()
    if item is None:
        return ""
    who, how = _who(floor)
    if who is None:
        return how
    name, given = _asked(floor, item)
    key = floor.words("key") if dice.random() < 0.5 else ""
    revision = _revision(floor, item) if "incident" in given and dice.random() < 0.3 else None
    return f"{how} asks for {name} {given}{_ask(floor, who, name, given, key, revision)}"


def ask_again(floor: Floor) -> str:
    """Somebody asks again under a key that they have used: for the same, or for something else."""
    if not floor.kept:
        return ""
    dice = floor.lower.dice
    key = dice.choice(list(floor.kept)[-6:])
    kept = floor.kept[key]
    other = dice.random() < 0.3
    before = kept.given or kept.tried[-1]
    given = {**before, "words": floor.words("other")} if other and "words" in before else before
    return f"{kept.who.name} asks again for {kept.act} {given}{_ask(floor, kept.who, kept.act, given, key, None)}"


def _who(floor: Floor) -> tuple[Someone | None, str]:
    """Who asks: somebody, or whoever holds a token."""
    dice = floor.lower.dice
    if not floor.tickets or dice.random() < 0.6:
        someone = dice.choice(PEOPLE)
        return someone, someone.name
    return _shown(floor, dice.choice(floor.tickets))


def _shown(floor: Floor, ticket: Ticket) -> tuple[Someone | None, str]:
    """Show a token, as a call does."""
    now, store = floor.lower.clock.now(), floor.lower.store
    try:
        with floor.calm() as connection:
            someone, token = tokens.prove(connection, ticket.words, now)
        if tokens.is_stale(token, now):
            with store.write() as tx:
                tokens.note_use(tx, token, now)
    except NotProved:
        return None, f"a token of {ticket.owner.name} is not taken"
    except StoreUnavailable:
        pass  # that it was used is not kept, and it is used all the same
    return someone, f"{someone.name} by a token"


def _asked(floor: Floor, item: IncidentId) -> tuple[str, dict[str, Any]]:
    dice, incident = floor.lower.dice, f"INC-{item}"
    match dice.randrange(10):
        case 0 | 1:
            field = dice.choice(TEXTS)
            return "edit", {"incident": incident, "changes": {field: floor.words("e of floor")}}
        case 2:
            return "comment", {"incident": incident, "body": f"{floor.words('said')}.", "public": dice.random() < 0.3}
        case 3 | 4:
            words = floor.words(TRIPS if dice.random() < 0.2 else "promise")
            return "rounds promise", {"incident": incident, "words": words, "time": dice.choice(SHORT)}
        case 5:
            return "rounds forget", {"incident": incident, "words": floor.words("forget")}
        case 6 | 7:
            return "rounds hand-over", {"incident": incident, "words": floor.words("team")}
        case 8:
            return "rounds take", {"slot": dice.randrange(SLOTS), "words": floor.words("slot")}
        case _:
            return "escalation snooze", {"incident": incident, "time": dice.choice(SHORT), "why": floor.words("snooze")}


def _revision(floor: Floor, item: IncidentId) -> int | None:
    """The revision of an item, or one that it had before."""
    with floor.calm() as connection:
        found = explain.one_incident(connection, item)
    if found is None:
        return None
    return max(0, found[0].revision - floor.lower.dice.choice((0, 0, 1)))


def _ask(floor: Floor, who: Someone, name: str, given: Mapping[str, Any], key: str, revision: int | None) -> str:
    """Ask, and hold what is answered against what is known."""
    incident = str(given.get("incident", ""))
    floor.watch_revision(IncidentId(int(incident.removeprefix("INC-"))) if incident else None)
    floor.lower.fate.light_fuse()
    with floor.disturbed(INTERRUPTED, _places(floor, name), lambda: meanwhile(floor, who, name, given, key)):
        done, how = floor.do(who, name, given, key, revision)
    floor.lower.fate.put_out()
    seen = floor.revision
    floor.watch_revision(None)
    _try(floor, who, name, given, key)
    if done is None:
        return how
    if revision is not None and revision != seen and not done.again:
        floor.wrong.append(("stale revision", f"{name} was done at revision {seen}, and asked for at {revision}"))
    if key:
        _keep(floor, key, given, done)
    return how


def _places(floor: Floor, name: str) -> tuple[int, ...]:
    """Where an act may be held up: before it is decided, or, mostly, when it is about to be written. The tables of its
    plugin are looked at first, then whether somebody may, then what it is about."""
    offer = floor.web.engine.registry.offers.of_act(name)
    before = 0 if offer is None else len(offer.projections)
    return before + 2, before + 3, before + 3


def _try(floor: Floor, who: Someone, name: str, given: Mapping[str, Any], key: str) -> None:
    if key:
        kept = floor.kept.setdefault(key, Kept(who, name, []))
        if given not in kept.tried:
            kept.tried.append(given)


def _keep(floor: Floor, key: str, given: Mapping[str, Any], done: Performed) -> None:
    kept = floor.kept[key]
    if kept.given not in (None, given):
        floor.wrong.append(("key for two", f"{kept.act} {given} was done under the key of {kept.given}"))
    kept.given = given
    kept.answers.append(done)
    first = kept.answers[0]
    if (done.facts, done.sentence, done.seq) != (first.facts, first.sentence, first.seq):
        words = f"{kept.act} under {key} was answered {first.sentence!r} first, and then {done.sentence!r}"
        floor.wrong.append(("answered otherwise", words))


def meanwhile(floor: Floor, who: Someone, name: str, given: Mapping[str, Any], key: str) -> None:
    """What happens while an act is about to be written: what it is about changes, whoever asks loses the right to it,
    somebody asks for the same, time passes, plugins work."""
    dice, lower = floor.lower.dice, floor.lower
    match dice.randrange(7):
        case 0 | 1 if not key:
            for role in ROLES:
                if floor.revoke(who, role):
                    lower.fate.told.append(f"meanwhile {who.name} is no longer {role}")
        case 0 | 1:
            done, how = floor.do(who, name, given, key)
            _try(floor, who, name, given, key)
            if done is not None:
                _keep(floor, key, given, done)
            lower.fate.told.append(f"meanwhile the same is asked for{how}")
        case 2 if who.token:
            lower.fate.told.append(f"meanwhile the token is revoked{_revoke_token(floor, who.token)}")
        case 3:
            lower.clock.advance(dice.choice((5, 40, 700)))
        case 4:
            floor.work(dice.choice(floor.hands))
            lower.fate.told.append("meanwhile plugins work")
        case _ if name.startswith("rounds "):
            _done, how = floor.do(who, name, {**given, "words": floor.words("meanwhile")})
            lower.fate.told.append(f"meanwhile they ask for the same with other words{how}")
        case _:
            changes = {dice.choice(TEXTS): floor.words("e of cat")}
            floor.do(PEOPLE[2], "edit", {"incident": given.get("incident", "INC-1"), "changes": changes})
            lower.fate.told.append(f"meanwhile cat edits it: {changes}")


# -- rights --------------------------------------------------------------------------------------------------------


def roles(floor: Floor) -> str:
    """Somebody gets a role, for a while or for ever, or no longer holds one."""
    dice = floor.lower.dice
    who, role = dice.choice(PEOPLE), dice.choice(ROLES)
    if dice.random() < 0.4:
        return f"{who.name} is no longer {role}" if floor.revoke(who, role) else ""
    lasts = dice.choice((None, timedelta(seconds=40), timedelta(minutes=5)))
    until = None if lasts is None else floor.lower.clock.now() + lasts
    return f"{who.name} is {role} for {lasts or 'ever'}" if floor.grant(who, role, until) else ""


def token(floor: Floor) -> str:
    """Somebody has a token issued, or one revoked."""
    dice = floor.lower.dice
    if floor.tickets and dice.random() < 0.3:
        ticket = dice.choice(floor.tickets)
        return f"a token of {ticket.owner.name} is revoked{_revoke_token(floor, ticket.id, ticket.owner)}"
    who = dice.choice(PEOPLE)
    terms = dice.choice(({"role": Role.RESPONDER}, {"right": ("incident.edit", "rounds.command")}, {}))
    given = {"name": floor.words("token"), **terms, "for_time": dice.choice(("1m", "10m", "1d"))}
    done, how = floor.do(who, "token issue", given)
    if done is not None and done.facts["token"]:
        floor.tickets.append(Ticket(who, str(done.facts["id"]), str(done.facts["token"])))
    return f"{who.name} has a token issued{how}"


def _revoke_token(floor: Floor, token: str, owner: Someone | None = None) -> str:
    whose = owner or next((one.owner for one in floor.tickets if one.id == token), None)
    return "" if whose is None else floor.do(whose, "token revoke", {"token": token})[1]


# -- what waits for people -----------------------------------------------------------------------------------------


def decide(floor: Floor) -> str:
    """Somebody lets one thing try again that is parked, settles a conflict, or confirms what has ended."""
    dice = floor.lower.dice
    with floor.calm() as connection:
        parked, held = explain.parked(connection), explain.conflicts(connection)
        doubts = absence.doubts(connection)
    asked: list[tuple[str, dict[str, Any]]] = [
        *(("parked retry", {"what": one.what, "number": one.id}) for one in parked),
        *(
            (
                "conflicts settle",
                {
                    "incident": one.number,
                    "field": one.field,
                    "connection": one.connection,
                    "take": dice.choice(("ours", "theirs")),
                },
            )
            for one in held
        ),
        *(
            ("doubts confirm", {"connection": name})
            for name, doubt in doubts.items()
            if not set(doubt.open) & floor.lower.alerts.firing.keys()  # nobody confirms what is not so
        ),
    ]
    if not asked:
        return ""
    name, given = dice.choice(asked)
    shown = {one: value for one, value in given.items() if one != "number"}  # which each database counts in its own way
    return f"ann asks for {name} {shown}{_ask(floor, PEOPLE[0], name, given, '', None)}"


# -- plugins -------------------------------------------------------------------------------------------------------


def work(floor: Floor) -> str:
    """Plugins work in one process; it may die, or freeze while the other one works."""
    dice, fate = floor.lower.dice, floor.lower.fate
    hand = dice.choice(floor.hands)
    others = [one for one in floor.hands if one is not hand]
    fate.light_fuse()
    with floor.disturbed(FREEZES, range(1, 13), lambda: _while_frozen(floor, others)):
        floor.work(hand, dice.randint(1, 3))
    fate.put_out()
    return f"plugins work in {hand.name}"


def _while_frozen(floor: Floor, others: list[Hand]) -> None:
    dice, lower = floor.lower.dice, floor.lower
    lower.clock.advance(dice.choice((0, 1, 40, 300)))
    lower.fate.told.append("it freezes, and others go on")
    for other in others:
        floor.work(other, dice.randint(1, 2))
    item = floor.some_item()
    if item is not None and dice.random() < 0.7:
        name, given = _asked(floor, item)
        floor.do(PEOPLE[dice.choice((0, 2))], name, given)
    if dice.random() < 0.3:
        lower.fate.told.append(lower.somebody_edits())


def rebuild(floor: Floor) -> str:
    """Tables are made anew beside those in use, while people and plugins go on."""
    dice = floor.lower.dice
    hand = dice.choice(floor.hands)
    names = list(hand.engine.registry.offers.projections)
    if not names:
        return ""
    name = dice.choice(names)
    _offer, projection = hand.engine.registry.offers.projections[name]
    others = [one for one in floor.hands if one is not hand]
    floor.lower.fate.light_fuse()
    with floor.disturbed(2 * FREEZES, range(1, 4), lambda: _while_frozen(floor, others)):
        floor.at_work(hand, lambda: projecting.make(floor.lower.store, name, projection, hand.name))
    floor.lower.fate.put_out()
    return f"{hand.name} makes the tables of {name} anew"


def set_aside(floor: Floor) -> str:
    """A plugin is taken out of the configuration, or comes back."""
    dice, lower = floor.lower.dice, floor.lower
    away = [one for one in PLUGINS if one not in lower.groups]
    name = away[0] if away else dice.choice(PLUGINS)
    lower.groups = tuple(one for one in PLUGINS if (one in lower.groups) != (one == name))
    lower.restart_all()
    return f"the plugin {name} {'comes back' if away else 'is set aside'}"


MOVES: Final[Mapping[str, tuple[Move, int]]] = {
    "ask": (ask, 34),
    "ask again": (ask_again, 14),
    "plugins": (work, 34),
    "roles": (roles, 8),
    "token": (token, 7),
    "decide": (decide, 4),
    "rebuild": (rebuild, 5),
    "set aside": (set_aside, 6),
}
"""Every move with its weight."""
