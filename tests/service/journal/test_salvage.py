"""Salvaging a damaged journal (R8): what can be read is kept, nothing is invented, what is doubtful is asked."""

import random
import re
import shutil
import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hl7calf.calf.verdict import Mode
from hl7calf.errors import JournalError, JournalLocked
from hl7calf.service.journal import backup
from hl7calf.service.journal.files import DATABASE
from hl7calf.service.journal.jobs import (
    HELD_FOR_REVIEW,
    MarkDelivered,
    Outcome,
    Park,
    Purge,
    RecordArrival,
    SetMode,
    State,
)
from hl7calf.service.journal.ledger import Ledger
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.salvage import Salvaged, salvage
from hl7calf.service.journal.store import Store
from tests.service.journal.building import DAY_S, T0, arrival, do, opened, payload, record, upgraded

PAGE = 4096


def ordered(name: str, placer: str, **more: Any) -> RecordArrival:
    """An arrival whose bytes name the placer order that its verdict names."""
    return arrival(name, data=payload(name).replace(b"P-1^CPOE", f"{placer}^CPOE".encode()), placer=placer, **more)


def lived_in(folder: Path) -> None:
    """Leave a journal with messages in every state, a log, an order memory, a mode, and a past that was purged."""
    with opened(folder) as store:
        record(store, *[arrival(f"Z{n}", at=T0 - 60 * DAY_S) for n in range(30)])
        for number in range(1, 31):
            do(store, MarkDelivered(number, b"", T0 - 60 * DAY_S))
        while do(store, Purge(T0)).more:
            pass
        record(store, *[ordered(f"A{n}", f"P-{n}") for n in range(40)])
        record(store, *[arrival(f"U{n}", found=upgraded(f"U{n}", f"PU-{n}")) for n in range(10)])
        record(store, *[arrival(f"L{n}", data=payload(f"L{n}", "x" * 30_000)) for n in range(5)])
        record(store, arrival("Q1", forward=False), arrival("Q2", forward=False, quarantine=False))
        for number in range(31, 51):
            do(store, MarkDelivered(number, b"MSA|AA", T0))
        do(store, Park(60, "answered AR", T0, Outcome.REFUSED))
        record(store, ordered("R1", "P-R", park=HELD_FOR_REVIEW), ordered("R2", "P-R"))
        do(store, SetMode(Mode.ANNOTATE, "ada", "a trial", T0))


def put_aside(folder: Path) -> Path:
    """Move the data folder away, as a person does before salvaging it."""
    (folder / "var").rename(folder / "damaged")
    return folder / "damaged"


def salvaged(folder: Path, source: Path | None = None) -> Salvaged:
    return salvage(source or folder / "damaged", folder / "new", node="node-2", user="anna", at=T0 + DAY_S)


def damage(folder: Path, *pages: int) -> None:
    """Overwrite whole pages of a database, from 1 on."""
    path = folder / DATABASE
    data = bytearray(path.read_bytes())
    for page in pages:
        data[(page - 1) * PAGE : page * PAGE] = b"\xff" * PAGE
    path.write_bytes(data)


def payloads(folder: Path) -> dict[int, tuple[bytes, bytes]]:
    """Return all bytes in a journal by number."""
    with Reader(folder) as reader:
        found = [reader.message(line.message_id) for line in reader.messages(limit=10_000)]
        return {one.line.message_id: (one.inbound, one.outbound) for one in found if one is not None}


def states(folder: Path) -> dict[int, tuple[State, bool, str]]:
    with Reader(folder) as reader:
        return {line.message_id: (line.state, line.held_behind, line.why) for line in reader.messages(limit=10_000)}


def test_of_a_whole_journal_everything_is_there_again_and_it_is_paused(tmp_path: Path) -> None:
    lived_in(tmp_path)
    bytes_before, states_before = payloads(tmp_path / "var"), states(tmp_path / "var")
    with Reader(tmp_path / "var") as reader:
        entries, remembered = reader.entries(limit=1000), reader.remembered(b"PU-3^CPOE")
    put_aside(tmp_path)
    found = salvaged(tmp_path)
    assert (found.messages, found.waiting, found.lost, found.doubtful) == (59, 37, [], {})
    assert found.unreadable == 0
    assert payloads(tmp_path / "new") == bytes_before
    assert states(tmp_path / "new") == states_before
    with Reader(tmp_path / "new") as reader:
        assert reader.entries(limit=1000)[: len(entries)] == entries
        assert [one.kind for one in reader.entries(limit=1000)[len(entries) :]] == ["salvaged", "pause"]
        assert reader.remembered(b"PU-3^CPOE") == remembered
        assert (reader.control().mode, reader.control().paused) == (Mode.ANNOTATE, True)
        assert "salvaged" in reader.control().paused_why
        assert all(one.possible_duplicate for one in reader.outbox_head("orders", "orders", 99))
        history = reader.message(31)
        assert history is not None and history.history[-1].outcome == "delivered"
    assert backup.check(tmp_path / "new") == []


