"""Killed with -9 under load, at random and at each named step of P1; started again each time (P1, P9, P10, R1).

At the end of a run every message that was acknowledged has arrived, in its order, and again only what was in flight.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hl7calf.service.journal import backup
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import LogEntry, LogFilter
from tests.delivery.launching import STEPS
from tests.delivery.load import Arrived, Destination, Name, Sender, Tally, judge
from tests.service.stage import MAPPINGS, PATIENCE_S, SETTINGS, SRC, free_port, until

LAUNCHER = Path(__file__).with_name("delivery") / "launching.py"
ROUTES = {"fifo": "", "keyed": 'order_by = ["PID-3.1"]\nconnections = 4\n'}
KEYS = {"fifo": 1, "keyed": 3}
SENDERS = 2


class Run:
    """A service that is killed again and again, between senders and a destination that are not."""

    def __init__(self, folder: Path, kind: str, seed: int) -> None:
        self.folder = folder
        self.kind = kind
        self.random = random.Random(seed)
        self.unanswered = random.Random(seed + 1)
        self.destination = Destination(lambda nth: self.unanswered.random() > 0.002)
        self.port = free_port()
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None
        text = SETTINGS.format(
            mode="upgrade", listen=self.port, forward=self.destination.port, ops=free_port(), mappings=f'"{MAPPINGS}"',
            service='node = "node-1"', route=f"ack_timeout_s = 2\n{ROUTES[kind]}",
        )  # fmt: skip
        (folder / "hl7calf.toml").write_text(text)
        self.senders = [Sender(number, self.port, keys=KEYS[kind]) for number in range(SENDERS)]

    def start(self, *steps: str) -> subprocess.Popen[bytes]:
        self.starts += 1
        path = os.pathsep.join([str(SRC.parent), str(SRC)])
        with (self.folder / "stderr.txt").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(LAUNCHER), str(self.folder / "hl7calf.toml"), *steps],
                stderr=errors, cwd=self.folder, env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
        return self.process

    @property
    def acked(self) -> int:
        return sum(sender.acked for sender in self.senders)

    def kill_at(self, step: str, nth: int) -> None:
        """Start it and wait until it has killed itself."""
        process = self.start(step, str(nth))
        assert process.wait(60) == -9, (self.folder / "stderr.txt").read_text()[-2000:]

    def kill_after(self, seconds: float) -> None:
        """Start it and kill it some time after its first acknowledgment, or while it starts."""
        process, before = self.start(), self.acked
        if self.random.random() > 0.1:
            until(lambda: self.acked > before or process.poll() is not None, "an acknowledgment")
        time.sleep(seconds)
        assert process.poll() is None, (self.folder / "stderr.txt").read_text()[-2000:]
        process.kill()
        process.wait(60)

    def finish(self, timeout_s: float = 60) -> Tally:
        """Let everything arrive, stop, and return what came of it."""
        process = self.start()
        for sender in self.senders:
            sender.finish(timeout_s)
        self._wait_for_all()
        time.sleep(0.3)
        process.terminate()
        assert process.wait(60) == 0
        return judge(self.arrived, self.senders, keyed=self.kind == "keyed")

    @property
    def arrived(self) -> list[Arrived]:
        return list(self.destination.arrived)

    def _wait_for_all(self) -> None:
        """Wait until everything has arrived, as long as anything does: a backlog may be as long as it likes."""
        count, at = -1, time.monotonic()
        while not self._all_arrived():
            if self.destination.count > count:
                count, at = self.destination.count, time.monotonic()
            assert time.monotonic() - at < PATIENCE_S, f"nothing arrives any more, after {count}"
            time.sleep(0.05)

    def _all_arrived(self) -> bool:
        names = self.destination.names
        return all(
            Name(number, (sender.acked - 1 - k) % KEYS[self.kind], sender.acked - 1 - k) in names
            for number, sender in enumerate(self.senders)
            for k in range(KEYS[self.kind])
        )

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        for sender in self.senders:
            sender.abandon()
        self.destination.close()


def check(run: Run, tally: Tally) -> None:
    """Hold the promises against a run."""
    lanes = SENDERS * KEYS[run.kind] if run.kind == "keyed" else 1
    resent = sum(sender.resent for sender in run.senders)
    sys.stdout.write(f"{run.kind}: {run.starts} starts, {tally}, {resent} sent again by the senders\n")  # for -s
    assert not tally.lost, tally.lost[:5]
    assert tally.clean, (tally.reordered[:5], tally.altered[:5], tally.invented[:5])
    assert len(tally.duplicated) <= (run.starts + tally.unanswered) * lanes
    assert not [wrong for sender in run.senders for wrong in sender.wrong]
    with Reader(run.folder / "var") as reader:
        books = reader.books()
        assert books.balanced and books.received == books.delivered == tally.messages, books
        assert reader.verify(reader.head()).ok
        marked = sum(entry.kind == "sent-again" for entry in _entries(reader))
    assert marked >= len(tally.duplicated), f"{marked} of {len(tally.duplicated)} duplicates are marked in the log"
    assert backup.check(run.folder / "var") == []


def _entries(reader: Reader) -> list[LogEntry]:
    found: list[LogEntry] = []
    after = 0
    while page := reader.entries(LogFilter(kind="sent-again"), after, 1000):
        found += page
        after = page[-1].sequence
    return found


def crash(folder: Path, kind: str, seed: int, each: int, at_random: int) -> None:
    """Kill at each named step and at random, in mixed order."""
    run = Run(folder, kind, seed)
    try:
        plan: list[str] = [*STEPS * each, *[""] * at_random]
        run.random.shuffle(plan)
        for step in plan:
            if step:
                run.kill_at(step, run.random.randint(1, 3 if step == "purged" else 60))
            else:
                run.kill_after(run.random.expovariate(4))
        check(run, run.finish())
    finally:
        run.close()


@pytest.mark.parametrize(("kind", "seed"), [("fifo", 1), ("keyed", 2)])
def test_nothing_acknowledged_is_lost_overtaken_or_doubled_unmarked(tmp_path: Path, kind: str, seed: int) -> None:
    crash(tmp_path, kind, seed, each=1 if kind == "fifo" else 0, at_random=2)


class Acked:
    """A sender that is finished."""

    def __init__(self, acked: int, keys: int = 1) -> None:
        self.acked = acked
        self.keys = keys


def arrived(*numbers: int, digest: bytes = b"") -> list[Arrived]:
    return [Arrived(Name(0, 0, number), digest, True) for number in numbers]


@pytest.mark.parametrize(
    ("numbers", "lost", "reordered", "duplicated"),
    [((0, 1, 2), 0, 0, 0), ((0, 2), 1, 0, 0), ((0, 2, 1), 0, 1, 0), ((0, 1, 1, 2), 0, 0, 1), ((0, 1, 2, 0), 0, 1, 1)],
)
def test_the_judge_sees_what_is_lost_reordered_and_doubled(
    numbers: tuple[int, ...], lost: int, reordered: int, duplicated: int
) -> None:
    tally = judge(arrived(*numbers), [Acked(3)], keyed=False)
    assert (len(tally.lost), len(tally.reordered), len(tally.duplicated)) == (lost, reordered, duplicated)


def test_the_judge_sees_other_bytes_and_what_was_never_sent() -> None:
    assert judge([*arrived(0), *arrived(0, digest=b"other")], [Acked(1)], keyed=False).altered == [Name(0, 0, 0)]
    assert judge(arrived(0, 1), [Acked(1)], keyed=False).invented == [Name(0, 0, 1)]


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "seed"), [("fifo", 11), ("keyed", 12)])
def test_p1_a_thousand_kills_at_random_and_fifty_at_each_step(tmp_path: Path, kind: str, seed: int) -> None:
    crash(tmp_path, kind, seed, each=25, at_random=500)
