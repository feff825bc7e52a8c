"""From an indication to bytes: which spans of the message change, and what is remembered of it.

Law: OBR-4 and one inserted block of NTE, nothing else. A code is written only from the study map, for the same
side; where the change cannot be written whole it is not written at all.

Source: OBR-4 alternate triplet must be an equivalent code, HL7 v2.5.1 §2.A.13; dcm4chee reads it as the scheduled
protocol [dcm4chee]; NTE after OBR, HL7 v2.5.1 §4.4.1; NTE-4 from v2.3.1, table 0364; lengths [nHapi].
"""

from collections.abc import Sequence

from hl7calf.calf.gates import gate
from hl7calf.calf.indication import Indication
from hl7calf.calf.note import NTE_4, NoteTemplate, write_note
from hl7calf.calf.study import Triplet
from hl7calf.calf.tables import Tables, Target
from hl7calf.calf.verdict import Gate, Modification
from hl7calf.wire.message import Message
from hl7calf.wire.orders import OrderGroup, note_insertion
from hl7calf.wire.text import escape_text, read_text

SIDES = {"L": "left", "R": "right", "B": "bilateral"}
FIELD_LIMIT = {"2.1": 200, "2.2": 200, "2.3": 200, "2.3.1": 200}
CODE_LIMIT, NAME_LIMIT, DEFAULT_LIMIT = 20, 64, 250
NOT_PROVIDED = "not provided"
WORDS = {"prior_dvt": "prior DVT", "prior_pe": "prior PE", "recent_surgery": "recent surgery"}
IMAGING = {"XR": "x-ray", "CT": "CT", "MRI": "MRI", "US": "ultrasound"}


def find_targets(
    triplets: Sequence[Triplet], side: str | None, tables: Tables
) -> tuple[Target, tuple[str, ...]] | None:
    """Return the study-map entry for the primary code and the new components of OBR-4, or None without an entry.

    The alternate triplet is mapped when the map has an entry for it too, else left out: an old name there would
    put the old protocol on the scanner's work list.
    """
    primary = [t for t in triplets if t.first == 1]
    if not primary or side is None:
        return None
    target = _entry(primary[0], side, tables)
    if target is None:
        return None
    components = [target.code, target.text, target.system or primary[0].system]
    for alternate in (t for t in triplets if t.first == 4 and t.code):
        mapped = _entry(alternate, side, tables)
        if mapped is not None:
            components += [mapped.code, mapped.text, mapped.system or alternate.system]
    return target, tuple(components)


def _entry(triplet: Triplet, side: str, tables: Tables) -> Target | None:
    return tables.study_map.get((triplet.code.upper(), tables.system_of(triplet.system), side))


def repeats_elsewhere(message: Message, group: OrderGroup, triplets: Sequence[Triplet]) -> str | None:
    """Return the path of a field that repeats the old code or name (OBR-44, OBX procedure), else None.

    Changing OBR-4 alone would make the message contradict itself, and nothing but OBR-4 and NTE is written.
    """
    codes = {t.code for t in triplets if t.code}
    names = {t.name for t in triplets if t.name}
    if group.obr is None:
        return None
    field = message.field(group.obr, 44)
    if field is not None and any(read_text(message, c).value.strip() in codes for c in message.components(field)):
        return f"OBR[{group.obr.occurrence}]-44"
    for observation in group.observations:
        question, answer = message.field(observation.obx, 3), message.field(observation.obx, 5)
        asked = read_text(message, question).value.upper() if question else ""
        said = [read_text(message, c).value.strip() for c in message.components(answer)] if answer is not None else []
        if "PROCEDURE" in asked and set(said) & (names | codes):
            return f"OBX[{observation.obx.occurrence}]-5"
    return None


def replace_service(message: Message, group: OrderGroup, components: Sequence[str], why: str) -> Modification | Gate:
    """Return the change of OBR-4, or the gate that says why it cannot be written whole."""
    assert group.obr is not None
    span = message.field(group.obr, 4)
    path = f"OBR[{group.obr.occurrence}]-4"
    if span is None or len(message.repetitions(span, 2)) > 1:
        return gate("X23", f"{path} repeats or is missing")
    delimiters = message.delimiters
    if not delimiters.component:
        return gate("X23", "the message declares no component separator")
    try:
        after = delimiters.component.join(escape_text(c, delimiters) for c in components)
    except ValueError:
        return gate("X23", f"{path} cannot be written with the message's delimiters")
    limit = FIELD_LIMIT.get(message.header.version, DEFAULT_LIMIT)
    if len(after) > limit or len(components[0]) > CODE_LIMIT or len(components[1]) > NAME_LIMIT:
        return gate("X23", f"{path} would be longer than receivers keep")
    return Modification(path, span.start, span.end - span.start, message.bytes(span), after, why)


def insert_note(
    message: Message, group: OrderGroup, template: NoteTemplate, action: str, values: dict[str, str], why: str
) -> Modification:
    """Return the insertion of the note block behind the last NTE of this OBR, numbering continued."""
    place = note_insertion(message, group)
    delimiters = message.delimiters
    number = place.next_number
    lines: list[bytes] = []
    typed = message.header.version not in ("", "2.1", "2.2", "2.3")
    for comment_type, text in write_note(template, action, values):
        cells = [b"NTE", str(number + len(lines)).encode(), b"O", escape_text(text, delimiters)]
        if typed and delimiters.component:
            cells.append(delimiters.component.join(escape_text(c, delimiters) for c in NTE_4[comment_type]))
        lines.append(delimiters.field.join(cells))
    return Modification("NTE", place.offset, 0, b"", place.write(lines), why)


def note_values(
    indication: Indication, original: str, version: str, rule: str, policy: str, what: str
) -> dict[str, str]:
    """Return the placeholders' values; what the orderer did not say reads `not provided`."""
    facts = indication.facts
    side = SIDES.get(facts.laterality or "", "side " + NOT_PROVIDED)
    risks = ", ".join(WORDS.get(r, r.replace("_", " ")) for r in facts.risk_factors)
    return {
        "version": version,
        "rule": rule,
        "policy": policy or "none",
        "what": what,
        "original": original,
        "side": side,
        "location": facts.location or NOT_PROVIDED,
        "characteristics": ", ".join(facts.characteristics) or NOT_PROVIDED,
        "symptoms": ", ".join(facts.symptoms) or NOT_PROVIDED,
        "duration": facts.duration or NOT_PROVIDED,
        "risk_factors": risks or "none stated",
        "prior_imaging": ", ".join(IMAGING[m] for m in (facts.prior_imaging or "").split("+") if m) or NOT_PROVIDED,
        "missing": ", ".join(m.replace("_", " ") for m in facts.missing) or "nothing",
        "gates": ", ".join(g.code for g in indication.gates) or "none",
    }
