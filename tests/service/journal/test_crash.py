"""Killed at a named step (P1, P10, R1): nothing acknowledged is lost, nothing is sent twice but what was in flight.

The named steps of the journal: begin, insert, commit entered, commit returned; recording, marking and purging go
through them in turn, so that the nth time hits each of them. The whole figure of P1 is `make soak`'s.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hl7calf.service.journal import backup
from hl7calf.service.journal.jobs import MarkDelivered, Recorded
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import DAY_S, T0, arrival, do

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("crashing.py")
STEPS = ["begin", "insert", "commit entered", "commit returned"]


def run_until_killed(folder: Path, step: str, nth: int) -> tuple[list[str], list[str]]:
    """Return what was acknowledged and what was sent before the kill."""
    path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), step, str(nth)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return [name for what, name in lines if what == "ack"], [name for what, name in lines if what == "sent"]


def drain(store: Store, reader: Reader) -> list[tuple[str, bool]]:
    """Send all that is left, as the forwarder would; return control IDs and whether they were marked as maybe sent."""
    sent = []
    while heads := reader.outbox_head("orders", "orders"):
        sent.append((heads[0].control_id.decode(), heads[0].possible_duplicate))
        do(store, MarkDelivered(heads[0].message_id, b"", T0))
    return sent


@pytest.mark.parametrize("nth", [13, 14, 15, 16])  # a recording, two markings and a purge, in the fourth turn
@pytest.mark.parametrize("step", STEPS)
def test_nothing_acknowledged_is_lost_and_only_what_was_in_flight_goes_twice(
    tmp_path: Path, step: str, nth: int
) -> None:
    folder = tmp_path / "var"
    acked, sent = run_until_killed(folder, step, nth)
    assert acked
    with Store.open(folder, "node-1", at=T0 + DAY_S) as store, Reader(folder) as reader:
        assert store.unclean
        books = reader.books()
        assert books.balanced
        assert books.received - len(acked) in (0, 3)
        rest = drain(store, reader)
        everything = sent + [name for name, _ in rest]
        assert set(acked) <= set(everything)
        twice = [name for name, count in Counter(everything).items() if count > 1]
        assert len(twice) <= 1
        assert twice == [name for name, marked in rest if marked and name in sent]
        assert [name for name, _ in rest] == sorted((name for name, _ in rest), key=lambda name: int(name[1:]))
        assert reader.verify(reader.head()).ok
    assert backup.check(folder) == []


def test_what_was_recorded_without_an_answer_is_recognised_when_it_comes_again(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    acked, _ = run_until_killed(folder, "commit returned", 5)  # a turn has four transactions: the second recording
    with Store.open(folder, "node-1", at=T0) as store, Reader(folder) as reader:
        received = reader.books().received
        assert received == len(acked) + 3
        unanswered = [f"A{n}" for n in range(received - 3, received)]
        again = store.run([arrival(name, placer=f"P-{name}", at=T0 + 99) for name in unanswered])
        assert [isinstance(one, Recorded) and one.duplicate_of is not None for one in again] == [True] * 3
        assert reader.books().received == received


def test_a_kill_within_the_migration_leaves_a_file_that_the_next_start_can_use(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    run_until_killed(folder, "migrating", 1)
    with Store.open(folder, "node-1", at=T0) as store, Reader(folder) as reader:
        do(store, arrival("A1"))
        assert reader.books().received == 1
