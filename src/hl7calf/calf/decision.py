"""What is done with one order: the indication under mode, policy, study map and what was done before.

Law: mode and policy only ever lower what is indicated. A remembered upgrade is never silently undone: a later
message of the same placer order with the old code carries the new one, and a change that no longer fits goes to a
person with the code kept.

Source: life of an order [ClinicalNotes 3.5]; authority to change an order [ClinicalNotes 1.6].
"""

from dataclasses import dataclass, replace

from hl7calf import __version__
from hl7calf.calf.gates import gate
from hl7calf.calf.indication import Indication, read_indication
from hl7calf.calf.note import MARKER
from hl7calf.calf.order_text import Control, control_of, read_order_text, value
from hl7calf.calf.overruling import REVIEWED, overruled
from hl7calf.calf.rule import RULE_ID, RULE_VERSION, Options
from hl7calf.calf.study import Triplet, triplets_of
from hl7calf.calf.tables import Tables
from hl7calf.calf.upgrade import find_targets, insert_note, note_values, repeats_elsewhere, replace_service
from hl7calf.calf.verdict import Action, Gate, Mode, Modification, OrderVerdict, Policy, Recall, Remembered
from hl7calf.wire.message import Message
from hl7calf.wire.orders import OrderGroup, PatientParts, filler_order_number, placer_order_number
from hl7calf.wire.text import read_text

UPGRADED, ANNOTATED = "protocol upgraded", "area of concern added, code unchanged"
UPGRADED_BY_PERSON = "upgraded on review"
CARRIED = "the code of the upgraded order is carried on"


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything beside the message that decides: tables, mode, policy, options, and what was done before."""

    tables: Tables
    mode: Mode
    policy: Policy | None
    options: Options
    recall: Recall
    reviewed: frozenset[int] = frozenset()  # orders of which a reviewer says that the complete study is wanted


@dataclass(frozen=True, slots=True)
class Decided:
    """One order's verdict and what the journal is to keep or drop of it."""

    order: OrderVerdict
    remember: Remembered | None = None
    forget: bytes = b""


def decide_order(message: Message, group: OrderGroup, patient: PatientParts, key: bytes, setting: Setting) -> Decided:
    """Decide about one order and write its changes."""
    control = control_of(value(message, group.orc, 1), value(message, group.orc, 5))
    text = read_order_text(message, group, patient, setting.tables, control)
    indication = read_indication(text, setting.tables, options=setting.options)
    order = _identify(message, group, key, indication)
    if group.position in setting.reviewed:
        indication = overruled(indication)
        order = replace(order, gates=indication.gates)
    triplets = list(text.triplets)
    before = setting.recall(key) if key else None
    if before is not None and group.obr is not None:
        if same_service(before.before, triplets):
            return _carry_on(message, group, order, indication, control, before, setting)
        if control in (Control.REQUEST, Control.CHANGE) and not same_service(before.after, triplets):
            decided = _fresh(message, group, order, indication, control, triplets, setting)
            return replace(decided, forget=b"" if decided.remember else key)
    return _fresh(message, group, order, indication, control, triplets, setting)


def _identify(message: Message, group: OrderGroup, key: bytes, indication: Indication) -> OrderVerdict:
    service = message.field(group.obr, 4) if group.obr is not None else None
    placer, filler = placer_order_number(message, group), filler_order_number(message, group)
    return OrderVerdict(
        position=group.position,
        placer_order_number=read_text(message, placer).value if placer else "",
        order_control=value(message, group.orc, 1),
        service=read_text(message, service).value if service else "",
        indicated=indication.action,
        action=Action.PASS,
        gates=indication.gates,
        facts=indication.facts,
        evidence=indication.evidence,
        pitfalls=indication.pitfalls,
        filler_order_number=read_text(message, filler).value if filler else "",
        placer_key=key,
    )


def same_service(components: tuple[str, ...], triplets: list[Triplet]) -> bool:
    """Tell whether a remembered service is this one: code and system, or the name where there is no code.

    The same code may stand for the limited and the complete study (93971): then the name tells them apart.
    """
    if not triplets:
        return False
    code, name, system = (*components, "", "", "")[:3]
    first = triplets[0]
    return (first.code, first.system) == (code, system) and first.name == name


def _carry_on(
    message: Message, group: OrderGroup, order: OrderVerdict, indication: Indication, control: Control,
    before: Remembered, setting: Setting,
) -> Decided:  # fmt: skip
    """A later message of an upgraded order with the original code: the code again, and the note where it still fits."""
    if control in (Control.STATUS, Control.NUMBER) or setting.mode is Mode.OBSERVE:
        return Decided(order)
    is_request = control in (Control.REQUEST, Control.CHANGE)
    if is_request and indication.action is Action.UPGRADE:
        return _fresh(message, group, order, indication, control, triplets_of(message, group), setting)
    change = replace_service(message, group, before.after, CARRIED)
    if isinstance(change, Gate):
        return Decided(replace(order, action=Action.REVIEW, gates=(*order.gates, change)))
    if is_request:
        kept = gate(
            "X22", "the change no longer asks for the upgraded study; the complete code is kept until a person decides"
        )
        return Decided(replace(order, action=Action.REVIEW, gates=(*order.gates, kept), modifications=(change,)))
    mapped = Gate("X2", f"not a request: {CARRIED}")
    return Decided(replace(order, action=Action.UPGRADE, gates=(mapped,), modifications=(change,)))