def test_numbers_go_on_where_they_were_and_resends_are_still_recognised(tmp_path: Path) -> None:
    lived_in(tmp_path)
    with Reader(tmp_path / "var") as reader:
        last = reader.messages(limit=1000)[-1].message_id
    put_aside(tmp_path)
    salvaged(tmp_path)
    with Store.open(tmp_path / "new", "node-2", at=T0 + DAY_S) as store, Reader(tmp_path / "new") as reader:
        assert do(store, ordered("A39", "P-39")).duplicate_of == 70
        assert record(store, arrival("N1")) == [last + 1]
        assert do(store, ordered("R3", "P-R")).held, "what was parked holds its followers as before"
        assert reader.books().balanced


def test_what_only_the_write_ahead_log_holds_is_found_too(tmp_path: Path) -> None:
    store = opened(tmp_path)
    record(store, *[arrival(f"A{n}") for n in range(50)])
    do(store, MarkDelivered(1, b"", T0))
    shutil.copytree(tmp_path / "var", tmp_path / "damaged")  # as a killed process leaves it
    store.close()
    assert (tmp_path / "damaged" / DATABASE).stat().st_size == PAGE
    found = salvaged(tmp_path)
    assert (found.messages, found.waiting) == (50, 49)
    assert states(tmp_path / "new")[1][0] is State.DELIVERED


