"""A destination that is away for days (P12, R13): the backlog costs neither memory nor time, and goes out in order.

5,000 messages here; the million is `make soak`'s. The figures are written to stdout (`pytest -s`).
"""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from hl7calf.service.journal.reader import Reader
from tests.service.doubles import ack, message
from tests.service.stage import Receiver, Stage, control_id, staged, until

MIB = 1024 * 1024
AHEAD = 100


class Figures(NamedTuple):
    """What one fill showed."""

    resident_mib: float
    p99_ms: float
    per_second: float

    def __str__(self) -> str:
        return (
            f"{self.resident_mib:.0f} MiB resident, ack p99 {self.p99_ms:.1f} ms, {self.per_second:.0f} messages/s in"
        )


def resident(stage: Stage) -> float:
    assert stage.process is not None
    status = Path(f"/proc/{stage.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / MIB


def fill(stage: Stage, first: int, last: int) -> float:
    """Send messages by the hundred; return how many a second were accepted."""
    peer = stage.sender()
    began = time.monotonic()
    for start in range(first, last, AHEAD):
        names = [f"B{number}" for number in range(start, min(last, start + AHEAD))]
        peer.send(*(message(name) for name in names))
        for name in names:
            assert f"MSA|AA|{name}".encode() in peer.answer()
    peer.close()
    return (last - first) / (time.monotonic() - began)


def acknowledged_in_ms(stage: Stage, first: int, number: int = 300) -> float:
    """Send messages one by one and return the slowest hundredth's time to the acknowledgment."""
    peer = stage.sender()
    took = []
    for n in range(first, first + number):
        began = time.monotonic()
        assert b"MSA|AA|" in peer.exchange(message(f"B{n}"))
        took.append((time.monotonic() - began) * 1000)
    peer.close()
    return sorted(took)[number * 99 // 100]


def pile_up(folder: Path, number: int, *, noise_ms: float) -> None:
    """Let so many messages wait, and hold the promise; `noise_ms` is what other work on this machine may add."""
    with staged(folder) as stage:
        stage.flags = ()
        stage.start()
        fill(stage, 0, 1000)  # warm
        empty = Figures(resident(stage), acknowledged_in_ms(stage, 1000), 0.0)
        rate = fill(stage, 1300, number - 300)
        full = Figures(resident(stage), acknowledged_in_ms(stage, number - 300), rate)
        sys.stdout.write(f"empty: {empty}\n{number} waiting: {full}\n")
        assert full.resident_mib - empty.resident_mib < 64
        assert full.p99_ms <= 2 * empty.p99_ms + noise_ms
        assert stage.stop() == 0
        began = time.monotonic()
        receiver = Receiver(stage.forward, lambda payload: ack(control_id(payload)))
        try:
            stage.start()
            until(lambda: receiver.payloads, "the first send")
            first = time.monotonic() - began
            sys.stdout.write(f"first send {first:.2f} s after the start\n")
            assert first < 10 + noise_ms / 50
            began, before = time.monotonic(), len(receiver.payloads)
            with Reader(folder / "var") as reader:
                while reader.books().queued:
                    assert time.monotonic() - began < 60 + number / 200
                    time.sleep(0.5)
            out = (number - before) / (time.monotonic() - began)
            sys.stdout.write(f"drained at {out:.0f} messages/s, then {resident(stage):.0f} MiB resident\n")
            assert receiver.ids == [f"B{n}" for n in range(number)]
            assert stage.stop() == 0
        finally:
            receiver.close()


def test_a_backlog_costs_neither_memory_nor_time_and_goes_out_in_order(tmp_path: Path) -> None:
    pile_up(tmp_path, 5_000, noise_ms=250)


@pytest.mark.soak
def test_p12_a_million_messages_wait(tmp_path: Path) -> None:
    pile_up(tmp_path, 1_000_000, noise_ms=5)
