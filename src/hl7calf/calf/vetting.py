"""The one door: a payload in, a verdict out.

Law: pure and total. `vet` never raises for content; whatever it cannot read or prove goes on as it came, the very
same bytes object. Every change is proven twice before it is offered: by putting the spans back, and by an
independent reader (python-hl7).

Source: flow of one message, docs/architecture.md; what to leave alone: HL7 v2.5.1 §4.4 and [ClinicalNotes 3.5].
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hl7calf import __version__
from hl7calf.calf.decision import Decided, Setting, decide_order
from hl7calf.calf.gates import gate
from hl7calf.calf.order_text import Control, control_of, value
from hl7calf.calf.prefilter import Needles, may_mention, needles_of
from hl7calf.calf.rule import RULE_ID, RULE_VERSION, Options
from hl7calf.calf.tables import Tables
from hl7calf.calf.verdict import (
    Action,
    Fault,
    Gate,
    Mode,
    OrderVerdict,
    Policy,
    Recall,
    Verdict,
    nothing_remembered,
    strongest,
)
from hl7calf.errors import WireError
from hl7calf.wire.header import Header, read_header
from hl7calf.wire.message import Message, read_message
from hl7calf.wire.orders import OrderGroup, is_order_message, patient_parts, placer_key, read_orders
from hl7calf.wire.splice import is_exact, splice
from hl7calf.wire.witness import DeclaredChange, prove

__all__ = ["RULE_ID", "RULE_VERSION", "Options", "triage", "vet"]

SEVERAL = "more than one MSH in one frame: passed on as it came"
NO_ORDER = "not an order message: passed on as it came"


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is the same for all orders of one message."""

    header: Header
    setting: Setting


def triage(
    payload: bytes,
    tables: Tables,
    recall: Recall | None = None,
    mode: Mode = Mode.UPGRADE,
    policy: Policy | None = None,
) -> Verdict | None:
    """Answer at once where a quick look suffices; None asks for `vet`.

    Unreadable bytes and what is no order message need only MSH; an order that cannot name a calcification and has no
    remembered upgrade needs the prefilter and `recall` (None: the memory cannot be asked now).
    """
    try:
        header = read_header(payload)
    except WireError as error:
        return _refused(payload, error)
    if not is_order_message(header) or header.is_batch:
        return _passed(payload, header, tables, (NO_ORDER,))
    if recall is None or may_mention(payload, header, _needles(tables)):
        return None
    message = read_message(payload, header)
    if message.headers > 1:
        return _passed(payload, header, tables, (SEVERAL,))
    setting = Setting(tables, mode, policy, Options(), recall)
    return _vet_orders(message, _Whole(header, setting), quiet=True)


def vet(
    payload: bytes,
    tables: Tables,
    *,
    recall: Recall = nothing_remembered,
    mode: Mode = Mode.UPGRADE,
    policy: Policy | None = None,
    thorough: bool = True,
    options: Options | None = None,
    reviewed: frozenset[int] = frozenset(),
) -> Verdict:
    """Decide about every order of one payload and write the changes.

    Args:
        recall: what was done before to a placer order, by its key.
        policy: None stands for "no policy needed", as in a dry run.
        thorough: False lets the prefilter answer for orders that cannot name a calcification; the decision is
            the same, the facts stay unread.
        reviewed: positions of orders for review of which a person says that the complete study is wanted
            (`overruling`); needs `thorough`.

    Returns:
        One verdict, with one order verdict per OBR in wire order.
    """
    try:
        header = read_header(payload)
    except WireError as error:
        return _refused(payload, error)
    if not is_order_message(header) or header.is_batch:
        return _passed(payload, header, tables, (NO_ORDER,))
    message = read_message(payload, header)
    if message.headers > 1:
        return _passed(payload, header, tables, (SEVERAL,))
    setting = Setting(tables, mode, policy, options or Options(), recall, reviewed)
    quiet = not thorough and not may_mention(payload, header, _needles(tables))
    return _vet_orders(message, _Whole(header, setting), quiet)


def _vet_orders(message: Message, whole: _Whole, quiet: bool) -> Verdict:
    """Decide order by order; `quiet` tells that no word of calcification can be in it."""
    payload = message.payload
    groups = read_orders(message)
    patient = patient_parts(message)
    decided: list[Decided] = []
    for group in groups:
        key = placer_key(message, group)
        if quiet and (not key or whole.setting.recall(key) is None):
            decided.append(Decided(_quiet(message, group, key)))
        else:
            decided.append(decide_order(message, group, patient, key, whole.setting))
    verdict = _gather(payload, whole, decided)
    return _proven(verdict) if verdict.modifications else verdict