def test_without_its_first_page_sqlite_sees_nothing_and_everything_is_found(tmp_path: Path) -> None:
    lived_in(tmp_path)
    before = payloads(tmp_path / "var")
    damage(put_aside(tmp_path), 1)
    connection = sqlite3.connect(tmp_path / "damaged" / DATABASE)
    with pytest.raises(sqlite3.DatabaseError):
        connection.execute("SELECT count(*) FROM message")
    connection.close()
    found = salvaged(tmp_path)
    assert (found.messages, found.lost) == (59, [])
    assert payloads(tmp_path / "new") == before
    assert backup.check(tmp_path / "new") == []


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_torn_nothing_is_invented_and_what_is_whole_is_found(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    lived_in(tmp_path)
    before, states_before = payloads(tmp_path / "var"), states(tmp_path / "var")
    source = put_aside(tmp_path)
    path = source / DATABASE
    whole = path.read_bytes()
    pages = path.stat().st_size // PAGE
    if chance.random() < 0.5:
        damage(source, *chance.sample(range(1, pages + 1), chance.randint(1, pages // 3)))
    else:
        data = bytearray(path.read_bytes())
        for _ in range(chance.randint(1, 400)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
    left = path.read_bytes()
    found = salvaged(tmp_path)
    after, states_after = payloads(tmp_path / "new"), states(tmp_path / "new")
    for number, (inbound, outbound) in after.items():
        assert inbound == before[number][0]
        assert outbound == before[number][1] or number in found.doubtful or states_after[number][0] not in (
            State.QUEUED, State.PARKED,
        )  # fmt: skip
        if number in states_before and states_after[number][0] is State.QUEUED:
            assert states_before[number][0] is State.QUEUED, "nothing goes out that was not to go out"
    assert set(found.lost) <= set(before) - set(after)
    assert not set(found.doubtful) - set(after)
    for number, (inbound, outbound) in before.items():
        changed = b"" if outbound == inbound else outbound
        row = sha256(inbound).digest() + sha256(outbound).digest() + inbound + changed
        if len(inbound) < 1000 and _untouched(whole, left, row):
            assert number in after
    log = [line for line in backup.check(tmp_path / "new") if not line.startswith("log entry")]
    assert log == [], "only the log may have gaps, and it says where"
    with Reader(tmp_path / "new") as reader:
        assert reader.control().paused


def _untouched(before: bytes, after: bytes, row: bytes) -> bool:
    """Tell whether a row, its cell's head and the list of cells of its page stand in the file as they were written."""
    places = [found.start() for found in re.finditer(re.escape(row), before)]
    [at] = [
        place for place in places if before[place - place % PAGE] == 0x0D
    ]  # not what was left when a page was split
    page = at - at % PAGE
    cells = int.from_bytes(before[page + 3 : page + 5], "big")
    spans = ((page, page + 8 + 2 * cells), (at - 20, at + len(row)))
    return all(before[start:end] == after[start:end] for start, end in spans)


def test_a_message_whose_bytes_are_damaged_is_named_and_never_sent(tmp_path: Path) -> None:
    lived_in(tmp_path)
    source = put_aside(tmp_path)
    flip(source, b"|A25|")
    flip(source, b"|A3|")  # delivered: nobody waits for it
    found = salvaged(tmp_path)
    assert found.lost == [56]
    assert 56 not in payloads(tmp_path / "new") and 34 not in payloads(tmp_path / "new")


def flip(folder: Path, part: bytes) -> None:
    """Flip a bit in a stored message."""
    path = folder / DATABASE
    with sqlite3.connect(path) as connection:
        [(number, data)] = connection.execute(
            "SELECT message_id, inbound FROM payload WHERE instr(inbound, ?)", (part,)
        ).fetchall()
        changed = data.replace(b"CANARY", b"CANARX", 1)
        connection.execute("UPDATE payload SET inbound = ? WHERE message_id = ?", (changed, number))
    connection.close()


def test_a_change_that_is_damaged_leaves_the_original_for_a_person(tmp_path: Path) -> None:
    lived_in(tmp_path)
    source = put_aside(tmp_path)
    with sqlite3.connect(source / DATABASE) as connection:
        connection.execute("UPDATE payload SET outbound = CAST(outbound || 'x' AS BLOB) WHERE message_id = 73")
    connection.close()
    found = salvaged(tmp_path)
    assert found.doubtful == {73: "what was made of it is damaged"}
    state, _, why = states(tmp_path / "new")[73]
    assert (state, why) == (State.PARKED, "what was made of it is damaged")
    inbound, outbound = payloads(tmp_path / "new")[73]
    assert inbound == outbound == upgraded("U2", "PU-2").payload


def test_bytes_without_a_record_are_a_question_unless_their_history_says_that_they_were_delivered(
    tmp_path: Path,
) -> None:
    lived_in(tmp_path)
    source = put_aside(tmp_path)
    with sqlite3.connect(source / DATABASE) as connection:
        connection.execute("DELETE FROM message WHERE id IN (35, 60)")
    connection.close()
    found = salvaged(tmp_path)
    assert list(found.doubtful) == [60]
    after = states(tmp_path / "new")
    assert after[35][0] is State.DELIVERED
    assert after[60][0] is State.PARKED and "nobody knows" in after[60][2]
    with Reader(tmp_path / "new") as reader:
        message = reader.message(60)
        assert message is not None
        assert (message.line.route, message.line.envelope.control_id) == ("orders", b"A29")
        assert reader.books().balanced and reader.recount() == reader.books_by_route()


def test_a_row_that_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        record(store, *[arrival(f"A{n}", data=payload(f"A{n}", "y" * 3000)) for n in range(60)])
        for number in range(1, 61):
            do(store, MarkDelivered(number, b"", T0))
        store._connection.execute("DELETE FROM payload; DELETE FROM message; DELETE FROM seen")  # no page given back
        record(store, arrival("B1"))
    assert b"|A7|" in (tmp_path / "var" / DATABASE).read_bytes()
    put_aside(tmp_path)
    assert salvaged(tmp_path).messages == 1


def test_a_journal_in_use_and_one_in_the_way_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        record(store, arrival("A1"))
        with pytest.raises(JournalLocked):
            salvaged(tmp_path, tmp_path / "var")
    (tmp_path / "new").rename(tmp_path / "half")
    put_aside(tmp_path)
    salvaged(tmp_path)
    with pytest.raises(JournalError, match="move it away"):
        salvaged(tmp_path)
    with pytest.raises(JournalError, match="to read"):
        salvage(tmp_path / "nothing", tmp_path / "other", node="n", user="u", at=T0)


def test_the_damaged_files_are_left_as_they_were(tmp_path: Path) -> None:
    lived_in(tmp_path)
    source = put_aside(tmp_path)
    before = {path.name: path.read_bytes() for path in source.iterdir()}
    salvaged(tmp_path)
    assert {path.name: path.read_bytes() for path in source.iterdir()} == before


def test_a_salvage_that_is_ended_half_way_leaves_no_journal_and_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived_in(tmp_path)
    put_aside(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "close", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            salvaged(tmp_path)
    assert (tmp_path / "new" / DATABASE).stat().st_size == 0
    assert salvaged(tmp_path).messages == 59
    assert sorted(path.name for path in (tmp_path / "new").iterdir() if path.stat().st_size) == [DATABASE]


def test_it_is_paused_from_the_first_moment_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lived_in(tmp_path)
    put_aside(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "run", lambda self, jobs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            salvaged(tmp_path)
    with Reader(tmp_path / "new") as reader:
        assert reader.control().paused
