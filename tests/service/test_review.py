from typing import Any

import pytest
from twisted.internet.defer import succeed

from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, Envelope, Moved, Release, State
from hl7calf.service.journal.views import MessageLine
from hl7calf.service.review import ReviewHold
from tests.service.doubles import MemoryJournal, events


def parked(number: int, received_at: float, why: str = HELD_FOR_REVIEW) -> MessageLine:
    return MessageLine(
        number,
        "orders",
        "orders",
        State.PARKED,
        received_at,
        None,
        "h",
        1,
        Envelope(),
        "review",
        False,
        "",
        0,
        False,
        False,
        why,
    )


class Reader:
    def __init__(self, lines: list[MessageLine]) -> None:
        self.lines = lines

    def messages(self, state: State, route: str, limit: int) -> list[MessageLine]:
        assert (state, route) == (State.PARKED, "orders")
        return self.lines


class Held:
    """A route with held messages, and clocks that are set by hand."""

    def __init__(self, lines: list[MessageLine], limit_s: float = 100.0) -> None:
        self.journal = MemoryJournal()
        self.journal.answers[Release] = lambda job: Moved(job.message_id, State.PARKED, State.QUEUED)
        self.reader: Any = Reader(lines)
        self.released: list[str] = []
        self.now, self.wall = 5000.0, 200.0
        self.hold = ReviewHold(
            "orders", limit_s, lambda what: succeed(what(self.reader)), self.journal.submit, lambda: self.now,
            lambda: self.wall, lambda: self.released.append("x"),
        )  # fmt: skip

    @property
    def let_go(self) -> list[int]:
        return [job.message_id for job in self.journal.of(Release)]


def test_only_what_was_held_for_review_and_waited_its_time_goes_on() -> None:
    held = Held([parked(1, 0), parked(2, 150), parked(3, 0, "answered AR")])
    with events() as seen:
        held.hold.look()
    assert held.let_go == [1]
    assert held.journal.of(Release)[0].user == "hl7calf"
    assert held.released == []
    held.journal.commit()
    assert held.released == ["x"]
    assert seen == [{"code": "D_HELD", "route": "orders", "message": 1, "level": "warn"}]


def test_it_goes_on_when_its_time_has_come_and_not_before() -> None:
    held = Held([parked(2, 150)])
    for now in (5000.0, 5049.0):
        held.now = now
        held.hold.look()
    assert held.let_go == []
    held.now = 5050.0
    held.hold.look()
    assert held.let_go == [2]


@pytest.mark.parametrize("jump_s", [-315_576_000.0, -3600.0, 3600.0, 315_576_000.0])
def test_p21_a_clock_that_jumps_neither_shortens_nor_lengthens_the_time(jump_s: float) -> None:
    held = Held([parked(2, 150)])
    held.hold.look()
    held.wall += jump_s
    held.now = 5049.0
    held.hold.look()
    assert held.let_go == []
    held.now = 5050.0
    held.hold.look()
    assert held.let_go == [2]


def test_p21_after_a_start_with_a_clock_set_back_it_waits_its_whole_time_and_no_longer() -> None:
    held = Held([parked(2, received_at=1e9)])
    held.hold.look()
    held.now = 5100.0
    held.hold.look()
    assert held.let_go == [2]
