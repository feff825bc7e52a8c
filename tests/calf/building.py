"""Orders for the clinical tests, written as a clinician reads them: reason, service, notes, answers, diagnoses.

Law: one builder, plain HL7 2.5.1 unless a test says otherwise; every order here is invented.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from hl7calf.calf.clauses import Read, read_passage
from hl7calf.calf.passages import Passage
from hl7calf.calf.tables import Tables, load_tables
from hl7calf.calf.verdict import OrderVerdict, Recall, Remembered, Verdict
from hl7calf.calf.vetting import vet
from hl7calf.calf.words import tokenize
from hl7calf.service.mappings import read_mappings, shipped_mappings

LIMITED_LEFT = "USVENLTDL^US VENOUS LIMITED LEFT^L"
LIMITED_RIGHT = "USVENLTDR^US VENOUS LIMITED RIGHT^L"
LIMITED_BOTH = "USVENLTDB^US VENOUS LIMITED BILATERAL^L"
COMPLETE_LEFT = "USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L"
PLAIN_LEFT = "USVENL^US VENOUS DUPLEX LEFT LEG^L"
UPGRADED_LEFT = ("USVENCOML", "US VENOUS DUPLEX COMPLETE LEFT", "L")
CLASSIC = "Left calf calcification on x-ray, pain 5 days, r/o DVT"
ADULT = "19600101"

Fields = Mapping[int, str]


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The shipped mappings."""
    return load_tables(read_mappings(shipped_mappings()))


def segment(name: str, fields: Fields, field: str = "|") -> str:
    """Write one segment; `fields` by their HL7 number (MSH-3 is 3)."""
    last = max(fields, default=0)
    first = 3 if name == "MSH" else 1
    cells = [fields.get(number, "") for number in range(first, last + 1)]
    return field.join([name + field + "^~\\&" if name == "MSH" else name, *cells])


def group(
    reason: str = "", *, service: str = LIMITED_LEFT, control: str = "NW", status: str = "", number: str = "P-1^CPOE",
    orc: Fields | None = None, obr: Fields | None = None, after_orc: Iterable[str] = (), notes: Iterable[str] = (),
    before_obx: Iterable[str] = (), answers: Iterable[tuple[str, str]] = (), diagnoses: Iterable[str] = (),
    position: int = 1,
) -> list[str]:  # fmt: skip
    """Return the segments of one order.

    `reason` goes to OBR-31.2; `notes` are texts after OBR; `answers` are OBX-3 and OBX-5; `diagnoses` are DG1-3,
    ICD-10-CM where no system is named; `before_obx` are whole segments.
    """
    order = {1: control, 2: number, 5: status, **(orc or {})}
    request = {1: str(position), 2: number, 4: service, 31: "^" + reason if reason else "", **(obr or {})}
    coded = [d if "^" in d else f"{d}^^I10C" for d in diagnoses]
    return [
        segment("ORC", order),
        *(segment("NTE", {1: str(n), 3: text}) for n, text in enumerate(after_orc, 1)),
        segment("OBR", request),
        *(segment("NTE", {1: str(n), 3: text}) for n, text in enumerate(notes, 1)),
        *before_obx,
        *(segment("DG1", {1: str(n), 3: code}) for n, code in enumerate(coded, 1)),
        *(segment("OBX", {1: str(n), 2: "TX", 3: q, 5: a, 11: "F"}) for n, (q, a) in enumerate(answers, 1)),
    ]


def message(
    segments: Iterable[str], *, version: str = "2.5.1", control_id: str = "T1", msh: Fields | None = None,
    pid: Fields | None = None, pv1: Fields | None = None, patient_notes: Iterable[str] = (), end: str = "\r",
    kind: str = "ORM^O01", encoding: str = "utf-8",
) -> bytes:  # fmt: skip
    """Return a whole message around the segments of its orders."""
    header = {3: "CPOE", 4: "HOSP", 5: "HL7CALF", 6: "RIS", 7: "20261123080000", 9: kind, 10: control_id, 11: "P"}
    lines = [
        segment("MSH", {**header, 12: version, **(msh or {})}),
        segment("PID", {1: "1", 3: "T1^^^HOSP^MR", 5: "TEST^PATIENT", 7: ADULT, **(pid or {})}),
        *(segment("NTE", {1: str(n), 3: text}) for n, text in enumerate(patient_notes, 1)),
        segment("PV1", {1: "1", 2: "O", **(pv1 or {})}),
        *segments,
    ]
    return (end.join(lines) + end).encode(encoding)


IN_MESSAGE = frozenset("version control_id msh pid pv1 patient_notes end kind encoding".split())


def order(reason: str = CLASSIC, **more: object) -> bytes:
    """Return a message with one order; arguments as for `group` and `message`."""
    around = {name: more.pop(name) for name in list(more) if name in IN_MESSAGE}
    return message(group(reason, **more), **around)  # type: ignore[arg-type]


def judge(payload: bytes, **more: object) -> Verdict:
    """Vet a message with the shipped mappings."""
    return vet(payload, tables(), **more)  # type: ignore[arg-type]


def decide(reason: str = CLASSIC, **more: object) -> OrderVerdict:
    """Return the decision about one order; arguments as for `order`."""
    [decided] = judge(order(reason, **more)).orders
    return decided


def codes(decided: OrderVerdict) -> list[str]:
    """Return the codes of the gates told."""
    return [gate.code for gate in decided.gates]


def memory_of(*verdicts: Verdict) -> Recall:
    """Recall what these verdicts said to remember and to forget, in this order."""
    kept: dict[bytes, Remembered] = {}
    for verdict in verdicts:
        kept.update({remembered.placer_key: remembered for remembered in verdict.remember})
        for key in verdict.forget:
            kept.pop(key, None)
    return kept.get


def passage(text: str, kind: str = "text", path: str = "OBR[1]-31.2") -> Passage:
    """Return a piece of order text as the rule reads it."""
    return Passage(path, kind, text, range(len(text) + 1), tuple(tokenize(text, tables().respelled)))


def read(text: str, kind: str = "text") -> Read:
    """Read one piece of order text."""
    return read_passage(passage(text, kind), tables())


def lines_of(payload: bytes, name: str, end: bytes = b"\r") -> list[bytes]:
    """Return the segments of this name, as they stand."""
    return [line for line in payload.split(end) if line.startswith(name.encode())]


def notes_written(payload: bytes, end: bytes = b"\r", field: bytes = b"|") -> list[list[bytes]]:
    """Return the fields of every NTE that hl7calf wrote (NTE-2 is O)."""
    cut = [line.split(field) for line in lines_of(payload, "NTE", end)]
    return [cells for cells in cut if cells[2:3] == [b"O"]]
