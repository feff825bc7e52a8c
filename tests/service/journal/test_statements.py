"""The SQL: every statement is named, described, understood by the schema, used, and finds its rows by an index."""

import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hl7calf.service.journal import schema, statements
from hl7calf.service.journal.statements import _all, sql, sql_for_list, sql_for_rows

HERE = Path(statements.__file__).parent

# Asked now and then, by a person or at a start, and about the whole: these may look at everything.
MAY_LOOK_AT_EVERYTHING = {
    "recount": "counts the whole journal anew, for verification",
    "whole_log": "verifying reads the whole log, a stretch at a time",
    "stray_placers": "part of verifying",
    "numbers": "lists everything in order; ends at its limit",
    "numbers_queued": "lists a route in order; ends at its limit",
    "entries_up": "lists everything in order; ends at its limit",
    "entries_down": "lists everything in order; ends at its limit",
    "first_entry_since": "a covering index, read from the time asked for",
    "payloads_from": "checks every payload",
    "oldest_seen": "reads the old end up to its limit",
    "oldest_entries": "reads the old end up to its limit",
    "last_entry": "reads one row at the new end",
    "all_books": "a few rows for each route",
    "routes_with_parked": "a few rows for each route",
    "last_numbers": "the end of the numbers, and a few rows for each route",
    "mark_heads_as_possible_duplicates": "once, at an unclean start",
    "days": "two ends of an index",
    "entry_days": "two ends of an index",
    "bytes_used": "no table",
    "nearest_message": "the next ones before and behind a number",
    **dict.fromkeys(
        ("bytes_without_record", "count_seen", "delete_messages_without_bytes", "forget_lost_entries",
         "forget_lost_histories", "mark_all_as_possible_duplicates", "messages_without_bytes", "numbers_with_bytes",
         "salvaged_entries", "salvaged_waiting"), "once, when a journal is salvaged",
    ),
}  # fmt: skip


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    one = apsw.Connection(str(tmp_path / "x.sqlite3"))
    schema.migrate(one)
    yield one
    one.close()


def example(name: str) -> tuple[str, list[None]]:
    text = sql_for_list(name, 3)
    return text, [None] * text.count("?")


@pytest.mark.parametrize("name", sorted(_all()))
def test_each_statement_is_understood_and_finds_its_rows_by_an_index(name: str, connection: apsw.Connection) -> None:
    text, values = example(name)
    plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    scans = [step for step in plan if re.match(r"SCAN (?!CONSTANT)", step) and "VIRTUAL TABLE" not in step]
    scans += [step for step in plan if step.endswith("USING INTEGER PRIMARY KEY (rowid>?)")]
    if name not in MAY_LOOK_AT_EVERYTHING:
        assert scans == []
        assert not [step for step in plan if "TEMP B-TREE" in step], plan


def test_the_exceptions_are_statements() -> None:
    assert set(MAY_LOOK_AT_EVERYTHING) <= set(_all())


def test_each_statement_is_described_and_used() -> None:
    text = (HERE / "journal.sql").read_text("ascii")
    source = "".join(path.read_text("utf-8") for path in HERE.glob("*.py"))
    used = set(re.findall(r'"(\w+)"', source)) | {f"{k}_{way}" for k in ("entries", "action") for way in ("up", "down")}
    for part in text.split("-- name: ")[1:]:
        name, comment = part.splitlines()[:2]
        assert comment.startswith("-- "), name
        assert name in used, f"{name} is used nowhere"


def test_no_sql_stands_in_python() -> None:
    for path in HERE.glob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            assert not re.search(r'"(SELECT (?!count\(\*\) FROM sqlite_schema)|INSERT|UPDATE|DELETE|CREATE) ', line), (
                path.name,
                line,
            )


def test_an_insert_for_many_rows_repeats_its_values_and_keeps_the_rest() -> None:
    assert sql_for_rows("insert_outbox", 2).endswith("VALUES (?, ?, ?, ?, ?), (?, ?, ?, ?, ?)")
    many = sql_for_rows("insert_hold", 3)
    assert many.count("(?, ?, ?, ?)") == 3
    assert many.endswith("ON CONFLICT DO NOTHING")


def test_a_list_has_as_many_places_as_asked_for() -> None:
    assert sql_for_list("delete_messages", 3).endswith("IN (?, ?, ?)")
    assert sql_for_list("last_entry", 3) == sql("last_entry")


def test_an_unknown_name_is_a_mistake_in_the_program() -> None:
    with pytest.raises(KeyError):
        sql("no_such_statement")
