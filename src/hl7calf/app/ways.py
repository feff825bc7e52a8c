"""Which rule a route's messages meet: orders toward radiology in the route's languages, or results on the way back.

Law: one rule of the process, switched on and off, steered and reloaded as one; a route only chooses its way in.
"""

from dataclasses import dataclass

from hl7calf.calf.raising import raise_orders
from hl7calf.calf.return_path import map_back
from hl7calf.calf.verdict import Recall, Verdict
from hl7calf.calf.vetting import triage, vet
from hl7calf.service.raising import RaiseOrders
from hl7calf.service.rule import Terms, Triage, Vet
from hl7calf.wire.header import Header


@dataclass(frozen=True, slots=True)
class Way:
    """The full vetting and the quick look of one kind of route."""

    vet: Vet
    triage: Triage
    raise_orders: RaiseOrders


def way_of(direction: str, languages: tuple[str, ...]) -> Way:
    """Return the way of a route.

    Args:
        direction: `orders` or `results`.
        languages: read beside English; the terms hold one set of tables for each choice of the routes.
    """
    if direction == "results":
        return Way(_back, _quick_back, _none_to_raise)

    def full(payload: bytes, terms: Terms, recall: Recall) -> Verdict:
        return vet(
            payload, terms.tables[languages], recall=recall, mode=terms.mode, policy=terms.policy, thorough=False,
            options=terms.options,
        )  # fmt: skip

    def quick(payload: bytes, terms: Terms, recall: Recall | None, header: Header | None) -> Verdict | None:
        return triage(payload, terms.tables[languages], recall, terms.mode, terms.policy, header)

    def raised(payload: bytes, terms: Terms, recall: Recall, wanted: frozenset[int]) -> tuple[Verdict, str]:
        return raise_orders(
            payload, terms.tables[languages], recall=recall, mode=terms.mode, policy=terms.policy,
            options=terms.options, wanted=wanted,
        )  # fmt: skip

    return Way(full, quick, raised)


def _back(payload: bytes, terms: Terms, recall: Recall) -> Verdict:
    return map_back(payload, recall)


def _none_to_raise(payload: bytes, terms: Terms, recall: Recall, wanted: frozenset[int]) -> tuple[Verdict, str]:
    return map_back(payload, recall), "results carry no order to raise"


def _quick_back(payload: bytes, terms: Terms, recall: Recall | None, header: Header | None) -> Verdict | None:
    """Reading a result is quick; only a memory that is still being written makes it wait."""
    return map_back(payload, recall) if recall is not None else None
