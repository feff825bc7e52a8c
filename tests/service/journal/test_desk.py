"""Requests of other processes, while the service writes."""

import subprocess
import sys
from pathlib import Path

import pytest

from hl7calf.errors import JournalError
from hl7calf.service.journal import desk
from hl7calf.service.journal.jobs import CarryOut
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, do, record


def test_another_process_leaves_a_request_while_the_service_runs(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    assert reader.changed()
    assert not reader.changed()
    script = (
        "import sys; from pathlib import Path; from hl7calf.service.journal import desk\n"
        "print(desk.ask(Path(sys.argv[1]), 'skip', user='ada', reason='r', at=7.0, message_id=1))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(store.data_dir)], capture_output=True, check=True)
    assert reader.changed()
    [request] = reader.requests()
    assert request.request_id == int(done.stdout)
    assert (request.kind, request.message_id, request.user, request.reason, request.at) == ("skip", 1, "ada", "r", 7.0)
    assert do(store, CarryOut(request.request_id, T0)).ok


def test_waiting_ends_with_the_answer(store: Store, reader: Reader) -> None:
    number = desk.ask(store.data_dir, "pause", user="ada", reason="r", at=T0)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            do(store, CarryOut(number, T0))

    answer = desk.wait_for(reader, number, 10.0, sleep)
    assert answer is not None
    assert (answer.ok, answer.message, len(slept)) == (True, "forwarding is paused", 3)


def test_waiting_for_nobody_ends_with_the_time_and_the_request_stays(store: Store, reader: Reader) -> None:
    number = desk.ask(store.data_dir, "pause", user="ada", reason="r", at=T0)
    assert desk.wait_for(reader, number, 0.1, lambda seconds: None) is None
    assert [one.request_id for one in reader.requests()] == [number]


def test_a_service_that_keeps_the_journal_for_a_moment_is_waited_for(store: Store) -> None:
    store._connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="locked"):
        desk.ask(store.data_dir, "pause", user="ada", reason="r", at=T0, busy_timeout_s=0.01)
    store._connection.execute("ROLLBACK")


def test_there_is_nobody_to_ask_where_no_journal_is(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        desk.ask(tmp_path, "pause", user="ada", reason="r", at=T0)


def test_an_unknown_kind_is_a_mistake(store: Store) -> None:
    with pytest.raises(ValueError, match="explode"):
        desk.ask(store.data_dir, "explode", user="ada", reason="r", at=T0)
