import pytest

from hl7calf.service.journal.views import Queued
from hl7calf.service.window import Window


def item(number: int, lane: str = "orders", size: int = 10) -> Queued:
    return Queued(number, "orders", lane, b"x" * size, b"C%d" % number, 0.0, 0, 0.0, False)


def caught_up(**limits: int) -> Window:
    window = Window(**limits)
    window.begin_reading()
    window.load([], complete=True)
    return window


def drain(window: Window, now: float = 0.0) -> list[int]:
    numbers = []
    while (taken := window.take(now)) is not None:
        numbers.append(taken.message_id)
        window.settle(taken)
    return numbers


def test_a_new_window_reads_the_store_before_it_takes_anything_from_intake() -> None:
    window = Window()
    assert window.starved
    assert not window.feed(item(2))
    window.begin_reading()
    window.load([item(1), item(2)], complete=True)
    assert not window.behind
    assert window.feed(item(3))
    assert drain(window) == [1, 2, 3]


def test_one_lane_has_one_message_in_flight() -> None:
    window = caught_up()
    window.feed(item(1))
    window.feed(item(2))
    first = window.take(0)
    assert first is not None and first.message_id == 1
    assert window.take(0) is None
    window.settle(first)
    assert drain(window) == [2]


def test_lanes_take_turns_and_a_busy_one_holds_only_itself() -> None:
    window = caught_up()
    for number, lane in enumerate("AAABBC", 1):
        window.feed(item(number, lane))
    flying = [window.take(0), window.take(0), window.take(0)]
    assert [i.message_id for i in flying if i] == [1, 4, 6]
    assert window.take(0) is None
    assert flying[1] is not None
    window.settle(flying[1])
    assert drain(window) == [5]


def test_a_postponed_lane_waits_and_keeps_its_order() -> None:
    window = caught_up()
    for number, lane in ((1, "A"), (2, "A"), (3, "B")):
        window.feed(item(number, lane))
    first = window.take(0)
    assert first is not None
    window.postpone(first, until=5.0, attempts=1)
    assert drain(window, now=4.9) == [3]
    assert window.next_at() == 5.0
    again = window.take(5.0)
    assert again is not None
    assert (again.message_id, again.attempts, again.possible_duplicate) == (1, 1, True)


def test_what_does_not_fit_stays_in_the_store_and_order_is_kept() -> None:
    window = caught_up(limit_messages=2)
    assert [window.feed(item(n)) for n in (1, 2, 3)] == [True, True, False]
    first = window.take(0)
    assert first is not None
    window.settle(first)
    assert not window.feed(item(4)), "3 is only in the store, so 4 must not overtake it"
    assert drain(window) == [2]
    assert window.starved
    window.begin_reading()
    window.load([item(3), item(4)], complete=True)
    assert drain(window) == [3, 4]
    assert window.feed(item(5))


def test_while_a_lane_waits_behind_its_message_in_flight_the_store_is_left_in_peace() -> None:
    window = Window()
    window.begin_reading()
    window.load([item(1), item(2)], complete=False)
    flying = window.take(0)
    assert flying is not None
    assert not window.starved, "2 is here and goes next"
    window.settle(flying)
    window.take(0)
    assert window.starved


def test_a_lane_that_waits_for_its_time_does_not_keep_the_others_from_being_read() -> None:
    window = Window()
    window.begin_reading()
    window.load([item(1, "A")], complete=False)
    tried = window.take(0)
    assert tried is not None
    window.postpone(tried, until=9.0)
    assert window.starved
    window.begin_reading()
    window.load([item(1, "A")], complete=False)
    assert not window.starved, "nothing new was there, so asking again would be in vain"
    window.feed(item(2, "B"))
    assert window.starved


def test_the_byte_limit_counts_as_well() -> None:
    window = caught_up(limit_bytes=100)
    assert window.feed(item(1, size=100))
    assert not window.feed(item(2))


def test_what_was_fed_while_the_store_was_read_is_not_skipped() -> None:
    window = Window()
    window.begin_reading()
    assert not window.feed(item(2))
    window.load([item(1)], complete=True)
    assert window.behind, "2 came after the reading began, so another reading must find it"
    assert drain(window) == [1]
    window.begin_reading()
    window.load([item(2)], complete=True)
    assert drain(window) == [2]


def test_what_was_read_and_then_told_by_intake_is_in_the_window_once() -> None:
    window = Window()
    window.begin_reading()
    window.load([item(1), item(2)], complete=True)
    assert window.feed(item(2))
    assert drain(window) == [1, 2]


def test_what_was_delivered_while_the_store_was_read_does_not_come_back() -> None:
    window = Window()
    window.begin_reading()
    window.load([item(1)], complete=False)
    flying = window.take(0)
    assert flying is not None
    assert window.starved
    window.begin_reading()
    window.settle(flying)
    window.load([item(1), item(2)], complete=True)
    assert drain(window) == [2]


def test_heads_of_lanes_may_come_in_any_order_of_number() -> None:
    window = Window()
    window.begin_reading()
    window.load([item(1, "A"), item(50, "C")], complete=False)
    drain(window)
    window.begin_reading()
    assert window.load([item(2, "A")], complete=False) == 1


def test_forgetting_keeps_what_is_in_flight_and_reads_the_rest_again() -> None:
    window = caught_up()
    for number in (1, 2, 3):
        window.feed(item(number))
    flying = window.take(0)
    assert flying is not None
    window.forget()
    assert (len(window), window.behind, window.starved) == (1, True, True)
    window.begin_reading()
    window.load([item(1), item(3)], complete=True)
    window.settle(flying)
    assert drain(window) == [3]


def test_a_reading_that_was_overtaken_by_a_decision_is_void() -> None:
    window = Window()
    window.begin_reading()
    window.forget()
    assert window.load([item(1)], complete=True) == 0
    assert window.behind


def test_a_message_tried_before_waits_for_its_time_after_a_restart() -> None:
    window = Window()
    window.begin_reading()
    window.load([item(1)], complete=True, ready_at=lambda _: 7.0)
    assert window.take(6.9) is None
    assert window.take(7.0) is not None


@pytest.mark.parametrize("lanes", [1, 3])
def test_many_messages_leave_in_the_order_of_their_lane(lanes: int) -> None:
    window = caught_up(limit_messages=10_000)
    for number in range(1, 1001):
        window.feed(item(number, f"lane{number % lanes}"))
    out = drain(window)
    for lane in range(lanes):
        mine = [n for n in out if n % lanes == lane]
        assert mine == sorted(mine)
    assert len(out) == 1000
    assert len(window) == 0


def test_a_reading_that_found_only_what_was_settled_meanwhile_is_done_again() -> None:
    window = Window()
    window.begin_reading()
    window.load([item(1)], complete=False)
    taken = window.take(0.0)
    assert taken is not None
    window.begin_reading()
    window.settle(taken)
    window.load([item(1)], complete=False)
    assert window.starved
