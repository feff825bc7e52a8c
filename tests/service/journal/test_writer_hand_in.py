"""Jobs handed in by the reactor: woken for once a round, done in order with those submitted, answered like them."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from hl7calf.errors import JournalBroken, JournalError
from hl7calf.service.journal.jobs import MarkDelivered, NotPossible, Recorded
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.writer import Writer
from tests.service.doubles import events
from tests.service.journal.building import T0, arrival
from tests.service.journal.test_writer import PATIENCE_S, Answers, stop


class Round:
    """Stands for the reactor: what it is asked to do soon is done when the round is over."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def later(self, call: Callable[[], None]) -> None:
        self.soon.append(call)

    def end(self) -> None:
        soon, self.soon = self.soon, []
        for call in soon:
            call()


@pytest.fixture
def answers() -> Answers:
    return Answers()


def asleep(writer: Writer) -> None:
    """Wait until the thread waits for a job."""
    deadline = time.monotonic() + PATIENCE_S
    while not writer._asleep:
        assert time.monotonic() < deadline


def noted(answers: Answers, name: str) -> Callable[[Any], None]:
    return lambda result: answers.said.append((name, result))


def test_what_is_handed_in_within_one_round_is_one_transaction(store: Store, answers: Answers) -> None:
    reactor = Round()
    writer = Writer(store, answers.call, soon=reactor.later)
    asleep(writer)
    for number in range(50):
        writer.hand_in(arrival(f"A{number}"), noted(answers, str(number)))
    assert len(reactor.soon) == 1
    assert (writer.commits, answers.said) == (0, [])
    reactor.end()
    answers.wait(50)
    assert [name for name, _ in answers.said] == [str(number) for number in range(50)]
    assert [recorded.message_id for _, recorded in answers.said] == list(range(1, 51))
    assert writer.commits == 1
    stop(writer)


def test_what_is_submitted_behind_it_is_done_behind_it(store: Store, answers: Answers) -> None:
    reactor = Round()
    writer = Writer(store, answers.call, soon=reactor.later)
    asleep(writer)
    writer.hand_in(arrival("A1"), noted(answers, "first"))
    answers.listen("second", writer.submit(arrival("A2")))
    said = answers.wait(2)
    assert (said["first"].message_id, said["second"].message_id) == (1, 2)
    reactor.end()
    stop(writer)


def test_what_cannot_wait_wakes_the_thread_at_once(store: Store, answers: Answers) -> None:
    reactor = Round()
    writer = Writer(store, answers.call, soon=reactor.later)
    asleep(writer)
    writer.hand_in(arrival("A1"), noted(answers, "A1"), at_once=True)
    answers.wait(1)
    assert not reactor.soon
    stop(writer)


def test_an_answer_comes_only_after_the_commit_returned(store: Store, answers: Answers) -> None:
    steps: list[str] = []
    store._batch._failpoint = steps.append
    writer = Writer(store, answers.call)
    writer.hand_in(arrival("A1"), lambda recorded: steps.append("answered") or answers.said.append(("", recorded)))  # type: ignore[func-returns-value]  # two effects
    answers.wait(1)
    assert steps == ["begin", "insert", "commit entered", "commit returned", "answered"]
    stop(writer)


def test_what_is_not_possible_comes_as_the_exception(store: Store, answers: Answers) -> None:
    writer = Writer(store, answers.call)
    writer.hand_in(MarkDelivered(99, b"", T0), noted(answers, "bad"))
    assert isinstance(answers.wait(1)["bad"], NotPossible)
    stop(writer)


def test_who_fails_at_its_answer_takes_it_from_nobody_else(store: Store, answers: Answers) -> None:
    reactor = Round()

    def fails(recorded: Any) -> None:
        raise ValueError("PATIENT")

    with events() as seen:
        writer = Writer(store, answers.call, soon=reactor.later)
        asleep(writer)
        writer.hand_in(arrival("A1"), fails)
        writer.hand_in(arrival("A2"), noted(answers, "A2"))
        reactor.end()
        assert isinstance(answers.wait(1)["A2"], Recorded)
        stop(writer)
    assert "S_UNEXPECTED" in str(seen) and "ValueError" in str(seen) and "PATIENT" not in str(seen)


def test_nothing_is_taken_once_it_stops_and_what_waits_is_done_first(store: Store, answers: Answers) -> None:
    reactor = Round()
    writer = Writer(store, answers.call, soon=reactor.later)
    asleep(writer)
    writer.hand_in(arrival("A1"), noted(answers, "A1"))
    writer.stop()
    writer.hand_in(arrival("A2"), noted(answers, "A2"))
    said = answers.wait(2)
    assert isinstance(said["A1"], Recorded)
    assert isinstance(said["A2"], JournalError)
    reactor.end()
    assert writer.join(PATIENCE_S)


def test_a_broken_journal_refuses_at_once(store: Store, answers: Answers) -> None:
    writer = Writer(store, answers.call)
    writer.broken = JournalBroken("the disk")
    writer.hand_in(arrival("A1"), noted(answers, "A1"))
    assert answers.said == [("A1", writer.broken)]
    stop(writer)
