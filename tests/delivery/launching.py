"""Runs the service as `hl7calf serve` does, and kills it at a named step of P1 when that comes up for the nth time.

Run as `python launching.py SETTINGS [STEP NTH [SYNCHRONOUS]]`. The steps of the store are its failpoints; the others
are the service's own methods, wrapped here, so that the code under test knows nothing of it. Finished messages are
purged after half a second, twice a second, so that purging is under way all the time.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import tcp

from hl7calf.app import building, foreground
from hl7calf.config import load_settings
from hl7calf.service import watch
from hl7calf.service.destination import Destination
from hl7calf.service.events import JsonLines
from hl7calf.service.forwarder import Forwarder
from hl7calf.service.journal.batch import Batch
from hl7calf.service.journal.jobs import Limits, Purge
from hl7calf.service.peer import MllpPeer
from hl7calf.service.reception import Reception
from hl7calf.service.window import Window

STEPS = (
    "received", "framed", "begin", "insert", "commit entered", "commit returned",
    "ack written", "picked", "sent", "ack read", "marked", "purged",
)  # fmt: skip
PURGED_AFTER_S = 0.5


class Killer:
    """Counts how often the step came up."""

    def __init__(self, step: str, nth: int) -> None:
        self.step = step
        self.left = nth

    def __call__(self, step: str) -> None:
        if step == self.step:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def before(kind: type, name: str, step: str, at: Callable[[str], None]) -> None:
    """Come up before a method does anything."""
    real = getattr(kind, name)

    def wrapped(self: Any, *args: Any, **more: Any) -> Any:
        at(step)
        return real(self, *args, **more)

    setattr(kind, name, wrapped)


def after(kind: type, name: str, at: Callable[[Any, Any, Any], None]) -> None:
    """Come up after a method has done what it does; `at` gets its object, first argument and result."""
    real = getattr(kind, name)

    def wrapped(self: Any, *args: Any) -> Any:
        result = real(self, *args)
        at(self, args[0] if args else None, result)
        return result

    setattr(kind, name, wrapped)


def arm(at: Callable[[str], None]) -> None:
    """Wrap what is not the store's."""

    def written(connection: Any, data: Any, count: Any) -> None:
        if isinstance(connection.protocol, MllpPeer):
            at("ack written")
        elif isinstance(connection, tcp.BaseClient):
            at("sent")

    before(MllpPeer, "dataReceived", "received", at)
    before(Reception, "take", "framed", at)
    before(Destination, "dataReceived", "ack read", at)
    before(Forwarder, "_marked", "marked", at)
    after(tcp.Connection, "writeSomeData", written)
    after(Window, "take", lambda window, now, item: at("picked") if item is not None else None)
    after(Batch, "run", lambda batch, jobs, _: at("purged") if any(isinstance(j, Purge) for j in jobs) else None)


def purge_all_the_time() -> None:
    """Make forgetting a matter of a second instead of a month."""
    module: Any = watch
    module._PURGE_EVERY_S = PURGED_AFTER_S
    made: Any = building
    made.Limits = lambda **_: Limits(message_age_s=PURGED_AFTER_S)


def main(settings: str, step: str = "", nth: str = "0", synchronous: str = "FULL") -> int:
    from twisted.internet import reactor
    from twisted.logger import globalLogBeginner

    path = Path(settings)
    read = load_settings(path)
    foreground.go_by_monotonic_time(reactor)
    sys.setswitchinterval(foreground.SWITCH_INTERVAL_S)
    globalLogBeginner.beginLoggingTo(
        [JsonLines(sys.stderr, read.service.log_level)], redirectStandardIO=False, discardBuffer=True
    )
    at = Killer(step, int(nth))
    if step:
        arm(at)
    purge_all_the_time()
    service = building.build(
        read, reactor, halt=os._exit, reread=lambda: load_settings(path), synchronous=synchronous, failpoint=at
    )
    foreground.run(service, reactor)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
