"""What may happen on the second floor in one step. Each move draws what it needs from the world's dice and answers with
the sentence that a minimal story tells of it, or "" when there was nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from tieline.cli.simulation.floor.deeds import STEPS, VISIT
from tieline.cli.simulation.floor.floor import (
    BOSS,
    DAN,
    DECIDERS,
    HIGHER,
    PEOPLE,
    PLUGINS,
    ROLES,
    Asked,
    Floor,
    Hand,
    Kept,
    Ticket,
)
from tieline.cli.simulation.floor.rounds import ROUNDS_TERMS, TRIPS
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
from tieline.sync.office.stepping import step

Move = Callable[[Floor], str]

ANNOUNCE: Final = "rounds announce"
PROPOSE: Final = "policy propose"
APPROVE: Final = "proposals approve"

FREEZES: Final = 0.3
INTERRUPTED: Final = 0.6
"""How likely whoever works or asks is held up in the midst of it."""

SHORT: Final = ("20s", "2m", "10m")
SLOTS: Final = 6
AT_ONCE: Final = 0.2
"""How often somebody does at once what others are to approve first."""
DECIDED: Final = 0.8
"""How often somebody decides about what is not decided yet."""
RECENT: Final = 4
"""Of so many of the last is one decided about."""


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
    return f"{how} asks for {name} {given}{ask_for(floor, who, name, given, key, revision)}"


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
    return f"{kept.who.name} asks again for {kept.act} {given}{ask_for(floor, kept.who, kept.act, given, key, None)}"


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
            words = floor.words(TRIPS if dice.random() < 0.4 else "promise")
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


def ask_for(
    floor: Floor,
    who: Someone,
    name: str,
    given: Mapping[str, Any],
    key: str,
    revision: int | None,
    why: str | None = None,
) -> str:
    """Ask, and hold what is answered against what is known."""
    number = str(given.get("incident", "")).rpartition("-")[2]
    floor.watch_revision(IncidentId(int(number)) if number.isdecimal() else None)  # a label has none
    floor.lower.fate.light_fuse()
    with floor.disturbed(INTERRUPTED, _places(floor, name), lambda: meanwhile(floor, who, name, given, key)):
        done, how = floor.do(who, name, given, key, revision, why)
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
    if name == APPROVE and dice.random() < DECIDED:
        _while_approved(floor, who, str(given["proposal"]))
        return
    match dice.randrange(8):
        case 0 | 1 if not key:
            _lose_roles(floor, who)
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
        case 5:
            lower.fate.told.append(f"meanwhile {_switch(floor)}")
        case _ if name.startswith("rounds "):
            _done, how = floor.do(who, name, {**given, "words": floor.words("meanwhile")})
            lower.fate.told.append(f"meanwhile they ask for the same with other words{how}")
        case _:
            changes = {dice.choice(TEXTS): floor.words("e of cat")}
            floor.do(PEOPLE[2], "edit", {"incident": given.get("incident", "INC-1"), "changes": changes})
            lower.fate.told.append(f"meanwhile cat edits it: {changes}")


def _while_approved(floor: Floor, who: Someone, label: str) -> None:
    """What happens while somebody approves: whoever asked or approved has no right to it any more, what it is about
    changes, somebody else decides, its time is over, other terms hold."""
    dice, lower = floor.lower.dice, floor.lower
    asked = next((one for one in floor.asked if one.label == label), None)
    match dice.randrange(12):
        case 0 | 9 | 10 | 11 if asked is not None:
            _lose_roles(floor, asked.who)
        case 1:
            _lose_roles(floor, who)
        case 2 if asked is not None and asked.incident:
            changes = {"title": floor.words("e of cat")}
            floor.do(PEOPLE[2], "edit", {"incident": asked.incident, "changes": changes})
            lower.fate.told.append(f"meanwhile cat edits it: {changes}")
        case 3 | 4 | 5 if asked is not None:
            other, name, given = dice.choice(
                (
                    (dice.choice(DECIDERS), APPROVE, {}),
                    (dice.choice(DECIDERS), "proposals reject", {"why": floor.words("no")}),
                    (asked.who, "proposals withdraw", {}),
                )
            )
            how = floor.do(other, name, {"proposal": label, **given})[1]
            lower.fate.told.append(f"meanwhile {other.name} asks for {name}{how}")
        case 6:
            lower.clock.advance(1000)
            if dice.random() < 0.5:  # a process that is busy ends nothing in time
                lower.tick()
            lower.fate.told.append("meanwhile time passes")
        case _:
            lower.fate.told.append(f"meanwhile {_switch(floor)}")


def _lose_roles(floor: Floor, who: Someone) -> None:
    for role in (*ROLES, Role.MANAGER):
        if floor.revoke(who, role):
            floor.lost.append((who, role))
            floor.lower.fate.told.append(f"meanwhile {who.name} is no longer {role}")


def give_back(floor: Floor) -> None:
    """Mostly, whoever lost a role in the midst of something has it again."""
    if _mostly(floor):
        while floor.lost:
            floor.grant(*floor.lost.pop(), None)


# -- what others approve -------------------------------------------------------------------------------------------


def announce(floor: Floor) -> str:
    """Somebody wants everybody to be told something, which somebody else approves first; or does it at once."""
    dice = floor.lower.dice
    item = floor.some_item()
    if item is None:
        return ""
    give_back(floor)
    who = dice.choice((*DECIDERS, *DECIDERS, *PEOPLE))
    given: dict[str, Any] = {"incident": f"INC-{item}", "words": floor.words("news")}
    given |= {"anyhow": dice.random() < 0.5, "both": dice.random() < 0.4}
    key = floor.words("key") if dice.random() < 0.5 else ""
    why = floor.words("because") if dice.random() < AT_ONCE else None
    before, reviews = floor.asked[-1:], len(floor.reviews)
    words = f"{who.name} asks for {ANNOUNCE} {given}{ask_for(floor, who, ANNOUNCE, given, key, None, why)}"
    if len(floor.reviews) > reviews and _mostly(floor):
        return f"{words}; {_review(floor, *floor.reviews[-1])}"
    return f"{words}{decide_mostly(floor, before)}"


def decide_upon(floor: Floor) -> str:
    """Somebody approves or rejects what was asked for, or whoever asked takes it back."""
    if not floor.asked:
        return ""
    dice = floor.lower.dice
    return _decide(floor, dice.choice((_mostly(floor) and floor.waiting()) or floor.asked[-RECENT:]))


def decide_mostly(floor: Floor, before: Sequence[Asked]) -> str:
    """Mostly, what was asked for just now is decided upon at once."""
    return f"; {_decide(floor, floor.asked[-1])}" if floor.asked[-1:] != before and _mostly(floor) else ""


def _mostly(floor: Floor) -> bool:
    return floor.lower.dice.random() < DECIDED


def _decide(floor: Floor, asked: Asked) -> str:
    give_back(floor)
    dice = floor.lower.dice
    # Of a policy, fewer may decide.
    deciders = DECIDERS if asked.incident or not _mostly(floor) else (DAN, BOSS)
    who, name, given = dice.choice(deciders), APPROVE, {"proposal": asked.label}
    if dice.random() < 0.1:
        who, name = asked.who, "proposals withdraw"
    elif dice.random() < 0.1:
        name, given = "proposals reject", {**given, "why": floor.words("no")}
    key = floor.words("key") if dice.random() < 0.3 else ""
    return f"{who.name} asks for {name} {given}{ask_for(floor, who, name, given, key, None)}"


def review(floor: Floor) -> str:
    """Somebody looks at what was done at once."""
    if not floor.reviews:
        return ""
    return _review(floor, *floor.lower.dice.choice(floor.reviews))


def _review(floor: Floor, label: str, user: Someone) -> str:
    """Somebody looks at it; as often as not whoever did it, who may not."""
    dice = floor.lower.dice
    who, given = dice.choice((dice.choice(DECIDERS), user)), {"review": label, "found": floor.words("found")}
    return f"{who.name} asks for reviews close {given}{ask_for(floor, who, 'reviews close', given, '', None)}"


def terms(floor: Floor) -> str:
    """Other terms are proposed, and mostly approved at once by somebody else."""
    dice = floor.lower.dice
    give_back(floor)
    who, name, given = dice.choice((PEOPLE[2], DAN, BOSS)), *_other_terms(floor)
    before = floor.asked[-1:]
    words = f"{who.name} asks for {name} {given}{ask_for(floor, who, name, given, '', None)}"
    return f"{words}{decide_mostly(floor, before)}"


def _other_terms(floor: Floor) -> tuple[str, dict[str, Any]]:
    dice, why = floor.lower.dice, floor.words("terms")
    if dice.random() < 0.25:
        return "policy rollback", {"policy": ROUNDS_TERMS, "revision": dice.randint(1, 3), "why": why}
    return PROPOSE, {"policy": ROUNDS_TERMS, "document": f"mark: {floor.said}\n", "why": why}


def _switch(floor: Floor) -> str:
    """Other terms hold from now on, if nothing is in the way."""
    name, given = _other_terms(floor)
    done, how = floor.do(BOSS, name, given)
    if done is None or not done.proposal:
        return f"boss asks for {name} {given}{how}"
    return f"boss asks for {name} {given}, dan approves{floor.do(DAN, APPROVE, {'proposal': done.proposal})[1]}"


# -- work of many steps, and items of another kind -----------------------------------------------------------------


def patrol(floor: Floor) -> str:
    """Somebody starts a patrol, ends one, or has one go on."""
    dice = floor.lower.dice
    item = floor.some_item()
    if item is None:
        return ""
    give_back(floor)
    who, how = _who(floor)
    if who is None:
        return how
    if dice.random() < 0.4:
        return _to_some_job(floor) or ""
    until = floor.lower.clock.now() + timedelta(seconds=dice.choice((0, 0, 0, 20, 200)))
    given = {"incident": f"INC-{item}", "words": floor.words("patrol"), "until": until.isoformat()}
    key = floor.words("key") if dice.random() < 0.5 else ""
    words = f"{how} asks for rounds patrol {given}{ask_for(floor, who, 'rounds patrol', given, key, None)}"
    return f"{words}; {_steps(floor)}" if _mostly(floor) else words


def _steps(floor: Floor) -> str:
    """One process does steps of jobs; it may die, or freeze in the midst of one while all others go on."""
    dice, fate = floor.lower.dice, floor.lower.fate
    hand = dice.choice(floor.hands)
    others = [one for one in floor.hands if one is not hand]
    fate.light_fuse()
    for _ in range(dice.randint(1, STEPS)):
        with floor.disturbed(INTERRUPTED, range(2, 5), lambda: _while_frozen(floor, others)):
            floor.at_work(hand, lambda: step(hand.engine, hand.by))
    fate.put_out()
    return f"{hand.name} does steps of jobs"


def _to_some_job(floor: Floor) -> str:
    dice = floor.lower.dice
    known = floor.jobs()
    if not known:
        return ""
    who, name = dice.choice((PEOPLE[2], BOSS)), dice.choice(("jobs cancel", "jobs resume"))
    given = {"job": dice.choice(known[-RECENT:])}
    return f"{who.name} asks for {name} {given}{ask_for(floor, who, name, given, '', None)}"


def visit(floor: Floor) -> str:
    """Somebody plans a visit, or says something else of one."""
    dice = floor.lower.dice
    who, how = _who(floor)
    if who is None:
        return how
    known = floor.some_item(VISIT.record)
    key = floor.words("key") if dice.random() < 0.5 else ""
    if known is None or dice.random() < 0.4:
        given: dict[str, Any] = {"words": floor.words("visit")}
        return f"{how} asks for rounds visit {given}{ask_for(floor, who, 'rounds visit', given, key, None)}"
    number = f"{VISIT.prefix}-{known}"
    if dice.random() < 0.3:
        name, given = "rounds promise", {"incident": number, "words": floor.words("promise"), "time": "20s"}
    elif dice.random() < 0.4:
        name, given = "edit", {"incident": number, "changes": {"status": dice.choice(list(VISIT.statuses)).value}}
    else:
        name, given = "edit", {"incident": number, "changes": {dice.choice(TEXTS): floor.words("e of floor")}}
    return f"{how} asks for {name} {given}{ask_for(floor, who, name, given, '', _revision(floor, known))}"


# -- rights --------------------------------------------------------------------------------------------------------


def roles(floor: Floor) -> str:
    """Somebody gets a role, for a while or for ever, or no longer holds one."""
    dice = floor.lower.dice
    who = dice.choice((*PEOPLE, DAN))
    role = dice.choice(HIGHER if who == DAN else ROLES)
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
    return f"ann asks for {name} {shown}{ask_for(floor, PEOPLE[0], name, given, '', None)}"


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
    if dice.random() < 0.5:
        lower.fate.told.append(_switch(floor))
    known = floor.jobs()
    if known and dice.random() < 0.3:
        given = {"job": dice.choice(known[-RECENT:])}
        lower.fate.told.append(f"boss asks for jobs cancel {given}{floor.do(BOSS, 'jobs cancel', given)[1]}")
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
    "announce": (announce, 10),
    "decide upon": (decide_upon, 14),
    "review": (review, 4),
    "terms": (terms, 7),
    "patrol": (patrol, 9),
    "visit": (visit, 4),
    "plugins": (work, 34),
    "roles": (roles, 8),
    "token": (token, 7),
    "decide": (decide, 4),
    "rebuild": (rebuild, 5),
    "set aside": (set_aside, 6),
}
"""Every move with its weight."""
