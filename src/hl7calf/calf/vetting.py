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
from hl7calf.calf.needles import Needles, needles_of
from hl7calf.calf.order_text import value
from hl7calf.calf.prefilter import may_mention
from hl7calf.calf.quiet import quiet_order, quiet_orders
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
from hl7calf.wire.order_heads import OrderHead
from hl7calf.wire.orders import is_order_message, patient_parts, placer_key, read_orders
from hl7calf.wire.splice import is_exact, splice
from hl7calf.wire.witness import DeclaredChange, prove

__all__ = ["RULE_ID", "RULE_VERSION", "Options", "triage", "vet"]

SEVERAL = "more than one MSH in one frame: passed on as it came"
NO_ORDER = "not an order message: passed on as it came"
RULE = f"{RULE_ID} {RULE_VERSION}"
QUICK_BYTES = 64 * 1024
"""Longer orders are not answered at once: the quick look is linear, and this keeps it under a millisecond."""


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
    header: Header | None = None,
) -> Verdict | None:
    """Answer at once where a quick look suffices; None asks for `vet`.

    Unreadable bytes and what is no order message need only MSH; an order that cannot name a calcification and has no
    remembered upgrade needs the prefilter, its heads and `recall` (None: the memory cannot be asked now). `header` is
    the payload's, where it was read before.
    """
    try:
        header = header or read_header(payload)
    except WireError as error:
        return _refused(payload, error)
    if not is_order_message(header) or header.is_batch:
        return _passed(payload, header, tables, (NO_ORDER,))
    if recall is None or len(payload) > QUICK_BYTES or may_mention(payload, header, _needles(tables)):
        return None
    return _quiet(payload, header, tables, mode, policy, recall)


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
    whole = _Whole(header, Setting(tables, mode, policy, options or Options(), recall, reviewed))
    quiet = not thorough and not may_mention(payload, header, _needles(tables))
    if quiet and (verdict := _quiet(payload, header, tables, mode, policy, recall)) is not None:
        return verdict
    message = read_message(payload, header)
    if message.headers > 1:
        return _passed(payload, header, tables, (SEVERAL,))
    return _vet_orders(message, whole, quiet)


def _quiet(
    payload: bytes, header: Header, tables: Tables, mode: Mode, policy: Policy | None, recall: Recall
) -> Verdict | None:
    """Pass orders that cannot name a calcification by their heads; None where more must be looked at."""
    orders = quiet_orders(payload, header, recall)
    if orders is None:
        return None
    return Verdict(
        payload, payload, header.control_id.decode("latin-1"), header.message_type, header.version, Action.PASS,
        tuple(orders), _reasons(orders), mode=mode, policy=_named(policy), digest=tables.digest, rule=RULE,
    )  # fmt: skip


def _vet_orders(message: Message, whole: _Whole, quiet: bool) -> Verdict:
    """Decide order by order; `quiet` tells that no word of calcification can be in it."""
    payload = message.payload
    groups = read_orders(message)
    patient = patient_parts(message)
    decided: list[Decided] = []
    for group in groups:
        key = placer_key(message, group)
        if quiet and (not key or whole.setting.recall(key) is None):
            head = OrderHead(value(message, group.orc, 1), value(message, group.orc, 5), key)
            decided.append(Decided(quiet_order(group.position, head)))
        else:
            decided.append(decide_order(message, group, patient, key, whole.setting))
    verdict = _gather(payload, whole, decided)
    return _proven(verdict) if verdict.modifications else verdict


def prepare(tables: Tables) -> Tables:
    """Work out once what the quick look needs, so that no order waits for it; return the tables."""
    _needles(tables)
    return tables


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
        policy=_named(setting.policy),
        digest=setting.tables.digest,
        rule=RULE,
    )


def _named(policy: Policy | None) -> str:
    return f"{policy.id} v{policy.version}" if policy else ""


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
        digest=tables.digest, rule=RULE,
    )  # fmt: skip


def _refused(payload: bytes, error: WireError) -> Verdict:
    return Verdict(
        payload=payload, outbound=payload, control_id="", message_type="", version="", action=Action.REFUSE,
        reasons=(f"{error.code}: {error.why}",), fault=Fault(error.code, error.why, error.ack),
        rule=f"{RULE} ({__version__})",
    )  # fmt: skip
