"""The proof that every table row is needed: its example must not read the same without it.

Law: one row is left out at a time and nothing else changes; the reading is the rule's own (`read_indication`, for
the study map the whole of `vet`), and what counts as a difference is written in `meaning`. A row that changes
nothing is told together with the row that already does its work.
"""

from collections.abc import Iterator

from hl7calf.calf.examples import (
    REASON,
    example_order,
    is_in_name,
    mapped_services,
    order_message,
    orders_of,
    rows_by_word,
)
from hl7calf.calf.indication import OrderText, read_indication
from hl7calf.calf.lacking import lexicons_of, without_row
from hl7calf.calf.languages import table_of
from hl7calf.calf.lexicon import Lexicon, Mention
from hl7calf.calf.meaning import Meaning, meaning_of
from hl7calf.calf.schema import SCHEMAS, Row
from hl7calf.calf.tables import Tables
from hl7calf.calf.upgrade import find_targets
from hl7calf.calf.vetting import vet
from hl7calf.calf.words import tokenize, words_of
from hl7calf.errors import Defect

MEND = "delete the row, or give an example it is needed for"
LEGS = {"L": "left", "R": "right", "B": "both calves: left and right"}


class Proofs:
    """Proves the rows of one set of tables; readings are kept, so that an example is read once."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.spelt = rows_by_word(tables)
        self._read: dict[object, Meaning] = {}

    def of(self, row: Row) -> Iterator[Defect]:
        """Yield what is wrong with a row's example and counterexample."""
        if "example" in row.values and not row["example"].strip():
            why = "the row has no example"
            yield _defect(row, "example", "P_NO_EXAMPLE", why, "write a sentence in which a referrer would use it")
        elif table_of(row.file) == "study_map.csv":
            yield from self._of_map(row)
        elif table_of(row.file) == "systems.csv" and self._leads_to_the_map(row):
            pass
        elif not self._is_needed(row):
            yield self._covered(row)
        if row.values.get("counterexample", "").strip():
            yield from self._of_counterexample(row)

    def _meaning(self, order: OrderText) -> Meaning:
        key = (order.triplets, order.codes, tuple((p.path, p.kind, p.value) for p in order.passages))
        known = self._read.get(key)
        if known is None:
            known = self._read[key] = meaning_of(read_indication(order, self.tables))
        return known

    def _is_needed(self, row: Row) -> bool:
        lacking = without_row(self.tables, row)
        whole = orders_of(row, self.tables, self.spelt)
        less = whole if _reads_the_same_order(row) else orders_of(row, lacking, self.spelt)
        for with_it, without_it in _pairs(whole, less):
            if self._meaning(with_it) != meaning_of(read_indication(without_it, lacking)):
                return True
        return False

    def _leads_to_the_map(self, row: Row) -> bool:
        """Tell whether the study map knows a code by this way of writing its system, and only by this row."""
        lacking = without_row(self.tables, row)
        return any(
            find_targets([triplet], side, self.tables) != find_targets([triplet], side, lacking)
            for triplet, side in mapped_services(row, self.tables)
        )

    def _covered(self, row: Row) -> Defect:
        if not SCHEMAS[table_of(row.file)].phrases or SCHEMAS[table_of(row.file)].columns[0] != "phrase":
            why = "orders read the same without this row: it is covered by another one, or changes nothing"
            return _defect(row, SCHEMAS[table_of(row.file)].columns[0], "P_COVERED", why, "delete the row")
        own, instead = self._own(row, row["example"])
        if not own:
            return self._silent(row)
        why = "the example reads the same without this row"
        named = " and ".join(dict.fromkeys(instead))
        why += f": {named} already says it" if named else ", and nothing else comes of it"
        return _defect(row, "example", "P_COVERED", why, MEND)

    def _own(self, row: Row, text: str) -> tuple[list[Mention], list[str]]:
        """Return where the row is found in `text`, and the rows that would be found there instead of it."""
        lacking = lexicons_of(without_row(self.tables, row))
        for name, lexicon in lexicons_of(self.tables).items():
            own = [m for m in self._mentions(row, text, lexicon) if m.phrase.row == row.place]
            if own:
                instead = [
                    _named(m)
                    for m in self._mentions(row, text, lacking[name])
                    if any(m.first < o.last and o.first < m.last for o in own)
                ]
                return own, instead
        return [], []

    def _silent(self, row: Row) -> Defect:
        """The example does not use the row; tell which row of the same table takes its place."""
        wanted = set(words_of(row["phrase"]))
        why = "the example does not hold the phrase"
        for lexicon in lexicons_of(self.tables).values():
            for mention in self._mentions(row, row["example"], lexicon):
                if wanted & set(mention.phrase.words) and mention.phrase.table == table_of(row.file).removesuffix(
                    ".csv"
                ):
                    why = f"the example does not use this row: {_named(mention)} takes its place"
        return _defect(row, "example", "P_SILENT", why, "write an example in which the phrase stands by itself")

    def _mentions(self, row: Row, text: str, lexicon: Lexicon) -> list[Mention]:
        if table_of(row.file) == "questions.csv":
            return lexicon.find(tokenize(text.partition(": ")[0]), "text")
        where = "name" if is_in_name(row) else "text"
        return lexicon.find(tokenize(text, self.tables.respelled), where)

    def _of_counterexample(self, row: Row) -> Iterator[Defect]:
        if self._own(row, row["counterexample"])[0]:
            why = "the counterexample fires this row"
            hint = "add a longer phrase that takes its place there, or correct the counterexample"
            yield _defect(row, "counterexample", "P_COUNTER", why, hint)

    def _of_map(self, row: Row) -> Iterator[Defect]:
        """A limited order with the source code must come out with the target, and only by this row."""
        payload = order_message(
            f"{row['source_code']}^US VENOUS DUPLEX LIMITED^{row['source_system']}", f"NTE|1||{LEGS[row['side']]}"
        )
        if row["side"] != "L":
            payload = payload.replace(REASON.encode(), REASON.replace("left", LEGS[row["side"]].split(":")[0]).encode())
        orders = vet(payload, self.tables).orders
        if not any(m.path.startswith("OBR") and row.place in m.why for o in orders for m in o.modifications):
            why = "an order with this code and side is not raised to the target"
            gates = ", ".join(f"{g.code} {g.why}" for o in orders for g in o.gates)
            yield _defect(row, "source_code", "P_MAP", why, f"the rule says: {gates}" if gates else MEND)


def read_example(row: Row, tables: Tables) -> Meaning:
    """Return what a phrase row's example means; the record of the shipped tables is made with it."""
    return meaning_of(read_indication(example_order(row, row["example"], tables), tables))


def _reads_the_same_order(row: Row) -> bool:
    """Tell whether leaving the row out cannot change the order's own tokens, only how they are read."""
    return table_of(row.file) not in ("misspellings.csv", "systems.csv", "questions.csv", "study_map.csv")


def _pairs(whole: Iterator[OrderText], less: Iterator[OrderText]) -> Iterator[tuple[OrderText, OrderText]]:
    if whole is less:
        yield from ((order, order) for order in whole)
    else:
        yield from zip(whole, less, strict=False)


def _named(mention: Mention) -> str:
    return f"{mention.phrase.row} (`{' '.join(mention.phrase.words)}`)"


def _defect(row: Row, column: str, code: str, why: str, hint: str) -> Defect:
    return Defect(row.file, row.line, SCHEMAS[table_of(row.file)].columns.index(column) + 1, code, why, hint)
