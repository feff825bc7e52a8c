import threading
from pathlib import Path

import pytest

from hl7calf.cli.console_journal import StoredJournal
from hl7calf.errors import JournalError
from hl7calf.service.journal.jobs import Event
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.console.browsing import answering
from tests.console.stage import NOW, do


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "var", "node-1", at=NOW)


def test_a_record_is_a_link_of_the_chain_beside_the_running_service(store: Store) -> None:
    journal = StoredJournal(store.data_dir)
    do(store, Event("start", NOW))
    journal.record("reveal", "rahel", "a call", {"what": "message", "message": "7"})
    do(store, Event("stop", NOW + 1))
    with Reader(store.data_dir) as reader:
        entries = reader.entries()
        assert [entry.kind for entry in entries] == ["start", "reveal", "stop"]
        assert entries[1].content["user"] == "rahel"
        assert entries[1].content["node"] == "node-1"
        assert entries[1].content["details"] == {"what": "message", "message": "7"}
        assert reader.verify().ok
    store.close()


def test_many_records_and_the_service_at_once_keep_one_chain(store: Store) -> None:
    def record() -> None:
        journal = StoredJournal(store.data_dir)
        for number in range(40):
            journal.record("reveal", "rahel", "x", {"message": str(number)})

    threads = [threading.Thread(target=record) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(40):
        do(store, Event("note", NOW + number))
    for thread in threads:
        thread.join()
    with Reader(store.data_dir) as reader:
        result = reader.verify()
    assert (result.ok, result.checked) == (True, 120)
    store.close()


def test_a_record_is_possible_when_the_service_does_not_run(store: Store) -> None:
    journal = StoredJournal(store.data_dir)
    store.close()
    journal.record("reveal", "rahel", "x", {})
    with Reader(store.data_dir) as reader:
        assert reader.verify().ok
        assert reader.head().sequence == 1


def test_what_cannot_be_written_is_said(store: Store) -> None:
    journal = StoredJournal(store.data_dir)
    store.close()
    (store.data_dir / "hl7calf.sqlite3").unlink()
    with pytest.raises(JournalError):
        journal.record("reveal", "rahel", "x", {})


def test_the_running_service_is_asked_and_its_words_come_back(store: Store) -> None:
    journal = StoredJournal(store.data_dir)
    with answering(store):
        assert journal.ask("mode", "otto", "odd notes", None, "observe") == (True, "mode is observe")
        done, words = journal.ask("skip", "otto", "x", 99, "")
    assert not done
    assert "no message 99" in words
    store.close()


def test_a_service_that_does_not_run_is_not_waited_for(store: Store) -> None:
    journal = StoredJournal(store.data_dir)
    store.close()
    done, words = journal.ask("mode", "otto", "x", None, "observe")
    assert not done
    assert "will be carried out when it runs" in words


def test_messages_are_listed_by_state(store: Store) -> None:
    journal = StoredJournal(store.data_dir)
    for state in ("parked", "quarantined", "queued"):
        assert journal.messages(state, "orders", 0, 10) == []
    assert journal.message(1) is None
    assert journal.status().running
    store.close()
