"""Runs the console: one port, one worker thread, until a signal ends it.

Law: the reactor thread never reads the journal and never hashes a password; the worker thread does both.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from hl7calf.console.app import build_console
from hl7calf.console.desk import Desk
from hl7calf.console.visit import Answer


def run(desk: Desk, listen: str, say: Callable[[str], None], reactor: Any = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Args:
        listen: a Twisted endpoint string.
        say: tells the person who started it where to go.
    """
    if reactor is None:
        from twisted.internet import reactor
    pool = ThreadPool(minthreads=1, maxthreads=1, name="console pages")
    pool.start()
    reactor.addSystemEventTrigger("after", "shutdown", pool.stop)
    codes: list[int] = []

    def in_worker(draw: Callable[[], Answer]) -> "Deferred[Answer]":
        return deferToThreadPool(reactor, pool, draw)

    def failed(failure: Any) -> None:
        say(f"cannot listen on {listen}: {failure.type.__name__}. Is another console running there?")
        codes.append(1)
        reactor.callWhenRunning(reactor.stop)

    def listening(port: Any) -> None:
        say(f"The console answers at {desk.options.origins[0]}/ ({port.getHost()}). Ctrl-C ends it.")

    site = build_console(desk, in_worker)
    serverFromString(reactor, listen).listen(site).addCallbacks(listening, failed)
    reactor.run()
    return codes[0] if codes else 0
