"""The advisor: what a message does against the standard, by the tables of hl7apy. Never a gate.

Law: it never raises, never prints, and a finding names paths and names of the standard, never text of the
message. Before and after a change it answers whether the change made anything worse.

It looks at: segments the version does not know or expects elsewhere (wire/structure.py), required fields, fields
that repeat and may not, fields and components beyond the last one, values outside HL7 tables, set IDs and numbers
that are none, and the lengths of the fields an order's words stand in. It does not look at: data types of dates
and names, conditional fields, user-defined tables, conformance profiles, batches, what stands in Z segments, and
lengths of other fields (hl7apy 1.3.5 has none). The order of segments is not judged for ORM^O01 from version 2.7
on, nor where MSH-9 names a structure hl7apy does not have. hl7apy's own parser and validator are not used: 20 ms a
message, first error only, and issue 142 (see wire/structure.py).
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hl7calf.errors import WireError
from hl7calf.wire.message import HEADERS, Message, Segment, Span, read_message
from hl7calf.wire.structure import misplaced, missing, segments_in, structure_of
from hl7calf.wire.tables import USUAL_VERSION, field_name, known_version, reference

__all__ = ["Advice", "Compared", "advise", "compare", "field_name"]

_SEGMENTS = 2000  # further ones are not looked at
_NUMBER = re.compile(rb"[+-]?(?:[0-9]++(?:\.[0-9]++)?+|\.[0-9]++)\.?")  # gives nothing back, so it is linear
_OCCURRENCE = re.compile(r"^([A-Z][A-Z0-9]{2})\[\d+]")

# Lengths in characters, by version: 2.3 and before, 2.3.1, 2.4, from 2.5 on (HL7 v2.5.1 §4.5.3, §2.15.10).
LENGTHS: dict[tuple[str, int], tuple[int | None, int | None, int | None, int | None]] = {
    ("OBR", 4): (200, 200, 250, 250),
    ("OBR", 13): (300, 300, 300, 300),
    ("OBR", 31): (300, 300, 250, 250),
    ("OBR", 44): (None, 80, 250, 250),
    ("OBR", 45): (None, 80, 250, 250),
    ("ORC", 16): (200, 200, 250, 250),
    ("NTE", 1): (4, 4, 4, 4),
    ("NTE", 2): (8, 8, 8, 8),
    ("NTE", 3): (65536, 65536, 65536, 65536),
    ("NTE", 4): (None, 60, 250, 250),
    ("DG1", 3): (60, 60, 250, 250),
}
_COLUMNS = {"2.1": 0, "2.2": 0, "2.3": 0, "2.3.1": 1, "2.4": 2}


@dataclass(frozen=True, slots=True)
class Advice:
    """How many findings there are, and each as `OBR[1]-4: Universal Service Identifier is required`."""

    count: int
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """How many findings before and after a change, and those that only the changed message has."""

    before: int
    after: int
    new: tuple[str, ...] = ()


def advise(payload: bytes) -> Advice:
    """Return what the message does against the standard; an unreadable one has its fault as the one finding."""
    try:
        findings = _look(read_message(payload))
    except WireError as wrong:
        findings = [f"MSH: {wrong.why}"]
    except Exception as error:  # an advisor that fails advises nothing
        findings = [f"the advisor gave up ({type(error).__name__})"]
    return Advice(len(findings), tuple(findings))


def compare(before: bytes, after: bytes) -> Compared:
    """Return what a change made better or worse; findings count alike whichever occurrence they are at."""
    old = advise(before)
    new = old if after is before else advise(after)
    spare = Counter(_OCCURRENCE.sub(r"\1", finding) for finding in old.findings)
    added = []
    for finding in new.findings:
        kind = _OCCURRENCE.sub(r"\1", finding)
        if spare[kind] > 0:
            spare[kind] -= 1
        else:
            added.append(finding)
    return Compared(old.count, new.count, tuple(added))


def _look(message: Message) -> list[str]:
    named = message.header.version
    version = known_version(named)
    findings = (
        []
        if version or message.header.is_batch
        else [f"MSH[1]-12: no version the advisor knows, read as {USUAL_VERSION}"]
    )
    version = version or USUAL_VERSION
    if not message.header.is_batch:
        findings += _order(message, version)
    for segment in message.segments[:_SEGMENTS]:
        if segment.name and segment.name[0] != "Z":
            findings += _segment(message, segment, version)
    strays = len(message.segments_named(""))
    return findings + ([f"{strays} lines are no segments"] if strays else [])


def _order(message: Message, version: str) -> list[str]:
    """Judge which segments stand and in which order, where the structure is known."""
    header = message.header
    structure = structure_of(f"{header.message_code}_{header.trigger}", version)
    structure = structure or (structure_of(header.structure, version) if header.structure else None)
    if structure is None:
        return []
    known = segments_in(structure)
    judged = [segment for segment in message.segments[:_SEGMENTS] if reference(segment.name, "Segment", version)]
    findings = [
        f"{segment.name}[{segment.occurrence}]: is not in {structure.name} of version {version}"
        for segment in judged
        if segment.name not in known
    ]
    judged = [segment for segment in judged if segment.name in known]
    names = [segment.name for segment in judged]
    for place in misplaced(structure, names):
        findings.append(f"{names[place]}[{judged[place].occurrence}]: {structure.name} does not expect it there")
    return findings + [f"{structure.name}: {name} is required" for name in missing(structure, names)]


def _segment(message: Message, segment: Segment, version: str) -> list[str]:
    """Judge the fields of one segment."""
    place = f"{segment.name}[{segment.occurrence}]"
    known = reference(segment.name, "Segment", version)
    if known is None:
        return [f"segment {segment.index + 1}: version {version} has none of that name"]
    fields = message.fields(segment)
    findings = []
    for number, (_, shape, (least, most), _) in enumerate(known[1], 1):
        span = fields[number - 1] if number <= len(fields) else None
        path = f"{place}-{number}"
        if span is None or span.start == span.end:
            if least:
                findings.append(f"{path}: {field_name(path, version)} is required")
        elif number > 2 or segment.name not in HEADERS:
            findings += _field(message, span, path, (segment.name, number), shape, most, version)
    beyond = [span for span in fields[len(known[1]) :] if span.start < span.end]
    if beyond:
        findings.append(f"{place}: has fields after the last of version {version}, {segment.name}-{len(known[1])}")
    return findings


def _field(
    message: Message, span: Span, path: str, key: tuple[str, int], shape: Any, most: int, version: str
) -> list[str]:
    """Judge one field that is not empty."""
    findings = []
    repetitions = message.repetitions(span, 50)
    if most == 1 and len(repetitions) > 1:
        findings.append(f"{path}: {field_name(path, version)} may not repeat")
    longest = LENGTHS.get(key, (None,) * 4)[_COLUMNS.get(version, 3)]
    if longest and max(part.end - part.start for part in repetitions) > longest:
        findings.append(f"{path}: {field_name(path, version)} is longer than {longest} characters")
    for repetition in repetitions:
        findings += _value(message, repetition, path, shape, version)
    return findings


def _value(message: Message, span: Span, path: str, shape: Any, version: str) -> list[str]:
    """Judge the value of one repetition: its components, or its table and number format."""
    components = message.components(span, 100)
    if shape[0] == "sequence":
        if len(components) > len(shape[1]):
            return [f"{path}: has more components than the {len(shape[1])} of {shape[2]}"]
        return []
    value = message.bytes(span)
    if len(components) > 1 and shape[2] not in ("varies", "FT", "TX", "ST", "CM"):
        return [f"{path}: has components, but {shape[2]} has none"]
    if value == b'""':
        return []
    table = reference(shape[4], "Table", version) if shape[2] == "ID" and shape[4] else None
    if table and value.decode("latin-1") not in table[1]:
        return [f"{path}: is not in table {shape[4].removeprefix('HL7')}"]
    if shape[2] == "SI" and not value.isdigit():
        return [f"{path}: is no set ID"]
    if shape[2] == "NM" and not _NUMBER.fullmatch(value.strip()):
        return [f"{path}: is no number"]
    return []
