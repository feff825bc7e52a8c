"""A time of day that jumps under the running service (P21, R10): by ten years, by an hour, every second.

What must not change: the order, the pauses between attempts, what is kept, the chain of the log, and the stop.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from hl7calf.service.journal import backup
from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from tests.conftest import require_service
from tests.delivery.faketime import LIBRARY, at_time, set_ahead
from tests.service.doubles import ack, message
from tests.service.stage import Receiver, Stage, control_id, msa, staged, until

TEN_YEARS_S = 315_576_000.0
HOUR_S = 3600.0
OFTEN = "import hl7calf.service.watch as watch; watch._PURGE_EVERY_S = 0.2\n"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.2  # as the stage sets them
MESSAGES = 150


class Refusing:
    """A destination that refuses every tenth message twice; it notes when each attempt came."""

    def __init__(self, port: int) -> None:
        self.attempts: defaultdict[str, list[float]] = defaultdict(list)
        self.receiver = Receiver(port, self._answer)

    def _answer(self, payload: bytes) -> bytes:
        name = control_id(payload)
        self.attempts[name].append(time.monotonic())
        refused = int(name[1:]) % 10 == 0 and len(self.attempts[name]) < 3
        return ack(name, "AE" if refused else "AA")

    @property
    def order(self) -> list[str]:
        """The control IDs as they came, attempts in a row once."""
        ids = self.receiver.ids
        return [name for place, name in enumerate(ids) if not place or ids[place - 1] != name]

    def pauses(self) -> Iterator[float]:
        for times in self.attempts.values():
            yield from (after - before for before, after in pairwise(times))


def jump(folder: Path, ended: threading.Event) -> None:
    """Set the clock forward and back, and let it step every second, until the test has seen enough."""
    while True:
        for ahead_s in (TEN_YEARS_S, -TEN_YEARS_S, HOUR_S, 0.0, -HOUR_S, *range(1, 6)):
            set_ahead(folder, ahead_s)
            if ended.wait(0.15):
                return


def test_p21_jumps_change_time_stamps_and_nothing_else(tmp_path: Path) -> None:
    require_service("faketime", LIBRARY)
    with staged(tmp_path, service="retention_days = 1") as stage:
        stage.prelude, stage.flags = OFTEN, ()
        stage.environment = at_time(tmp_path, 0.0)
        destination = Refusing(stage.forward)
        ended = threading.Event()
        jumping = threading.Thread(target=jump, args=(tmp_path, ended))
        stage.start()
        set_ahead(tmp_path, TEN_YEARS_S)
        until(lambda: "S_CLOCK" in stage.codes, "the jump is seen")
        jumping.start()
        try:
            peer = stage.sender()
            for n in range(MESSAGES):
                assert msa(peer.exchange(message(f"J{n}"))) == ("AA", f"J{n}")
                ended.wait(0.02)
            until(lambda: len(destination.order) == MESSAGES, "everything arrives")
            until(lambda: stage.metric("delivered_total") == MESSAGES)
        finally:
            ended.set()
            jumping.join()
            destination.receiver.close()
        assert stage.stop() == 0
        assert destination.order == [f"J{n}" for n in range(MESSAGES)]
        pauses = list(destination.pauses())
        assert len(pauses) == 2 * MESSAGES // 10
        assert min(pauses) >= FIRST_PAUSE_S / 2 and max(pauses) < LONGEST_PAUSE_S + 10, "no flood, and no stop"
    _hold_the_store(tmp_path)


def _hold_the_store(folder: Path) -> None:
    with Reader(folder / "var") as reader:
        kept = reader.messages(State.DELIVERED, limit=1000)
        times = [line.received_at for line in kept]
        assert max(times) - min(times) > 19 * TEN_YEARS_S / 10, "the clock did jump"
        assert len(kept) == MESSAGES, "a jump by ten years makes no message old"
        assert reader.books().balanced and reader.verify(reader.head()).ok
    assert backup.check(folder / "var") == []


def test_p21_a_queue_left_in_the_future_or_the_past_goes_out_at_once_after_a_restart(tmp_path: Path) -> None:
    require_service("faketime", LIBRARY)
    with staged(tmp_path) as stage:
        stage.flags = ()
        for name, ahead_s in (("J0", TEN_YEARS_S), ("J1", -TEN_YEARS_S), ("J2", 0.0)):
            stage.environment = at_time(tmp_path, ahead_s)
            stage.start()
            accept_and_fail(stage, name)
            assert stage.stop() == 0
        stage.environment = {}
        stage.start()
        receiver = Receiver(stage.forward)
        try:
            until(lambda: len(receiver.ids) == 3)
            assert receiver.ids == ["J0", "J1", "J2"]
            assert stage.stop() == 0
        finally:
            receiver.close()


def accept_and_fail(stage: Stage, name: str) -> None:
    """Have a message accepted, and tried in vain, so that its next attempt is noted in the journal."""
    assert msa(stage.sender().exchange(message(name))) == ("AA", name)
    with Reader(stage.folder / "var") as reader:
        until(lambda: reader.lanes("orders")[0].next_attempt_at > 0 or reader.lanes("orders")[0].why, "an attempt")
