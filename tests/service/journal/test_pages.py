"""A database read by its pages gives the very rows that SQLite gives, also those that overflow, or stand in the WAL."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hl7calf.service.journal.pages import Pages, Row, Value
from hl7calf.service.journal.rubble import recognise

LONG = ["", "x", "y" * 4000, "z" * 4061, "a" * 4062, "b" * 9000, "ü" * 50_000]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "one.sqlite3")
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE numbered (id INTEGER PRIMARY KEY, a, b)")
    connection.execute("CREATE TABLE keyed (k TEXT, n INTEGER, v, PRIMARY KEY (k, n)) WITHOUT ROWID")
    yield connection
    connection.close()


def read(folder: Path) -> list[Row]:
    pages = Pages(folder / "one.sqlite3")
    try:
        return list(pages.rows())
    finally:
        pages.close()


def by_shape(rows: list[Row], numbered: bool, *first: type) -> list[tuple[Value, ...]]:
    return [
        (row.number, *row.values[1:]) if numbered else row.values
        for row in rows
        if (row.number is not None) == numbered and len(row.values) == 3 and isinstance(row.values[0], first)
    ]


def fill(connection: sqlite3.Connection, number: int) -> None:
    values: list[Value] = [None, 0, 1, -1, 127, -128, 32_767, 8_388_607, -(2**31), 2**47, -(2**63), 1.5, b"\x00\xff"]
    with connection:
        for n in range(number):
            row = (2**33 * n - 5, values[n % len(values)], LONG[n % len(LONG)])
            connection.execute("INSERT INTO numbered VALUES (?, ?, ?)", row)
            connection.execute("INSERT INTO keyed VALUES (?, ?, ?)", (LONG[n % len(LONG)], n, values[n % len(values)]))


def rows_of(connection: sqlite3.Connection, table: str) -> list[tuple[Value, ...]]:
    return sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)


def test_every_row_is_read_as_sqlite_reads_it_with_and_without_the_log(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    fill(database, 120)
    for _ in ("all of it in the log", "all of it in the file"):
        found = read(tmp_path)
        assert sorted(by_shape(found, True, type(None)), key=repr) == rows_of(database, "numbered")
        assert sorted(by_shape(found, False, str), key=repr)[:120] == rows_of(database, "keyed")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def test_what_was_deleted_is_not_read_though_it_stands_in_free_pages(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    fill(database, 120)
    with database:
        database.execute("DELETE FROM numbered WHERE id % 2 = 0")
        database.execute("DELETE FROM keyed")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert database.execute("PRAGMA freelist_count").fetchone()[0] > 10
    found = read(tmp_path)
    assert sorted(by_shape(found, True, type(None)), key=repr) == rows_of(database, "numbered")
    assert by_shape(found, False, str) == []


def test_what_was_not_committed_is_not_read(tmp_path: Path, database: sqlite3.Connection) -> None:
    fill(database, 10)
    database.execute("PRAGMA cache_size = 1")
    database.execute("PRAGMA cache_spill = 1")
    database.execute("BEGIN")
    for n in range(300):
        database.execute("INSERT INTO numbered VALUES (?, 'uncommitted', ?)", (10_000 + n, "x" * 3000))
    (tmp_path / "copy").mkdir()
    for path in tmp_path.glob("one.*"):
        shutil.copy(path, tmp_path / "copy")
    assert (tmp_path / "copy" / "one.sqlite3-wal").stat().st_size > 500_000, "spilled into the log"
    assert len(by_shape(read(tmp_path / "copy"), True, type(None))) == 10
    database.rollback()


@pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 5000, b"\xff" * 20_000, b"SQLite format 3\x00" + b"\x0d" * 9000])
def test_a_file_of_anything_is_read_without_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "one.sqlite3").write_bytes(data)
    (tmp_path / "one.sqlite3-wal").write_bytes(data)
    assert [row for row in read(tmp_path) if recognise(row)] == []
