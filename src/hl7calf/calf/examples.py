"""A table row's example as an order, so that it is read exactly as orders are.

Law: one documented place for every table. A phrase that belongs to the order's text is read as OBR-31 of a limited
venous study without a side; one that belongs to the name of the study as OBR-4.2, with a calcification of the left
calf as the reason. Code tables have no example column: their orders are made from the code, and the row is
needed when one of them reads differently without it.
"""

from collections.abc import Iterator, Mapping

from hl7calf.calf.indication import OrderText
from hl7calf.calf.languages import table_of
from hl7calf.calf.order_text import Control, read_order_text
from hl7calf.calf.passages import Passage
from hl7calf.calf.schema import SCHEMAS, Row
from hl7calf.calf.study import Triplet
from hl7calf.calf.tables import Tables
from hl7calf.calf.words import fold, tokenize, words_of
from hl7calf.wire.header import read_header
from hl7calf.wire.message import read_message
from hl7calf.wire.orders import patient_parts, read_orders

NAME = "US VENOUS DUPLEX LIMITED LEG"
NAME_WITHOUT_EXTENT = "US VENOUS DUPLEX LEG"
REASON = "left calf calcification on XR"
REASONS = (REASON, "left calf pain", "calcification of left calf", "calcification on XR, left leg pain")
STUDY_NAMES = ("", "LIMITED", "US LEG", "VENOUS LEG")
MISSPELT_TRIES = 12


def is_in_name(row: Row) -> bool:
    """Tell whether the row's phrase is looked for in the name of the study, and its example put there."""
    return table_of(row.file) == "studies.csv" or row.values.get("where") == "name"


def orders_of(row: Row, tables: Tables, spelt: Mapping[str, tuple[Row, ...]]) -> Iterator[OrderText]:
    """Yield the orders that must show the row's effect; one for a phrase, several to choose from for a code.

    Args:
        tables: the tables to read with, the row's effect on spelling included.
        spelt: the phrase rows by the words of their phrases, for the examples of misspellings.
    """
    match table_of(row.file):
        case "study_map.csv":
            return  # proven by a whole message, see `proofs`
        case "questions.csv":
            yield question_order(row["example"], tables)
        case "misspellings.csv":
            yield from _misspelt(row, tables, spelt)
        case "systems.csv":
            yield from _in_system(row, tables)
        case "study_codes.csv":
            for name in STUDY_NAMES:
                yield coded_order(Triplet(row["code"].strip(), name, row["system"], 1), tables)
        case "diagnoses.csv":
            for code in _codes_under(row):
                for reason in REASONS:
                    yield text_order(NAME, reason, tables, codes=(code,))
        case _:
            yield example_order(row, row["example"], tables)


def example_order(row: Row, example: str, tables: Tables) -> OrderText:
    """Return `example` as an order, in the place where the row's phrase belongs."""
    if is_in_name(row):
        return text_order(example, REASON, tables)
    return text_order(NAME_WITHOUT_EXTENT if table_of(row.file) == "extent.csv" else NAME, example, tables)


def text_order(name: str, reason: str, tables: Tables, codes: tuple[str, ...] = ()) -> OrderText:
    """Return an order with a name (OBR-4.2), a reason (OBR-31.2) and diagnosis codes."""
    return OrderText((), (passage(name, "name", tables), passage(reason, "text", tables)), codes)


def coded_order(triplet: Triplet, tables: Tables) -> OrderText:
    """Return an order by code, with a calcification of the left calf as its reason."""
    names = (passage(triplet.name, "name", tables),) if triplet.name else ()
    return OrderText((triplet,), (*names, passage(REASON, "text", tables)))


def passage(value: str, kind: str, tables: Tables) -> Passage:
    """Return text as a passage of an order; offsets count its characters."""
    path = "OBR[1]-4.2" if kind == "name" else "OBR[1]-31.2"
    return Passage(path, kind, value, range(len(value) + 1), tuple(tokenize(value, tables.respelled)))


