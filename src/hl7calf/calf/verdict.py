"""What vetting one payload says: the shapes that the journal, the commands and the tests share.

Law: values only. A verdict is complete in itself: from it alone one can tell what was decided for
each order, on which evidence, and undo what was changed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Mode(StrEnum):
    """How far hl7calf may go; set by the site, changed by `hl7calf mode`."""

    OBSERVE = "observe"  # decide and log, change nothing
    ANNOTATE = "annotate"  # write the note, never a code
    UPGRADE = "upgrade"  # codes and note


class Action(StrEnum):
    """What is done with an order, weakest first; a message's action is its strongest order's."""

    PASS = "pass"
    REVIEW = "review"
    ANNOTATE = "annotate"
    UPGRADE = "upgrade"
    REFUSE = "refuse"


STRENGTH = {action: rank for rank, action in enumerate(Action)}


def strongest(actions: list[Action]) -> Action:
    """Return the strongest of the orders' actions, `pass` for no order at all."""
    return max(actions, key=STRENGTH.__getitem__, default=Action.PASS)


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that stopped or lowered an upgrade: its stable code and its reason in plain words.

    `code` is `X1` to `X29` of the clinical reference, or a site gate such as `POLICY` or `MODE`.
    `why` holds no text from the order.
    """

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """One phrase or code that counted: where it stands and which table row knows it.

    `path` is the field (`OBR[1]-31.2`), `offset` and `length` are bytes in the inbound payload, so that
    the original can be shown marked; `row` is `file.csv:line`.
    """

    concept: str
    status: str
    path: str
    text: str
    row: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Modification:
    """One span changed: bytes `offset .. offset+length` of the inbound payload became `after`.

    An insertion has length 0. `before` are the inbound bytes, so that undoing needs no other source.
    """

    path: str
    offset: int
    length: int
    before: bytes
    after: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the order says about the clinical question, in the vocabularies of the contract.

    `calcification`: affirmed | negated | uncertain | historical | absent. `laterality`: L | R | B | None.
    `duration`: "3 days" or None. `missing`: which of location, characteristics, symptoms, duration,
    risk_factors, prior_imaging, laterality the orderer did not provide. `location` and
    `characteristics` are own words for the note, never free text.
    """

    is_ultrasound: bool = False
    calf: bool = False
    calcification: str = "absent"
    target: bool = False
    limited: bool = False
    laterality: str | None = None
    symptoms: tuple[str, ...] = ()
    duration: str | None = None
    risk_factors: tuple[str, ...] = ()
    prior_imaging: str | None = None
    missing: tuple[str, ...] = ()
    location: str | None = None
    characteristics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderVerdict:
    """What was decided for one order (one OBR with its ORC), in wire order.

    `indicated` is what the clinical rule says; `action` what is done under mode, policy and study map.
    Identifiers are decoded text as they stand in the message. `pitfalls` are the five checks of the
    guideline (R17) that this order fails.
    """

    position: int
    placer_order_number: str
    order_control: str
    service: str
    indicated: Action
    action: Action
    gates: tuple[Gate, ...] = ()
    facts: Facts = Facts()
    evidence: tuple[Evidence, ...] = ()
    modifications: tuple[Modification, ...] = ()
    pitfalls: tuple[str, ...] = ()
    filler_order_number: str = ""
    placer_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a payload could not be read, or why vetting gave up on it; no payload text."""

    code: str
    why: str
    ack: str = "AR"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was done to a placer order number, so that a later XO or CA carries the same code.

    `before` and `after` are the components of OBR-4 as text (up to six), delimiters and escapes undone.
    """

    placer_key: bytes
    before: tuple[str, ...]
    after: tuple[str, ...]
    rule: str
    control_id: str


Recall = Callable[[bytes], Remembered | None]


def nothing_remembered(placer_key: bytes) -> Remembered | None:
    """Recall for a dry run: no order was seen before."""
    return None


@dataclass(frozen=True, slots=True)
class Policy:
    """Who authorised order changes, and for whom; empty scopes mean all.

    `in_force` is decided by the caller, who knows the date.
    """

    id: str
    version: str
    in_force: bool = True
    sending_facilities: tuple[str, ...] = ()
    patient_classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of vetting one payload.

    `outbound` is the very same object as `payload` when nothing was changed. `remember` and `forget`
    tell the journal what to keep of the placer orders. `witness` is `ok` (python-hl7 read the change as
    declared), `unchanged`, or why the change was taken back.
    """

    payload: bytes
    outbound: bytes
    control_id: str
    message_type: str
    version: str
    action: Action
    orders: tuple[OrderVerdict, ...] = ()
    reasons: tuple[str, ...] = ()
    fault: Fault | None = None
    witness: str = "unchanged"
    remember: tuple[Remembered, ...] = ()
    forget: tuple[bytes, ...] = ()
    mode: Mode = Mode.UPGRADE
    policy: str = ""
    digest: str = ""
    rule: str = field(default="")

    @property
    def changed(self) -> bool:
        """Tell whether other bytes go out than came in."""
        return self.outbound is not self.payload

    @property
    def modifications(self) -> tuple[Modification, ...]:
        """All spans changed, in wire order, none overlapping."""
        return tuple(sorted((m for o in self.orders for m in o.modifications), key=lambda m: m.offset))