MANY = 16
"""Sets of tables whose needles are kept: one for each choice of languages, and those before a reload."""
_KNOWN_NEEDLES: dict[str, Needles] = {}


def _needles(tables: Tables) -> Needles:
    """Return the prefilter's needles, made once per digest of the tables."""
    known = _KNOWN_NEEDLES.get(tables.digest)
    if known is None:
        if len(_KNOWN_NEEDLES) > MANY:
            _KNOWN_NEEDLES.clear()
        known = _KNOWN_NEEDLES[tables.digest] = needles_of(tables)
    return known


def _quiet(message: Message, group: OrderGroup, key: bytes) -> OrderVerdict:
    """The verdict on an order whose message cannot name a calcification."""
    control = value(message, group.orc, 1)
    status = control_of(control, value(message, group.orc, 5))
    why = gate("X2") if status in (Control.STATUS, Control.FOLLOWS) else gate("X3")
    return OrderVerdict(
        position=group.position, placer_order_number=_number(key), order_control=control, service="",
        indicated=Action.PASS, action=Action.PASS, gates=(why,), placer_key=key,
    )  # fmt: skip


def _number(key: bytes) -> str:
    return key.decode("latin-1").rstrip("^")


def _gather(payload: bytes, whole: _Whole, decided: Sequence[Decided]) -> Verdict:
    """Put the orders' verdicts and changes together."""
    orders = tuple(d.order for d in decided)
    header, setting = whole.header, whole.setting
    changes = sorted((m for o in orders for m in o.modifications), key=lambda m: m.offset)
    return Verdict(
        payload=payload,
        outbound=splice(payload, changes) if changes else payload,
        control_id=header.control_id.decode("latin-1"),
        message_type=header.message_type,
        version=header.version,
        action=strongest([o.action for o in orders]),
        orders=orders,
        reasons=_reasons(orders),
        remember=tuple(d.remember for d in decided if d.remember),
        forget=tuple(d.forget for d in decided if d.forget),
        mode=setting.mode,
        policy=f"{setting.policy.id} v{setting.policy.version}" if setting.policy else "",
        digest=setting.tables.digest,
        rule=f"{RULE_ID} {RULE_VERSION}",
    )


def _reasons(orders: Sequence[OrderVerdict]) -> tuple[str, ...]:
    said: list[str] = []
    for order in orders:
        text = ", ".join(f"{g.code} {g.why}" for g in order.gates) or "every gate open"
        said.append(f"order {order.position}: {order.action.value}: {text}")
    return tuple(said) or ("no order in it",)


def _proven(verdict: Verdict) -> Verdict:
    """Offer the change only when it can be undone exactly and the witness reads it as declared."""
    changes = [DeclaredChange(m.path, m.after) for m in verdict.modifications]
    if not is_exact(verdict.payload, verdict.outbound, verdict.modifications):
        witness = "the recorded spans do not give the outbound bytes"
    else:
        witness = prove(verdict.payload, verdict.outbound, changes)
    if witness == "ok":
        return replace(verdict, witness="ok")
    doubt = Gate("WITNESS", "the change could not be proven, so the original goes on: " + witness)
    orders = tuple(
        replace(o, modifications=(), action=Action.REVIEW, gates=(*o.gates, doubt)) if o.modifications else o
        for o in verdict.orders
    )
    return replace(
        verdict, outbound=verdict.payload, orders=orders, action=strongest([o.action for o in orders]),
        reasons=_reasons(orders), remember=(), forget=(), witness=witness,
        fault=Fault("V_WITNESS", "the change could not be proven; the original goes on", "AA"),
    )  # fmt: skip


def _passed(payload: bytes, header: Header, tables: Tables, reasons: tuple[str, ...]) -> Verdict:
    return Verdict(
        payload=payload, outbound=payload, control_id=header.control_id.decode("latin-1"),
        message_type=header.message_type, version=header.version, action=Action.PASS, reasons=reasons,
        digest=tables.digest, rule=f"{RULE_ID} {RULE_VERSION}",
    )  # fmt: skip


def _refused(payload: bytes, error: WireError) -> Verdict:
    return Verdict(
        payload=payload, outbound=payload, control_id="", message_type="", version="", action=Action.REFUSE,
        reasons=(f"{error.code}: {error.why}",), fault=Fault(error.code, error.why, error.ack),
        rule=f"{RULE_ID} {RULE_VERSION} ({__version__})",
    )  # fmt: skip