def _fresh(
    message: Message, group: OrderGroup, order: OrderVerdict, indication: Indication, control: Control,
    triplets: list[Triplet], setting: Setting,
) -> Decided:  # fmt: skip
    """An order seen on its own."""
    if _is_own_output(message, group):
        return Decided(replace(order, gates=(*order.gates, Gate("OWN", "already carries the note of this rule"))))
    action, more = _allowed(message, indication, control, setting, group)
    order = replace(order, action=action, gates=(*order.gates, *more))
    if action is Action.UPGRADE:
        return _upgrade(message, group, order, indication, triplets, setting)
    if action is Action.ANNOTATE:
        return Decided(_annotated(message, group, order, indication, setting))
    return Decided(order)


def _is_own_output(message: Message, group: OrderGroup) -> bool:
    marker = MARKER.encode()
    for note in group.notes:
        span = message.field(note, 3)
        if span is not None and message.bytes(span).startswith(marker) and b" rule " in message.bytes(span):
            return True
    return False


def _allowed(
    message: Message, indication: Indication, control: Control, setting: Setting, group: OrderGroup
) -> tuple[Action, tuple[Gate, ...]]:
    """Lower what is indicated to what mode, policy and the message's state allow."""
    action = indication.action
    if action in (Action.PASS, Action.REVIEW):
        return action, ()
    if control is Control.UNKNOWN:
        return Action.REVIEW, (gate("X23", "no order control code (ORC-1)"),)
    if group.broken:
        return Action.REVIEW, (gate("X23", "a broken line stands in the order"),)
    if setting.mode is Mode.OBSERVE:
        return Action.PASS, (Gate("MODE", "mode observe: nothing is changed"),)
    outside = _outside_scope(message, setting)
    if outside:
        return Action.PASS, (outside,)
    if action is Action.UPGRADE and setting.mode is Mode.ANNOTATE:
        return Action.ANNOTATE, (Gate("MODE", "mode annotate: no code is changed"),)
    if action is Action.UPGRADE and setting.policy is not None and not setting.policy.in_force:
        return Action.ANNOTATE, (Gate("POLICY", "the policy is not in force: no code is changed"),)
    return action, ()


def _outside_scope(message: Message, setting: Setting) -> Gate | None:
    policy = setting.policy
    if policy is None:
        return None
    facility = message.header.sending_facility.decode("latin-1").split("^")[0]
    if policy.sending_facilities and facility not in policy.sending_facilities:
        return Gate("SCOPE", "the sending facility (MSH-4) is outside the policy")
    visits = message.segments_named("PV1")
    patient_class = value(message, visits[0] if visits else None, 2)
    if policy.patient_classes and patient_class not in policy.patient_classes:
        return Gate("SCOPE", "the patient class (PV1-2) is outside the policy")
    return None


def _upgrade(
    message: Message, group: OrderGroup, order: OrderVerdict, indication: Indication, triplets: list[Triplet],
    setting: Setting,
) -> Decided:  # fmt: skip
    found = find_targets(triplets, indication.facts.laterality, setting.tables)
    if found is None:
        missing = gate("X23", "the study map has no entry for this code, system and side: note only")
        order = replace(order, action=Action.ANNOTATE, gates=(*order.gates, missing))
        return Decided(_annotated(message, group, order, indication, setting))
    repeated = repeats_elsewhere(message, group, triplets)
    if repeated:
        stop = gate("X23", f"{repeated} repeats the old service, so that changing OBR-4 alone would contradict it")
        return Decided(replace(order, action=Action.REVIEW, gates=(*order.gates, stop)))
    target, components = found
    change = replace_service(message, group, components, f"{target.row}: limited study raised to the complete one")
    if isinstance(change, Gate):
        return Decided(replace(order, action=Action.REVIEW, gates=(*order.gates, change)))
    by_person = any(g.code == REVIEWED for g in order.gates)
    note = _note(message, group, indication, setting, "upgrade", UPGRADED_BY_PERSON if by_person else UPGRADED)
    before = tuple(c for t in triplets for c in (t.code, t.name, t.system))
    kept = Remembered(
        order.placer_key, before, components, f"{RULE_ID} {RULE_VERSION}", message.header.control_id.decode("latin-1")
    )
    return Decided(replace(order, modifications=(change, note)), kept if order.placer_key else None)


def _annotated(
    message: Message, group: OrderGroup, order: OrderVerdict, indication: Indication, setting: Setting
) -> OrderVerdict:
    return replace(order, modifications=(_note(message, group, indication, setting, "annotate", ANNOTATED),))


def _note(
    message: Message, group: OrderGroup, indication: Indication, setting: Setting, action: str, what: str
) -> Modification:
    triplets = triplets_of(message, group)
    original = f"{triplets[0].code} {triplets[0].name}".strip() if triplets else ""
    policy = setting.policy.id if setting.policy else ""
    values = note_values(indication, original, __version__, f"{RULE_ID}-{RULE_VERSION}", policy, what)
    return insert_note(message, group, setting.tables.note, action, values, f"note.txt: {what}")
