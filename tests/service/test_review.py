from typing import Any

from twisted.internet.defer import succeed

from hl7calf.service.forwarder import HELD_FOR_REVIEW
from hl7calf.service.journal.jobs import Envelope, Moved, Release, State
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


def test_only_what_was_held_for_review_and_waited_its_time_goes_on() -> None:
    journal = MemoryJournal()
    journal.answers[Release] = lambda job: Moved(job.message_id, State.PARKED, State.QUEUED)
    reader: Any = Reader([parked(1, 0), parked(2, 150), parked(3, 0, "answered AR")])
    released: list[str] = []
    hold = ReviewHold(
        "orders", 100.0, lambda what: succeed(what(reader)), journal.submit, lambda: 200.0, lambda: released.append("x")
    )
    with events() as seen:
        hold.look()
    assert [job.message_id for job in journal.of(Release)] == [1]
    assert journal.of(Release)[0].user == "hl7calf"
    assert released == []
    journal.commit()
    assert released == ["x"]
    assert seen == [{"code": "D_HELD", "route": "orders", "message": 1, "level": "warn"}]
