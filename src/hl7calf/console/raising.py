"""What would become of a held message if a reviewer had it released upgraded: which codes, or why it is not possible.

Law: advice. The same vetting as the service's, with the mappings on disk; the service vets again and decides. Codes
and reasons alone, nothing of the patient, so it may stand on a page before anything is revealed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hl7calf.calf.overruling import under_review
from hl7calf.calf.raising import raise_orders
from hl7calf.calf.verdict import Mode, OrderVerdict, Recall
from hl7calf.calf.vetting import vet
from hl7calf.console.desk import Desk
from hl7calf.console.journal import Message
from hl7calf.console.pages.overview import mode_shown
from hl7calf.console.text import kept_text

MAPPINGS_BROKEN = "the mappings on disk have defects; see the page Mappings"


@dataclass(frozen=True, slots=True)
class Rise:
    """One order that would be raised: its code before and after."""

    position: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What "release upgraded" would do; `why_not` is empty where it is possible for all orders under review.

    `rises` are the orders that can be raised each for itself.
    """

    rises: tuple[Rise, ...] = ()
    why_not: str = ""


def is_held(message: Message) -> bool:
    """Tell whether the message waits for a reviewer, in the store and not with its destination."""
    return message.line.state == "parked" and message.line.action == "review"


def outlook(desk: Desk, message: Message) -> Outlook:
    """Look ahead for one held message."""
    route = next((route for route in desk.options.routes if route.name == message.line.route), None)
    tables = desk.mappings.tables(route.languages if route else ())
    if tables is None:
        return Outlook(why_not=MAPPINGS_BROKEN)
    mode = Mode(mode_shown(desk.options, desk.journal.status(), desk.today()).in_force)
    recall: Recall = desk.journal.remembered

    def raised(wanted: frozenset[int]) -> tuple[tuple[OrderVerdict, ...], str]:
        verdict, why = raise_orders(
            message.inbound, tables, recall=recall, mode=mode, policy=desk.options.policy,
            options=desk.vet_options, wanted=wanted,
        )  # fmt: skip
        return verdict.orders, why

    _, why_not = raised(frozenset())
    first = vet(message.inbound, tables, recall=recall, mode=mode, policy=desk.options.policy, options=desk.vet_options)
    return Outlook(_rises(under_review(first.orders), raised), kept_text(why_not))


def _rises(
    open_now: frozenset[int], raised: Callable[[frozenset[int]], tuple[tuple[OrderVerdict, ...], str]]
) -> tuple[Rise, ...]:
    found = []
    for position in sorted(open_now):
        orders, why = raised(frozenset({position}))
        if not why:
            found.append(_rise(next(order for order in orders if order.position == position)))
    return tuple(found)


def _rise(order: OrderVerdict) -> Rise:
    [change] = [one for one in order.modifications if one.path.startswith("OBR[")]
    before, after = (_code(value) for value in (change.before, change.after))
    return Rise(order.position, before, after)


def _code(components: bytes) -> str:
    """Return what stands before the first character that no code has."""
    text = components.decode("utf-8", "replace")
    end = next((n for n, c in enumerate(text) if not (c.isalnum() or c in "._-/")), len(text))
    return kept_text(text[:end])
