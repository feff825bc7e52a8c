"""Vets a held message again when a reviewer wants the complete study, under the terms of this moment.

Law: the vetting thread of intake does it, in turn, and its decision is laid over the order memory until the journal
has answered: so whatever of the same order was vetted before is in the journal before, and whatever comes after knows
of the upgrade. A rule that is off, or a mode or policy that forbids it, binds a reviewer too.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed

from hl7calf.calf.verdict import Fault, Recall, Verdict
from hl7calf.service.control import Prepared
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import Message, Request
from hl7calf.service.orders_in_flight import OrdersInFlight
from hl7calf.service.rule import Rule, Terms, proven
from hl7calf.service.vetworker import Outcome, VetWorker

_POSITION = re.compile("[0-9]{1,6}", re.ASCII)
RaiseOrders = Callable[[bytes, Terms, Recall, frozenset[int]], tuple[Verdict, str]]
"""Payload, terms, order memory, positions (none: all under review) -> verdict, and why it must not be used."""


class Raising:
    """Answers for one request after the other.

    Args:
        read: reads the journal off the reactor's thread.
        ways: how a route's orders are raised, by its name.
    """

    def __init__(
        self,
        read: "Callable[[Callable[[Reader], Any]], Deferred[Any]]",
        rule: Rule,
        worker: VetWorker,
        orders: OrdersInFlight,
        ways: Mapping[str, RaiseOrders],
    ) -> None:
        self._read = read
        self._rule = rule
        self._worker = worker
        self._orders = orders
        self._ways = ways

    def prepare(self, request: Request) -> "Deferred[Prepared]":
        """Vet the message that a request names; the journal checks what else must hold."""
        number = request.message_id or 0
        found = self._read(lambda reader: reader.message(number))
        return found.addCallback(self._vet, number, positions_of(request.value))

    def _vet(self, message: Message | None, number: int, wanted: frozenset[int]) -> "Deferred[Prepared]":
        raise_orders = self._ways.get(message.line.route) if message is not None else None
        if message is None or raise_orders is None:
            return succeed(Prepared(False, f"there is no message {number} on a route of orders"))
        if not self._rule.on:
            return succeed(Prepared(False, "the rule is off after repeated failures; it is read anew by a reload"))
        payload, why = message.inbound, ["vetting again failed"]
        settles: list[Callable[[], None]] = []
        done: Deferred[Prepared] = Deferred()

        def work() -> Outcome:
            verdict, why[0] = raise_orders(payload, self._rule.terms, self._orders.recall, wanted)
            if not why[0] and not proven(verdict, payload):
                why[0] = "the change could not be proven"
            if not why[0]:
                settles.append(self._orders.note(verdict))
            return verdict, None

        def answered(verdict: Verdict | None, fault: Fault | None, took_s: float) -> None:
            reason = fault.why if fault is not None else why[0]
            settle = settles[0] if settles else Prepared().settle
            if reason:
                settle()
                done.callback(Prepared(False, f"message {number} cannot be raised: {reason}"))
            else:
                done.callback(Prepared(True, "", verdict, settle))

        self._worker.ask(work, answered)
        return done


def positions_of(value: str) -> frozenset[int]:
    """Return the orders a request names, `1,3`; none stands for all under review. 0, for what is none, is no order."""
    return frozenset(int(part) if _POSITION.fullmatch(part) else 0 for part in value.split(",") if part)
