import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from hl7calf.calf.verdict import Fault, Verdict
from hl7calf.service.vetworker import NO_THREAD, STOPPED, TIMED_OUT, VetWorker
from tests.service.doubles import ThreadlessClock, message, passed

Answers = list[tuple[str, Verdict | None, Fault | None]]


class Bench:
    def __init__(self, timeout_s: float = 1.0) -> None:
        self.clock = ThreadlessClock()
        self.worker = VetWorker(self.clock, timeout_s)
        self.answers: Answers = []
        self.release = threading.Event()

    def ask(self, name: str, work: Callable[[], Any] | None = None) -> None:
        verdict = passed(message(name))
        self.worker.ask(work or (lambda: (verdict, None)), lambda v, f, s: self.answers.append((name, v, f)))

    def until(self, number: int, watching: bool = False) -> None:
        """Run what the threads answer, and with `watching` the watchdog, until there are so many answers."""
        deadline = time.monotonic() + 20
        while len(self.answers) < number and time.monotonic() < deadline:
            if watching:
                self.clock.advance(1.0)
            self.clock.run_from_threads()
            time.sleep(0.002)
        assert len(self.answers) == number

    def hang(self) -> None:
        self.release.wait(20)
        raise RuntimeError


@pytest.fixture
def bench() -> Any:
    one = Bench(timeout_s=0.4)
    yield one
    one.release.set()
    one.worker.stop()


def test_work_is_done_off_this_thread_and_answered_in_it_in_order(bench: Bench) -> None:
    where: list[int] = []

    def work() -> tuple[Verdict, None]:
        where.append(threading.get_ident())
        return passed(message()), None

    for name in "abc":
        bench.ask(name, work)
    bench.until(3)
    assert [name for name, _, _ in bench.answers] == ["a", "b", "c"]
    assert set(where) != {threading.get_ident()} and len(set(where)) == 1
    assert bench.worker.waiting == 0


@pytest.mark.parametrize(
    "error", [ValueError("KANARIENVOGEL"), MemoryError(), RecursionError(), SystemExit(), KeyboardInterrupt()]
)
def test_whatever_a_rule_raises_is_a_fault_without_its_text(bench: Bench, error: BaseException) -> None:
    def work() -> Any:
        raise error

    bench.ask("a", work)
    bench.ask("b")
    bench.until(2)
    fault = bench.answers[0][2]
    assert fault is not None
    assert (fault.code, fault.ack) == ("V_FAILED", "AA")
    assert type(error).__name__ in fault.why and "KANARIENVOGEL" not in fault.why
    assert bench.answers[1][1] is not None, "the thread goes on"


def test_p8_a_rule_that_hangs_is_left_behind_and_the_others_go_on(bench: Bench) -> None:
    bench.ask("stuck", bench.hang)
    bench.ask("next")
    bench.until(2, watching=True)
    assert [(name, fault) for name, _, fault in bench.answers] == [("stuck", TIMED_OUT), ("next", None)]
    assert bench.worker.left_behind == 1
    bench.release.set()
    time.sleep(0.05)
    bench.clock.run_from_threads()
    assert len(bench.answers) == 2, "its late answer is heard by nobody"


def test_what_only_waits_is_not_taken_for_stuck(bench: Bench) -> None:
    patient = Bench(timeout_s=1.5)
    for name in "abcdefgh":
        patient.ask(name, lambda: (time.sleep(0.2), (passed(message()), None))[1])
    patient.until(8, watching=True)
    assert {fault for _, _, fault in patient.answers} == {None}, "together they take longer than one may"
    patient.worker.stop()


def test_stopping_answers_everything_that_waits(bench: Bench) -> None:
    bench.ask("a", bench.hang)
    bench.ask("b")
    bench.worker.stop()
    assert [(name, fault) for name, _, fault in bench.answers] == [("a", STOPPED), ("b", STOPPED)]
    assert bench.clock.getDelayedCalls() == []


def test_without_a_thread_the_orders_go_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    bench.ask("a")
    assert bench.answers == [("a", None, NO_THREAD)]


def test_the_watchdog_sleeps_when_nothing_is_asked(bench: Bench) -> None:
    bench.ask("a")
    bench.until(1)
    bench.clock.advance(1)
    assert bench.clock.getDelayedCalls() == []
