"""One record in a hundred fails every time, each kind in its own way. The others must not notice.

How long each healthy record takes from one tool to the other is measured in virtual time, in which nothing passes but
what the tool's limit costs, and is held against the same world without the poison.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.soak.deliveries import Post
from tests.sync.deciding import decide
from tests.sync.world import World

from tieline.adapters.memory.shelf import Row
from tieline.adapters.memory.tool import Refused
from tieline.core.model import instant, parse_instant
from tieline.core.port import Body
from tieline.mappings import Mapping as FieldMapping
from tieline.mappings import Normalized
from tieline.sync.daemon.lane import LaneState

LARGE: Final = "x" * (10 * 1024 * 1024)
LARGEST: Final = 64 * 1024
"""Of a field of the tool in which the copies are made: less than what is taken over of ten megabytes."""

KINDS: Final[Mapping[str, str]] = {
    "word": "mystery",
    "refused": "refuses this title",
    "mapping": "a mistake in Tieline, a mapping or a plugin: a bug in somebody's conversion",
    "parser": "its adapter broke at `read`: a bug in somebody's parser",
    "large": "is larger than",
}
"""Each kind of poison, and what the reason for putting it aside has to say."""

MOST_LARGE: Final = 3
BATCH: Final = 100
"""Records that are made at one moment, every fifteen seconds."""

PER_MINUTE: Final = 600
SLOWER: Final = 1.1


class Choking:
    """A mapping with a bug in it."""

    def __init__(self, honest: FieldMapping) -> None:
        self._honest = honest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._honest, name)

    def normalize(self, body: Body, people: Mapping[str, str]) -> Normalized:
        if str(body["title"]).startswith("mapping"):
            raise ZeroDivisionError("a bug in somebody's conversion")
        return self._honest.normalize(body, people)


class Ward:
    """Two tools, and records that come into the left one. `poisoned` says whether the poison is any."""

    def __init__(self, folder: Path, size: int, *, poisoned: bool) -> None:
        folder.mkdir()
        options = {"left": "poll_every: 1d", "right": f"poll_every: 1h\ncalls_per_minute: {PER_MINUTE}"}
        self.world = World(folder, options=options)
        self.size = size
        self.unwell = 0
        self.kinds = {number: list(KINDS)[number // 100 % len(KINDS)] for number in range(50, size, 100)}
        for extra in [number for number, kind in self.kinds.items() if kind == "large"][MOST_LARGE:]:
            self.kinds[extra] = "refused"
        self.refs: dict[int, str] = {}
        self._poisoned = poisoned
        self._left, self._right = self.world.tools["left"], self.world.tools["right"]
        self._run_dry()
        self._post = Post(self.world)
        if poisoned:
            self._make_ill()

    def _make_ill(self) -> None:
        here = self.world.engine.connections[self.world.lanes["left"].here.name]
        read, make = self._left.replicated, self._right.make

        def stumble(ref: str) -> Row:
            row = read(ref)
            if str(row.body["title"]).startswith("parser"):
                raise TypeError("a bug in somebody's parser")
            return row

        def refuse(body: Mapping[str, Any], **others: Any) -> Row:
            for name, value in body.items():
                if isinstance(value, str) and len(value) > LARGEST:
                    raise Refused(f"{name} is larger than {LARGEST} bytes")
            if str(body["title"]).startswith("refused"):
                raise Refused("this tool refuses this title")
            return make(body, **others)

        self._healthy = (here.mapping, read, make)
        here.mapping = Choking(here.mapping)  # type: ignore[assignment]  # it is one but for its bug
        self._left.replicated = stumble  # type: ignore[method-assign]  # as the tool of a fault does
        self._right.make = refuse  # type: ignore[method-assign]

    def heal(self) -> None:
        """Somebody mends the cause of each, without touching the records."""
        here = self.world.engine.connections[self.world.lanes["left"].here.name]
        here.mapping, read, make = self._healthy
        self._left.replicated = read  # type: ignore[method-assign]
        self._right.make = make  # type: ignore[method-assign]
        with self._left._shelf.transaction() as state:
            for row in state.rows.values():
                if row.body.get("status") == "mystery":
                    row.body = {**row.body, "status": "new"}

    def live(self) -> None:
        """Every record comes, and what there is to do is done."""
        for number in range(self.size):
            kind = self.kinds.get(number, "well")
            body = {"title": f"{kind} {number}", "status": "new", "opened_at": instant(self.world.clock.now())}
            if kind == "large" and self._poisoned:
                body["description"] = LARGE
            self.refs[number] = self._left.make(body).ref
            if kind == "word" and self._poisoned:
                with self._left._shelf.transaction() as state:
                    state.rows[self.refs[number]].body["status"] = "mystery"
            if number % BATCH == BATCH - 1:
                self._post.deliver(self._post.take())
                self.wait(15)
        self._post.deliver(self._post.take())
        self.wait(900)

    def wait(self, seconds: float) -> None:
        """Time passes, and the lanes do what they find."""
        ends = self.world.clock.monotonic() + seconds
        while self.world.clock.monotonic() < ends:
            self._run_dry()
            self.world.clock.advance(1)

    def _run_dry(self) -> None:
        while sum(self.world.step(name) for name in self.world.lanes):
            self.unwell += sum(lane.state is not LaneState.WORKING for lane in self.world.lanes.values())
        self.unwell += sum(lane.state is not LaneState.WORKING for lane in self.world.lanes.values())

    def delays(self) -> list[float]:
        """Of each healthy record: seconds from one tool to the other; those that never came are left out."""
        came = {str(row.body["title"]): parse_instant(row.made_at) for row in self._right.rows()}
        return sorted(
            (came[title] - parse_instant(row.made_at)).total_seconds()
            for row in self._left.rows()
            if (title := str(row.body["title"])).startswith("well") and title in came
        )

    def unlisted(self) -> list[str]:
        """The poison that is not put aside with its reason."""
        listed: dict[str, str] = {}
        for one in self.world.parked():
            if one.incident is None:
                ref, _, sentence = one.sentence.partition(": ")
            else:
                ref, sentence = str(self.world.copy("left", one.incident).ref), one.sentence
            listed[ref] = sentence
        return [
            f"{kind} {number}: {listed.get(self.refs[number], 'not listed')[:200]}"
            for number, kind in sorted(self.kinds.items())
            if KINDS[kind] not in listed.get(self.refs[number], "")
        ]

    def release(self) -> int:
        """What `tieline parked retry` does, once for each; answers how many there were."""
        waiting = self.world.parked()
        for one in waiting:
            decide(self.world.engine, "parked retry", what=one.what, number=one.id)
        self.wait(900)
        return len(waiting)

    def missing(self) -> int:
        """Records without a copy."""
        return self.size - len({str(row.body["title"]) for row in self._right.rows()})

    def close(self) -> None:
        self.world.engine.store.close()


def poison(folder: Path, size: int) -> dict[str, Any]:
    """So many records, the hundredth part of them poison."""
    clean = Ward(folder / "clean", size, poisoned=False)
    clean.live()
    usual = clean.delays()
    clean.close()
    ward = Ward(folder / "ward", size, poisoned=True)
    ward.live()
    delays, unlisted, unwell = ward.delays(), ward.unlisted(), ward.unwell
    ward.heal()
    released = ward.release()
    figures = {
        "records": size,
        "poison": len(ward.kinds),
        "listed": len(ward.kinds) - len(unlisted),
        "healthy_that_came": len(delays),
        "p99_seconds": round(_p99(delays), 2),
        "p99_seconds_without_poison": round(_p99(usual), 2),
        "lanes_that_stopped": unwell,
        "released": released,
        "missing_after_release": ward.missing(),
        "parked_after_release": len(ward.world.parked()),
        "journal": ward.world.verified(),
    }
    ward.close()
    checks = {
        "a healthy record did not come": figures["healthy_that_came"] == size - figures["poison"],
        "the others waited": figures["p99_seconds"] <= SLOWER * figures["p99_seconds_without_poison"],
        "a lane paused or stopped": unwell == 0,
        "not all of it was released": released == len(ward.kinds),
        "something is missing after the release": figures["missing_after_release"] == 0,
        "something is put aside after the release": figures["parked_after_release"] == 0,
    }
    return {**figures, "failures": [*unlisted[:10], *(words for words, holds in checks.items() if not holds)]}


def _p99(delays: list[float]) -> float:
    return delays[min(len(delays) - 1, len(delays) * 99 // 100)] if delays else 0.0
