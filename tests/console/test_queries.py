from pathlib import Path

import apsw
import pytest

from hl7calf.console import queries
from hl7calf.console.queries import Archive, Wanted
from hl7calf.errors import JournalError
from hl7calf.service.journal.jobs import Event
from tests.console.stage import NOW, Stage, arrival, do, fresh, sample, shipped_tables, vet


@pytest.fixture
def archive(stage: Stage) -> Archive:
    return stage.desk.archive


def sequences(archive: Archive, **wanted: object) -> list[int]:
    return [entry.sequence for entry in archive.log_page(Wanted(**wanted)).entries]  # type: ignore[arg-type]


def test_entries_come_newest_first(archive: Archive) -> None:
    found = sequences(archive)
    assert found == sorted(found, reverse=True)
    assert found[-1] == 1


def test_each_filter_narrows(archive: Archive) -> None:
    assert {e.action for e in archive.log_page(Wanted(action="review")).entries} == {"review"}
    assert all(e.kind == "message" for e in archive.log_page(Wanted(kind="message")).entries)
    assert {e.kind for e in archive.log_page(Wanted(kind="decision")).entries} == {"mode", "parked"}
    assert sequences(archive, route="nowhere") == []
    assert len(sequences(archive, since=NOW - 3 * 3600 - 1)) < len(sequences(archive))
    assert sequences(archive, until=NOW - 100 * 3600) == []
    assert len(sequences(archive, since=NOW - 100 * 3600, until=NOW)) + len(
        sequences(archive, until=NOW - 100 * 3600)
    ) <= len(sequences(archive))


def test_a_gate_is_found_in_any_order(archive: Archive) -> None:
    [entry] = archive.log_page(Wanted(gate="X21")).entries
    assert entry.action == "review"
    assert archive.log_page(Wanted(gate="X99")).entries == ()


def test_a_control_id_and_a_placer_number_are_found_whole_or_by_first_component(archive: Archive) -> None:
    [entry] = archive.log_page(Wanted(control_id="UPG-EPIC-01")).entries
    placer = entry.content["orders"][0]["placer_order_number"]
    assert placer == "E700101^EPC"
    for wanted in ("E700101", "E700101^EPC"):
        assert [e.sequence for e in archive.log_page(Wanted(placer=wanted)).entries] == [entry.sequence]
    assert archive.log_page(Wanted(placer="E70010")).entries == ()
    assert archive.log_page(Wanted(control_id="UPG-EPIC-01", action="pass")).entries == ()
    assert archive.log_page(Wanted(control_id="UPG-EPIC-01", until=0.0)).entries == ()


def test_an_identifier_is_found_by_its_index(archive: Archive) -> None:
    plans: list[str] = []
    archive._connection.exec_trace = lambda cursor, sql, bindings: plans.append(sql) or True
    archive.log_page(Wanted(control_id="UPG-EPIC-01"))
    archive.log_page(Wanted(placer="E700101"))
    archive._connection.exec_trace = None
    for statement in [plan for plan in plans if "days" in plan]:
        plan = " ".join(str(row[3]) for row in archive.rows("EXPLAIN QUERY PLAN " + statement, (0, b"x")))
        assert "SEARCH e USING" in plan, plan


def test_pages_follow_each_other_without_gap_or_repeat(archive: Archive) -> None:
    whole, pages, before = sequences(archive), [], None
    while True:
        page = archive.log_page(Wanted(), before, limit=2)
        pages += [entry.sequence for entry in page.entries]
        if page.older is None:
            break
        before = page.older
    assert pages == whole


def test_a_rare_gate_is_looked_for_a_bounded_time(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_EXAMINED", 3)
    page = archive.log_page(Wanted(gate="X99"))
    assert (page.examined, page.entries) == (3, ())
    assert page.older is not None


def test_more_than_one_stretch_is_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_STRETCH", 2)
    assert len(stage.desk.archive.log_page(Wanted()).entries) == stage.desk.journal.status().head


def test_decisions_are_found_by_kind_and_time(stage: Stage) -> None:
    do(stage.store, Event("review", NOW, {"message": "3"}, user="rahel", reason="fine"))
    assert [e.content["user"] for e in stage.desk.archive.decisions(("review",), NOW - 1)] == ["rahel"]
    assert stage.desk.archive.decisions(("review",), NOW + 1) == []
    assert stage.desk.archive.decisions(("reveal",), 0.0) == []


def test_one_entry_is_read_by_its_number(archive: Archive) -> None:
    entry = archive.entry(1)
    assert entry is not None
    assert entry.kind == "mode"
    assert archive.entry(10**6) is None


def test_an_identifier_with_bytes_that_are_no_utf_8_does_no_harm(stage: Stage) -> None:
    payload = fresh(sample("upgraded/epic-2.5.1-right-calf-xray.hl7"), 9).replace(b"E700101", b"E7\xff0101")
    do(stage.store, arrival(payload, NOW, vet(payload, shipped_tables())))
    assert stage.desk.archive.log_page(Wanted(), limit=1).entries[0].content["orders"]


def test_the_archive_cannot_write(archive: Archive) -> None:
    with pytest.raises(JournalError):
        archive.rows("DELETE FROM entry")


def test_a_journal_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="has the service run there"):
        Archive(tmp_path / "nothing.sqlite3")
    (tmp_path / "other.sqlite3").write_bytes(b"no database at all, but long enough to look like one" * 30)
    with pytest.raises(JournalError):
        Archive(tmp_path / "other.sqlite3").rows("SELECT * FROM entry")


def test_it_reads_the_database_that_apsw_brings() -> None:
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) > (3, 51, 2)  # older ones can corrupt a WAL
