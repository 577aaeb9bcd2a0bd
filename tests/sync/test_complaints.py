"""What the log says of deliveries with which something is wrong: at once, then once a minute, with a bound."""

from __future__ import annotations

from tieline.sync.intake.complaints import (
    LONGEST_NAME,
    MOST_KINDS,
    MOST_NAMES,
    MOST_SENDERS,
    QUIET,
    Complaint,
    Complaints,
    Mistake,
)


class Log:
    """What was written, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int]] = []
        self.mistakes: list[list[str]] = []
        self.counts: list[dict[str, int]] = []
        self.now = 100.0
        self.complaints = Complaints(self._write, lambda: self.now)

    def _write(self, one: Complaint, times: int, mistakes: list[str]) -> None:
        self.lines.append((one.sender, int(one.facts.get("status", 0)), times))
        self.mistakes.append(mistakes)
        self.counts.append(dict(one.counts))

    def odd(self, *kinds: str) -> None:
        """A delivery with an odd record of each kind."""
        mistakes = [Mistake(kind, "A") for kind in kinds]
        self.complaints.note(Complaint("delivery_unreadable", "a", "am", {}, {"records": len(kinds)}, mistakes))

    def note(self, sender: str, status: int = 400, connection: str = "alerts") -> None:
        self.complaints.note(Complaint("delivery_refused", sender, connection, {"status": status}))

    def later(self, seconds: float = QUIET) -> bool:
        self.now += seconds
        return self.complaints.tell()

    def new(self) -> list[tuple[str, int, int]]:
        lines, self.lines = self.lines, []
        return lines


def test_the_first_is_told_at_once_and_what_follows_within_a_minute_is_counted() -> None:
    log = Log()
    for status in (400, 401, 400, 413):
        log.note("a", status)
    assert log.new() == [("a", 400, 1)]
    assert log.later(QUIET / 2)
    assert log.new() == []
    assert log.later()
    assert log.new() == [("a", 413, 3)]


def test_whoever_goes_on_is_told_of_once_a_minute_and_whoever_stops_is_forgotten() -> None:
    log = Log()
    for _minute in range(3):
        for _ in range(10):
            log.note("a")
        log.later()
    assert [times for _sender, _status, times in log.new()] == [1, 9, 10, 10]
    assert log.later() is False
    log.note("a")
    assert log.new() == [("a", 400, 1)]


def test_senders_and_connections_are_told_apart() -> None:
    log = Log()
    log.note("a")
    log.note("b")
    log.note("a", connection="snow")
    assert len(log.new()) == 3


def test_senders_without_number_share_one_line() -> None:
    log = Log()
    for number in range(MOST_SENDERS + 500):
        log.note(f"10.0.0.{number}")
    lines = log.new()
    assert len(lines) == MOST_SENDERS + 1
    log.later()
    [line] = log.new()
    assert line[1:] == (400, 499)


def test_every_kind_of_mistake_of_a_minute_is_told_and_how_often_it_was_made() -> None:
    log = Log()
    for kinds in (["no time"], ["no labels", "no time"], ["no state"], ["no labels"]):
        log.odd(*kinds)
    assert log.mistakes == [["A: no time"]]
    log.later()
    assert log.mistakes[1] == ["A: no labels (2 times)", "A: no time", "A: no state"]
    assert log.counts == [{"records": 1}, {"records": 4}]
    assert [times for _sender, _status, times in log.lines] == [1, 3]
    log.odd("no name")
    log.later()
    assert log.mistakes[2] == ["A: no name"], "what was told is not told again"


def test_kinds_without_number_are_told_up_to_a_bound() -> None:
    log = Log()
    log.odd(*(f"odd {number}" for number in range(MOST_KINDS + 7)), "odd 3")
    assert len(log.mistakes[0]) == MOST_KINDS + 1
    assert log.mistakes[0][3] == "A: odd 3 (2 times)" and log.mistakes[0][-1] == "7 of other kinds"


def test_each_whose_mistake_it_was_is_named_up_to_a_bound() -> None:
    log = Log()
    names = ["Disk", "Disk", "Down", *(f"Alert {number}" for number in range(MOST_NAMES)), "Disk", "x" * 1_000]
    log.complaints.note(Complaint("delivery_unreadable", "a", "am"))
    for name in names:
        log.complaints.note(Complaint("delivery_unreadable", "a", "am", mistakes=[Mistake("no time", name)]))
    log.later()
    [said] = log.mistakes[1]
    assert said.startswith("Disk, Down, Alert 0, Alert 1, ") and said.endswith(
        f", 3 more: no time ({len(names)} times)"
    )
    log.complaints.note(Complaint("delivery_unreadable", "a", "am", mistakes=[Mistake("no time", "x" * 1_000)]))
    log.later()
    assert log.mistakes[2] == [f"{'x' * LONGEST_NAME}: no time"]
