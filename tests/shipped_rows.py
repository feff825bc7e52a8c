"""The record of what each shipped mapping row does: an order, and what is read of it only because of the row.

Law: rows can be added without touching the record's old lines; a row taken away, or one that no longer does what it
did, makes `failing` tell. `python tests/shipped_rows.py` writes the record from the tables as they are.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from hl7calf.calf.examples import NAME, REASON, orders_of, passage, rows_by_word  # noqa: E402  the path is set above
from hl7calf.calf.indication import OrderText, read_indication  # noqa: E402
from hl7calf.calf.lacking import without_row  # noqa: E402
from hl7calf.calf.meaning import meaning_of  # noqa: E402
from hl7calf.calf.schema import SCHEMAS, Row  # noqa: E402
from hl7calf.calf.study import Triplet  # noqa: E402
from hl7calf.calf.tables import Tables, load_tables  # noqa: E402

RECORD = ROOT / "tests" / "shipped_rows.jsonl"
Entry = dict[str, Any]


def row_name(name: str, values: Mapping[str, str]) -> str:
    """Return the cells that make a row unique in its table."""
    return ",".join(values[column] for column in SCHEMAS[name].key)


def read_record() -> list[Entry]:
    """Return the record, one entry a row."""
    return [json.loads(line) for line in RECORD.read_text("utf-8").splitlines()]


def failing(record: Iterable[Entry], tables: Tables) -> list[str]:
    """Return the rows whose order no longer reads as recorded, as `file: row`."""
    return [f"{e['file']}: {e['row']}" for e in record if not _holds(e, tables)]


def _holds(entry: Entry, tables: Tables) -> bool:
    if entry["file"] == "study_map.csv":
        target = tables.study_map.get(tuple(entry["order"]))
        return target is not None and [target.code, target.text, target.system] == entry["says"]
    if entry["file"] == "questions.csv":
        row = Row(entry["file"], 0, {"phrase": "", "example": entry["order"]})
        said = _said(next(iter(orders_of(row, tables, {}))), tables)
    elif entry["file"] == "systems.csv":
        return [tables.system_of(entry["order"])] == entry["says"]
    else:
        said = _said(_order(entry["order"], tables), tables)
    return set(entry["says"]) <= said and not set(entry["instead_of"]) & said


def _order(parts: Mapping[str, Any], tables: Tables) -> OrderText:
    triplets = tuple(Triplet(code, "", system, 1) for code, system in parts.get("service", ()))
    texts = [("name", parts.get("name", NAME)), ("text", parts.get("text", REASON))]
    passages = tuple(passage(text, kind, tables) for kind, text in texts if text)
    return OrderText(triplets, passages, tuple(parts.get("diagnoses", ())))


def _parts(order: OrderText) -> Entry:
    texts = {p.kind: p.value for p in order.passages}
    parts: Entry = {k: texts.get(k, "") for k, usual in (("name", NAME), ("text", REASON)) if texts.get(k, "") != usual}
    if order.triplets:
        parts["service"] = [[t.code, t.system] for t in order.triplets]
    if order.codes:
        parts["diagnoses"] = list(order.codes)
    return parts


def _said(order: OrderText, tables: Tables) -> set[str]:
    return set(meaning_of(read_indication(order, tables)).words().split("; "))


def entries(tables: Tables) -> Iterator[Entry]:
    """Yield the record's entries from the tables as they are, in file order."""
    spelt = rows_by_word(tables)
    for name, rows in tables.rows.items():
        for row in rows:
            yield {"file": name, "row": row_name(name, row.values), **_entry(row, tables, spelt)}


def _entry(row: Row, tables: Tables, spelt: Mapping[str, tuple[Row, ...]]) -> Entry:
    if row.file == "study_map.csv":
        source = [row["source_code"].upper(), row["source_system"], row["side"]]
        return {"order": source, "says": [row["target_code"], row["target_text"], row["target_system"]]}
    if row.file == "systems.csv":
        return {"order": row["written"].lower(), "says": [row["system"]]}
    lacking = without_row(tables, row)
    for order, less in zip(orders_of(row, tables, spelt), orders_of(row, lacking, spelt), strict=False):
        with_it, without_it = _said(order, tables), _said(less, lacking)
        if with_it != without_it:
            shown = row["example"] if row.file == "questions.csv" else _parts(order)
            return {"order": shown, "says": sorted(with_it - without_it), "instead_of": sorted(without_it - with_it)}
    raise SystemExit(f"{row.place} does nothing: see `hl7calf check mappings`")


def write_record() -> None:
    """Write the record anew."""
    from hl7calf.service.mappings import read_mappings, shipped_mappings

    found = entries(load_tables(read_mappings(shipped_mappings())))
    lines = "".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n" for entry in found)
    RECORD.write_text(lines, "utf-8")


if __name__ == "__main__":
    write_record()