def question_order(example: str, tables: Tables) -> OrderText:
    """Return an order with one OBX: the example's question before `: `, its answer behind."""
    question, _, answer = example.partition(": ")
    return _from_wire(f"OBX|1|TX|{question}||{answer}||||||F", tables)


def order_message(obr_4: str, *segments: str) -> bytes:
    """Return an ORM^O01 with one order, as a sender would write it."""
    lines = (
        r"MSH|^~\&|CPOE|HOSP|HL7CALF|RIS|20260101080000||ORM^O01^ORM_O01|CHECK|P|2.5.1",
        "PID|1||CHECK^^^HOSP^MR||TEST^CHECK",
        "ORC|NW|CHECK^CPOE",
        f"OBR|1|CHECK^CPOE||{obr_4}|||||||||||||||||||||||||||^{REASON}",
        *segments,
    )
    return "".join(line + "\r" for line in lines).encode("utf-8", "replace")


def _from_wire(segment: str, tables: Tables) -> OrderText:
    payload = order_message(f"^{NAME}", segment)
    message = read_message(payload, read_header(payload))
    group = read_orders(message)[0]
    return read_order_text(message, group, patient_parts(message), tables, Control.REQUEST)


def _codes_under(row: Row) -> Iterator[str]:
    """Yield the code itself, and one with its side character where the row tells where that stands."""
    code = row["code"].strip()
    if row["side_at"]:
        bare = code.replace(".", "")
        place = int(row["side_at"][:1])
        yield bare.ljust(place - 1, "0") + ("4" if row["side_at"] == "6x" else "1")
    else:
        yield code if code[1:2].isdigit() else code + "50"


def _in_system(row: Row, tables: Tables) -> Iterator[OrderText]:
    """Yield orders with a code of that system, the system written as in the row, and in small letters."""
    for written in (row["written"].strip(), row["written"].strip().lower()):
        if row["system"] == "I10":
            for code in _one_of_each_kind(tables):
                yield _from_wire(f"DG1|1||{code}^^{written}", tables)
        for system, code in tables.study_codes:
            if system == row["system"]:
                yield coded_order(Triplet(code, "", written, 1), tables)
                break


def mapped_services(row: Row, tables: Tables) -> Iterator[tuple[Triplet, str]]:
    """Yield the study map's codes of a system with their side, the system written as the row has it, and in small."""
    for written in (row["written"].strip(), row["written"].strip().lower()):
        for code, system, side in tables.study_map:
            if system == row["system"]:
                yield Triplet(code, NAME, written, 1), side


def _one_of_each_kind(tables: Tables) -> list[str]:
    """Return one diagnosis code for each kind of meaning."""
    return list({diagnosis.meanings[0][0]: code for code, diagnosis in tables.diagnoses.items()}.values())


def _misspelt(row: Row, tables: Tables, spelt: Mapping[str, tuple[Row, ...]]) -> Iterator[OrderText]:
    """Yield examples of rows that know the word meant, with the misspelling put in its place."""
    written, meant = row["written"].strip(), fold(row["meant"].strip())
    tried = 0
    for known in spelt.get(meant, ()):
        cut = tokenize(known["example"])
        at = next((t for t in cut if t.norm == meant), None)
        if at is None:
            continue
        tried += 1
        if tried > MISSPELT_TRIES:
            return
        example = known["example"]
        yield example_order(known, example[: at.start] + written + example[at.end :], tables)


def rows_by_word(tables: Tables) -> dict[str, tuple[Row, ...]]:
    """Return the phrase rows that hold each word, the shortest phrase first."""
    found: dict[str, list[tuple[int, Row]]] = {}
    for name, schema in SCHEMAS.items():
        if schema.phrases and "example" in schema.columns and schema.columns[0] == "phrase" and name != "questions.csv":
            for row in tables.rows[name]:
                words = words_of(row["phrase"])
                for word in words:
                    found.setdefault(word, []).append((len(words), row))
    return {word: tuple(row for _, row in sorted(rows, key=lambda r: r[0])) for word, rows in found.items()}
