"""What a row of a damaged journal is, and when it is believed."""

from hashlib import sha256

import pytest

from hl7calf.service.journal.pages import Row
from hl7calf.service.journal.rubble import Found, recognise
from hl7calf.service.modlog import DAY_US, entry_hash

AT = 20_454 * DAY_US + 5
MESSAGE = (
    None, "orders", "orders", "queued", AT // DAY_US, AT, None, "h", 1, b"", b"", b"", b"", "ORM^O01", b"A1", "2.5.1",
    "pass", "[]", "", "", "AA", b"", 0, 3,
)  # fmt: skip


def table(row: Row) -> str:
    found = recognise(row)
    return found.table if found else ""


def changed(values: tuple[object, ...], place: int, value: object) -> Row:
    return Row(7, (*values[:place], value, *values[place + 1 :]))  # type: ignore[arg-type]  # any cell may be replaced


def test_a_record_is_believed_when_its_columns_agree() -> None:
    assert recognise(Row(7, MESSAGE)) == Found("message", (7, *MESSAGE[1:]))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (3, "queved"),
        (3, "delivered"),
        (4, 5),
        (5, AT + DAY_US),
        (6, AT),
        (17, "[}"),
        (17, "{}"),
        (1, b"orders"),
        (22, "0"),
    ],
)
def test_and_is_not_when_they_do_not(place: int, value: object) -> None:
    assert table(changed(MESSAGE, place, value)) == ""


def test_bytes_are_believed_by_their_checksums() -> None:
    one, other = sha256(b"in").digest(), sha256(b"out").digest()
    assert recognise(Row(7, (None, one, one, b"in", None))) == Found("payload", (7, one, one, b"in", None))
    assert recognise(Row(7, (None, one, other, b"in", b"out"))) == Found("payload", (7, one, other, b"in", b"out"))
    assert table(Row(7, (None, one, one, b"In", None))) == ""
    half = recognise(Row(7, (None, one, other, b"in", b"ouT")))
    assert half is not None and half.values == (7, one, one, b"in", None) and half.doubt


def test_an_entry_is_believed_by_its_hash_alone() -> None:
    body = b'{"sequence":7}'
    row = (None, AT, AT // DAY_US, "mode", "", "", b"", None, body)
    assert table(Row(7, (*row, entry_hash(body)))) == "entry"
    assert table(Row(7, (*row[:-1], b'{"sequence":8}', entry_hash(body)))) == ""
    assert recognise(Row(7, (*row, entry_hash(body, b"key"))), b"key") is not None


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (Row(7, (None, "orders", "orders", 0, 1, 0, 0, 0, "")), "outbox"),
        (Row(7, (None, AT, b"A1", sha256(b"").digest())), "seen"),
        (Row(7, (None, AT, b"A1", b"short")), ""),
        (Row(None, (7, 1, AT, AT, 1, "delivered", "", "AA", b"", "")), "history"),
        (Row(None, ("orders", b"PP-1", 7, 0)), "hold"),
        (Row(None, (b"P-1", "[]", "[]", "calf", b"A1", AT)), "remembered"),
        (Row(None, (b"P-1", "[", "[]", "calf", b"A1", AT)), ""),
        (Row(None, ("mode", "observe", "ada", "r", AT)), "control"),
        (Row(None, ("orders", AT, "refused", "why", 7)), ""),
        (Row(None, ("orders", "received", 3)), ""),
        (Row(3, ("table", "message", "message", 3, "CREATE TABLE message (...)")), ""),
    ],
)
def test_a_row_says_by_its_shape_where_it_belongs(row: Row, name: str) -> None:
    assert table(row) == name
