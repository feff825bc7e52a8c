"""Runs the service as a process of its own, the way systemd wants it.

Law: log lines go to stderr as JSON; SIGTERM and Ctrl-C drain and exit 0; SIGHUP reloads; a failed disk ends the
process at once with 75, before anything more is acknowledged.
"""

import gc
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from twisted.logger import globalLogBeginner

from hl7calf.app.building import BROKEN, Hl7calf, build
from hl7calf.config import load_settings
from hl7calf.service.events import JsonLines

SWITCH_INTERVAL_S = 0.0005
"""How long a vetting thread may keep the reactor waiting; Python's 5 ms would be added to every call of the reactor
into the system while an order is vetted."""

__all__ = ["BROKEN", "serve"]


def serve(path: Path) -> int:
    """Run the service with this settings file until a signal; return the exit code.

    Raises:
        SettingsError, MappingError, JournalError, TlsFiles: before anything was started.
    """
    from twisted.internet import reactor as installed  # importing it installs it

    reactor: Any = installed
    settings = load_settings(path)
    go_by_monotonic_time(reactor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold messages (S18)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    globalLogBeginner.beginLoggingTo(
        [JsonLines(sys.stderr, settings.service.log_level)], redirectStandardIO=False, discardBuffer=True
    )
    ended: list[int] = []

    def halt(code: int) -> None:
        """A broken disk ends the process here and now; a failed start in good order."""
        if code == BROKEN:
            sys.stderr.flush()
            os._exit(code)
        if not ended:
            reactor.callLater(0, reactor.stop)
        ended.append(code)

    service = build(settings, reactor, halt=halt, reread=lambda: load_settings(path))
    run(service, reactor)
    return ended[0] if ended else 0


def run(service: Hl7calf, reactor: Any) -> None:
    """Run a built service in a reactor that is not running yet."""
    reload_at_sighup(service, reactor)
    gc.freeze()  # tables and modules stay: looking through them for garbage would hold everybody up for 0.1 s
    gc.enable()
    reactor.callWhenRunning(service.startService)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()


def reload_at_sighup(service: Hl7calf, reactor: Any) -> None:
    """Have SIGHUP reload mappings, mode and policy."""

    def hang_up(number: int, frame: object) -> None:
        reactor.callFromThread(service.reload)

    signal.signal(signal.SIGHUP, hang_up)


def go_by_monotonic_time(reactor: Any) -> None:
    """Make a reactor's timers immune to steps of the wall clock; before anything is scheduled."""
    reactor.seconds = time.monotonic
