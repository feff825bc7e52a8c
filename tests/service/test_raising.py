"""Vetting a held message again for a reviewer: in turn, under the terms of now, over the order memory."""

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import succeed

from hl7calf.calf.verdict import Fault, Recall, Verdict
from hl7calf.service.control import Prepared
from hl7calf.service.journal.views import Request
from hl7calf.service.orders_in_flight import OrdersInFlight
from hl7calf.service.raising import Raising, positions_of
from hl7calf.service.rule import Terms
from tests.service.doubles import InlineWorker, order, rule, upgraded

PAYLOAD = order()


class Bench:
    def __init__(self, why: str = "", found: Verdict | None = None, route: str = "orders") -> None:
        self.asked: list[tuple[Terms, frozenset[int]]] = []
        self.why, self.found = why, found or upgraded(PAYLOAD)
        self.rule, self.worker = rule(), InlineWorker()
        self.orders = OrdersInFlight(lambda key: None)
        line = SimpleNamespace(route=route)
        self.stored: Any = SimpleNamespace(line=line, inbound=PAYLOAD)
        self.raising = Raising(
            lambda what: succeed(what(SimpleNamespace(message=lambda number: self.stored))),  # type: ignore[arg-type]
            self.rule, self.worker, self.orders, {"orders": self._raise},
        )  # type: ignore[arg-type]  # fmt: skip

    def _raise(self, payload: bytes, terms: Terms, recall: Recall, wanted: frozenset[int]) -> tuple[Verdict, str]:
        self.asked.append((terms, wanted))
        return self.found, self.why

    def prepare(self, value: str = "") -> Prepared:
        answers: list[Prepared] = []
        request = Request(1, "raise", 5, value, "rahel", "seen", 0.0, None, False, "")
        self.raising.prepare(request).addCallback(answers.append)
        return answers[0]


def test_the_verdict_is_handed_on_and_remembered_until_it_is_settled() -> None:
    bench = Bench()
    ready = bench.prepare()
    assert (ready.ok, ready.verdict) == (True, bench.found)
    assert len(bench.orders) == len(bench.found.remember) == 1
    ready.settle()
    assert len(bench.orders) == 0


def test_it_is_vetted_under_the_terms_of_this_moment_for_the_orders_named() -> None:
    bench = Bench()
    bench.prepare("1,3")
    assert bench.asked == [(bench.rule.terms, frozenset({1, 3}))]


def test_it_waits_its_turn_behind_what_is_being_vetted() -> None:
    bench = Bench()
    bench.worker.at_once = False
    request = Request(1, "raise", 5, "", "rahel", "seen", 0.0, None, False, "")
    answers: list[Prepared] = []
    bench.raising.prepare(request).addCallback(answers.append)
    assert answers == [] and bench.worker.waiting == 1
    bench.worker.work()
    assert answers[0].ok


def test_a_reason_not_to_raise_is_told_and_nothing_is_remembered() -> None:
    bench = Bench(why="order 1: X21 no side is named")
    ready = bench.prepare()
    assert not ready.ok and ready.message == "message 5 cannot be raised: order 1: X21 no side is named"
    assert ready.verdict is None and len(bench.orders) == 0


def test_a_verdict_that_changes_more_than_it_declares_is_not_handed_on() -> None:
    good = upgraded(PAYLOAD)
    object.__setattr__(good, "outbound", good.outbound + b"ZZZ|")
    ready = Bench(found=good).prepare()
    assert not ready.ok and "could not be proven" in ready.message


@pytest.mark.parametrize("case", ["no message", "results", "rule off"])
def test_where_there_is_nothing_to_vet_it_says_so(case: str) -> None:
    bench = Bench(route="results" if case == "results" else "orders")
    if case == "no message":
        bench.stored = None
    bench.rule.on = case != "rule off"
    ready = bench.prepare()
    assert (
        not ready.ok and ("rule is off" if case == "rule off" else "no message 5 on a route of orders") in ready.message
    )
    assert bench.asked == []


def test_a_vetting_that_hangs_is_told_and_settled() -> None:
    bench = Bench()
    bench.worker.at_once = False
    answers: list[Prepared] = []
    request = Request(1, "raise", 5, "", "rahel", "seen", 0.0, None, False, "")
    bench.raising.prepare(request).addCallback(answers.append)
    work, answered = bench.worker.asked.pop()
    work()
    answered(None, Fault("V_TIMEOUT", "vetting took too long; the original goes on", "AA"), 1.0)
    assert not answers[0].ok and "took too long" in answers[0].message and len(bench.orders) == 0


@pytest.mark.parametrize(("value", "positions"), [
    ("", set()), ("1", {1}), ("1,3", {1, 3}), ("2,", {2}), ("x,2", {0, 2}), ("\u00b2", {0}), ("9" * 5000, {0}),
])  # fmt: skip
def test_the_orders_of_a_request(value: str, positions: set[int]) -> None:
    assert positions_of(value) == positions
