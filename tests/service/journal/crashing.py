"""A service that is killed: records, delivers and purges until the named step comes up for the nth time.

Run as `python crashing.py FOLDER STEP NTH`. Writes `ack CONTROL-ID` and `sent CONTROL-ID`, each in one unbuffered
write, after the commit that allows it, as the listener and the forwarder would.
"""

import os
import signal
import sys
from pathlib import Path

from hl7calf.service.journal.jobs import Limits, MarkDelivered, Purge
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import DAY_S, T0, arrival


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


def main(folder: str, wanted: str, nth: str) -> None:
    left = [int(nth)]

    def failpoint(step: str) -> None:
        if step == wanted:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    store = Store.open(Path(folder), "node-1", at=T0, failpoint=failpoint)
    reader = Reader(store.data_dir)
    limits = Limits(message_age_s=DAY_S, log_age_s=DAY_S)
    first = reader.books().received
    for turn in range(10_000):
        names = [f"A{first + 3 * turn + n}" for n in range(3)]
        store.run([arrival(name, placer=f"P-{name}", at=T0 + turn * DAY_S / 4) for name in names])
        for name in names:
            say(f"ack {name}")
        for queued in reader.outbox_head("orders", "orders", 2):
            say(f"sent {queued.control_id.decode()}")
            store.run([MarkDelivered(queued.message_id, b"MSA|AA", T0 + turn * DAY_S / 4)])
        store.run([Purge(T0 + turn * DAY_S / 4, limits, step=2)])


if __name__ == "__main__":
    main(*sys.argv[1:])
