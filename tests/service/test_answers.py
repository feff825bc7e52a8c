from hypothesis import given
from hypothesis import strategies as st

from hl7calf.service.answers import AnswerQueue
from tests.service.doubles import frame


def queue() -> tuple[AnswerQueue, list[bytes], list[str]]:
    written: list[bytes] = []
    emptied: list[str] = []
    return AnswerQueue(written.append, lambda: emptied.append("empty")), written, emptied


def test_answers_leave_in_the_order_of_their_frames_whatever_is_ready_first() -> None:
    answers, written, _ = queue()
    first, second, third = answers.place(), answers.place(), answers.place()
    third.fill(b"3")
    second.fill(b"2")
    assert written == []
    first.fill(b"1")
    assert b"".join(written) == frame(b"1") + frame(b"2") + frame(b"3")


def test_a_frame_without_an_answer_does_not_hold_up_the_others() -> None:
    answers, written, emptied = queue()
    answers.place().fill()
    answers.place().fill(b"CA", b"AA")
    assert b"".join(written) == frame(b"CA") + frame(b"AA")
    assert emptied == ["empty", "empty"]


def test_a_place_is_filled_once() -> None:
    answers, written, _ = queue()
    place = answers.place()
    place.fill(b"1")
    place.fill(b"2")
    assert written == [frame(b"1")]


def test_after_the_end_nothing_is_written_and_what_is_owed_is_counted() -> None:
    answers, written, _ = queue()
    place, _ = answers.place(), answers.place()
    assert answers.close() == 2
    place.fill(b"late")
    assert written == []


@given(st.permutations(range(8)))
def test_any_order_of_filling_gives_the_same_bytes(order: list[int]) -> None:
    answers, written, _ = queue()
    places = [answers.place() for _ in order]
    for number in order:
        places[number].fill(b"%d" % number)
    assert b"".join(written) == b"".join(frame(b"%d" % number) for number in range(8))
    assert len(answers) == 0
