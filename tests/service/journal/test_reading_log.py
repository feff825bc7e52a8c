"""Reading the modification log: filters, paging, and tampering with the file itself, all found (P15)."""

import json
import random
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from hl7calf.calf.verdict import Action
from hl7calf.service.journal import reading_log
from hl7calf.service.journal.files import DATABASE
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, Event, Limits, Purge, Raise
from hl7calf.service.journal.query import Query
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.views import LogFilter
from hl7calf.service.modlog import GENESIS, Anchor
from tests.service.journal.building import DAY_S, T0, arrival, do, opened, order, payload, record, upgraded, verdict


def sequences(entries: list) -> list[int]:  # type: ignore[type-arg]
    return [one.sequence for one in entries]


def test_a_message_without_orders_leaves_no_entry_and_an_order_left_alone_does(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"), arrival("A2", placer="P-1"))
    [entry] = reader.entries()
    assert (entry.kind, entry.control_id, entry.action, entry.message_id) == ("message", "A2", "pass", 2)
    assert entry.content["orders"][0]["gates"] == [{"code": "X7", "why": "no limit is stated"}]
    assert json.loads(entry.body) == entry.content


def test_entries_are_found_by_each_filter(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"), arrival("A2", found=upgraded("A2", "P-2"), route="other", at=T0 + 10))
    do(store, Event("start", T0 + 20, {"version": "1"}))
    record(store, arrival("A1", placer="P-1", at=T0 + 3 * DAY_S, host="192.0.2.9"))
    found = {
        "all": LogFilter(),
        "route": LogFilter(route="other"),
        "action": LogFilter(action="upgrade"),
        "kind": LogFilter(kind="start"),
        "control_id": LogFilter(control_id="A1"),
        "placer": LogFilter(placer="P-1"),
        "placer whole": LogFilter(placer="P-1^CPOE"),
        "placer of another system": LogFilter(placer="P-1^OTHER"),
        "since": LogFilter(since=T0 + 10),
        "until": LogFilter(until=T0 + 10),
        "both": LogFilter(control_id="A1", since=T0 + 1),
        "placer and action": LogFilter(placer="P-2", action="pass"),
        "action and route": LogFilter(action="upgrade", route="orders"),
        "future": LogFilter(since=T0 + 9 * DAY_S),
    }
    up = {name: sequences(reader.entries(wanted)) for name, wanted in found.items()}
    assert up == {
        "all": [1, 2, 3, 4],
        "route": [2],
        "action": [2],
        "kind": [3],
        "control_id": [1, 4],
        "placer": [1, 4],
        "placer whole": [1, 4],
        "placer of another system": [],
        "since": [2, 3, 4],
        "until": [1],
        "both": [4],
        "placer and action": [],
        "action and route": [],
        "future": [],
    }
    assert up == {name: sequences(reader.newest_entries(wanted)) for name, wanted in found.items()}


def test_pages_follow_one_another_and_the_newest_come_last(store: Store, reader: Reader) -> None:
    record(store, *[arrival(f"A{n}", placer="P-1") for n in range(7)])
    assert sequences(reader.entries(after=2, limit=3)) == [3, 4, 5]
    assert sequences(reader.entries(after=5, limit=3)) == [6, 7]
    assert sequences(reader.newest_entries(limit=3)) == [5, 6, 7]
    assert sequences(reader.entries(LogFilter(placer="P-1"), after=2, limit=3)) == [3, 4, 5]
    assert sequences(reader.newest_entries(LogFilter(placer="P-1"), limit=2)) == [6, 7]


def test_entries_stay_in_their_order_when_the_clock_jumps(store: Store, reader: Reader) -> None:
    times = [T0, T0 + 10 * 365 * DAY_S, T0 - 10 * 365 * DAY_S, T0 + 1]
    for number, at in enumerate(times):
        record(store, arrival(f"A{number}", placer="P-1", at=at))
    assert sequences(reader.entries()) == [1, 2, 3, 4]
    assert sequences(reader.entries(LogFilter(since=T0))) == [1, 2, 4]
    assert sequences(reader.entries(LogFilter(placer="P-1"))) == [1, 2, 3, 4]
    assert reader.verify().ok


def test_the_head_of_an_empty_log_is_the_genesis(reader: Reader) -> None:
    assert reader.head() == Anchor(0, GENESIS)
    assert reader.verify().ok


def test_purging_leaves_a_chain_that_can_be_proven(store: Store, reader: Reader) -> None:
    record(store, *[arrival(f"A{n}", placer="P-1") for n in range(10)])
    before = reader.head()
    record(store, arrival("B1", placer="P-9", at=T0 + 100 * DAY_S))
    do(store, Purge(T0 + 100 * DAY_S, Limits(log_age_s=50 * DAY_S), step=4))
    assert sequences(reader.entries()) == [5, 6, 7, 8, 9, 10, 11, 12]
    assert reader.entries()[-1].kind == "purge"
    assert reader.verify(reader.head()).ok
    assert reader.verify(before).ok
    while do(store, Purge(T0 + 100 * DAY_S, Limits(log_age_s=50 * DAY_S), step=4)).entries:
        pass
    assert reader.verify(before).ok
    assert [one.control_id for one in reader.entries(LogFilter(kind="message"))] == ["B1"]


# ------------------------------------------------------------------ tampering with the file


def tampered_log(tmp_path: Path) -> Path:
    """A log of every kind of entry, its head cut by a purge; the service has stopped."""
    with opened(tmp_path) as store:
        record(store, *[arrival(f"A{n}", placer=f"P-{n}") for n in range(12)])
        do(store, Purge(T0 + 99 * DAY_S, Limits(log_age_s=98 * DAY_S), step=4))
        both = verdict(payload("B1"), [order("Q-1"), order("Q-2", Action.ANNOTATE)])
        record(store, arrival("B1", found=both), arrival("B2", found=upgraded("B2", "P-2"), route="other"))
        held = upgraded("B3", "P-3")
        [number] = record(store, arrival("B3", found=verdict(held.payload, [order("P-3", Action.REVIEW)]),
                                         park=HELD_FOR_REVIEW))  # fmt: skip
        do(store, Raise(number, held, "rahel", "seen", T0))
        do(store, Event("mappings", T0, {"digest": "d2"}, user="ada", reason="new table"))
        return store.data_dir


def tamper(connection: apsw.Connection, chance: random.Random) -> str:
    """Make one single change that a person with the file could make; return what it was."""
    numbers = [row[0] for row in connection.execute("SELECT sequence FROM entry ORDER BY sequence")]
    one, other = chance.sample(numbers, 2)
    kind = chance.choice(["flip", "flip", "flip", "flip", "remove", "swap", "insert", "truncate", "column", "placer"])
    if kind == "flip":
        column = chance.choice(["body", "hash"])
        value = bytearray(connection.execute(f"SELECT {column} FROM entry WHERE sequence = ?", (one,)).get)
        place = chance.randrange(len(value) * 8)
        value[place // 8] ^= 1 << place % 8
        connection.execute(f"UPDATE entry SET {column} = ? WHERE sequence = ?", (bytes(value), one))
    elif kind == "remove":
        connection.execute("DELETE FROM entry WHERE sequence = ?", (one,))
    elif kind == "truncate":
        connection.execute("DELETE FROM entry WHERE sequence >= ?", (one,))
        connection.execute("DELETE FROM entry_placer WHERE sequence >= ?", (one,))
    elif kind == "swap":
        for before, after in ((one, -1), (other, one), (-1, other)):
            connection.execute("UPDATE entry SET sequence = ? WHERE sequence = ?", (after, before))
    elif kind == "insert":
        sequence = chance.choice([numbers[0] - 1, numbers[-1] + 1])
        connection.execute(
            "INSERT INTO entry SELECT ?, at, day, kind, route, action, control_id, message_id, body, hash "
            "FROM entry WHERE sequence = ?",
            (sequence, one),
        )
    elif kind == "column":
        column = chance.choice(["at", "day", "kind", "route", "action", "control_id", "message_id"])
        value = {"control_id": b"x", "kind": "x", "route": "x", "action": "x"}.get(column, 70_007)
        connection.execute(f"UPDATE entry SET {column} = ? WHERE sequence = ?", (value, one))
    else:
        change = chance.choice(["DELETE", "UPDATE", "INSERT"])
        rows = connection.execute("SELECT day, placer, sequence FROM entry_placer").fetchall()
        row = chance.choice(rows)
        if change == "DELETE":
            connection.execute("DELETE FROM entry_placer WHERE day = ? AND placer = ? AND sequence = ?", row)
        elif change == "UPDATE":
            connection.execute(
                "UPDATE entry_placer SET placer = x'5A' WHERE day = ? AND placer = ? AND sequence = ?", row
            )
        else:
            connection.execute("INSERT INTO entry_placer VALUES (?, x'5A', ?)", (row[0], chance.choice([row[2], 999])))
    return kind


@pytest.mark.parametrize("changes", [1000, pytest.param(10_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("key", [b"", b"the site's key"], ids=["plain", "keyed"])
def test_random_single_changes_are_all_found(tmp_path: Path, key: bytes, changes: int) -> None:
    data_dir = tampered_log(tmp_path) if not key else keyed_log(tmp_path, key)
    chance = random.Random(20260115 + changes)
    unseen = []
    with Reader(data_dir, hmac_key=key) as reader:
        anchor = reader.head()
        assert reader.verify(anchor).ok
    with closing(apsw.Connection(str(data_dir / DATABASE))) as connection:
        query = Query(connection)
        for number in range(changes):
            connection.execute("SAVEPOINT tampering")
            kind = tamper(connection, chance)
            if reading_log.verify(query, anchor, key).ok:
                unseen.append((number, kind))
            connection.execute("ROLLBACK TO tampering; RELEASE tampering")
        assert unseen == []
        assert reading_log.verify(query, anchor, key).ok


def keyed_log(tmp_path: Path, key: bytes) -> Path:
    with opened(tmp_path, hmac_key=key) as store:
        record(store, *[arrival(f"A{n}", placer=f"P-{n}") for n in range(12)])
        return store.data_dir
