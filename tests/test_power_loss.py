"""Power lost at any moment, with unsynced writes dropped, kept and torn (P1, R2): nothing acknowledged is lost.

The same with `synchronous=NORMAL` must lose, or these tests would prove nothing.
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import apsw
import pytest

from hl7calf.errors import JournalError
from hl7calf.service.journal import backup
from hl7calf.service.journal.jobs import Limits, MarkDelivered, Park, Purge, Recorded, Release, Retry, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.delivery.power import PowerDisk, said, state
from tests.service.journal.building import DAY_S, T0, arrival, upgraded

Told = tuple[State, int]
_numbers = count()


@dataclass
class Found:
    """What was seen over all states."""

    states: int = 0
    lost: list[int] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.states} states: {len(self.lost)} messages lost, {len(self.broken)} files broken, {len(self.wrong)} wrong"


def work(disk: PowerDisk, folder: Path, synchronous: str, chance: random.Random, batches: int) -> None:
    """Record, deliver, park and purge; note each thing that the world is told after the commit."""
    with Store.open(folder, "node-1", at=T0, synchronous=synchronous, vfs=disk.name) as store:
        beside = store.connect_again()
        disk.begin(folder)
        queued: list[int] = []
        for turn in range(batches):
            at = T0 + turn
            names = [f"T{turn}N{n}" for n in range(chance.randint(1, 12))]
            jobs = [
                arrival(name, found=upgraded(name, f"P-{name}"), at=at)
                if chance.random() < 0.2
                else arrival(name, at=at)
                for name in names
            ]
            for answer in store.run(jobs):
                assert isinstance(answer, Recorded)
                queued.append(answer.message_id)
                disk.note((State.QUEUED, answer.message_id))
            done = [queued.pop(0) for _ in range(min(len(queued), chance.randint(0, 9)))]
            store.run([MarkDelivered(number, b"MSA|AA|x", at) for number in done])
            for number in done:
                disk.note((State.DELIVERED, number))
            if queued and chance.random() < 0.1:
                parked = chance.choice(queued)
                store.run([Park(parked, "a test", at)])
                store.run([Release(parked, "anna", "a test", at), Retry(parked, "anna", "a test", at)])
            if chance.random() < 0.3:
                beside.wal_checkpoint(
                    mode=chance.choice([apsw.SQLITE_CHECKPOINT_PASSIVE, apsw.SQLITE_CHECKPOINT_RESTART])
                )
            if chance.random() < 0.05:
                store.run([Purge(at, Limits(log_age_s=20.0, duplicate_age_s=20.0))])
        beside.close()
        disk.end()


def look(files: dict[str, bytes], folder: Path, told: list[Told], found: Found) -> None:
    """Start on what the disk holds, and hold it against what the world was told."""
    folder.mkdir(mode=0o700)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    found.states += 1
    wanted = {number: state_told for state_told, number in told}  # the last word about each
    try:
        with Store.open(folder, "node-1", at=T0 + DAY_S) as store, Reader(folder) as reader:
            assert store.unclean
            for number, wanted_state in wanted.items():
                message = reader.message(number)
                if message is None or (wanted_state is State.DELIVERED and message.line.state is not State.DELIVERED):
                    found.lost.append(number)
                elif not message.intact:
                    found.wrong.append(f"message {number} is damaged")
        found.wrong += backup.check(folder)
    except JournalError as error:
        found.broken.append(str(error))


def states(
    folder: Path, synchronous: str, seed: int, number: int, batches: int = 40
) -> Iterator[tuple[dict[str, bytes], list[Told]]]:
    chance = random.Random(seed)
    disk = PowerDisk(f"power-{next(_numbers)}")
    try:
        work(disk, folder, synchronous, chance, batches)
        for _ in range(number):
            moment = chance.randint(0, len(disk.steps))
            yield state(disk, moment, chance), said(disk, moment)
    finally:
        disk.unregister()


def run(tmp_path: Path, synchronous: str, seeds: range, each: int) -> Found:
    found = Found()
    for seed in seeds:
        for nth, (files, told) in enumerate(states(tmp_path / f"work{seed}", synchronous, seed, each)):
            folder = tmp_path / f"state{seed}-{nth}"
            look(files, folder, told, found)
            for path in folder.iterdir():
                path.unlink()
        sys.stdout.write(f"{synchronous}: {found}\n")  # for -s, after each seed, so that a run cut short says something
    return found


def test_with_full_nothing_acknowledged_is_lost_to_the_power(tmp_path: Path) -> None:
    found = run(tmp_path, "FULL", range(2), 50)
    assert (found.lost, found.broken, found.wrong) == ([], [], []), found


def test_with_normal_acknowledged_messages_are_lost_so_these_tests_can_see_it(tmp_path: Path) -> None:
    found = run(tmp_path, "NORMAL", range(1), 25)
    assert found.lost
    assert (found.broken, found.wrong) == ([], []), found


@pytest.mark.soak
def test_p1_ten_thousand_power_losses(tmp_path: Path) -> None:
    found = run(tmp_path, "FULL", range(100, 200), 100)
    assert (found.states, found.lost, found.broken, found.wrong) == (10_000, [], [], []), found
