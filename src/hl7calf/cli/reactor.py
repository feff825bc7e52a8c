"""Runs Twisted's reactor for one command and gives back its result.

Law: one run per process. A coroutine's failure comes out as the exception it is; Ctrl-C comes out as
KeyboardInterrupt, so that every command ends alike.
"""

import errno
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hl7calf.cli.endpoints import Address
from hl7calf.cli.failures import Stopped

T = TypeVar("T")


def run_reactor(work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Run `work(reactor)` until it returns.

    Raises:
        KeyboardInterrupt: the person pressed Ctrl-C, or SIGTERM came.
        Exception: whatever the work raised.
    """
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred

    reactor: Any = installed
    outcome: list[tuple[bool, Any]] = []

    async def whole() -> T:
        return await work(reactor)  # a failure before the first await comes out here too

    def start() -> None:
        done = Deferred.fromCoroutine(whole())
        done.addCallbacks(
            lambda value: outcome.append((True, value)), lambda failure: outcome.append((False, failure.value))
        )
        done.addBoth(lambda _: reactor.stop() if reactor.running else None)

    reactor.callWhenRunning(start)
    reactor.run()
    if not outcome:
        raise KeyboardInterrupt
    fine, value = outcome[0]
    if fine:
        result: T = value
        return result
    raise value


def cannot_connect(address: Address, error: Exception) -> Stopped:
    """Return what to say when a connection was not made: to whom, why, and who must act."""
    return Stopped(f"{address}: no connection: {why_lost(error)}.")


def cannot_listen(address: Address, error: Exception) -> Stopped:
    """Return what to say when an address could not be taken."""
    code = getattr(getattr(error, "socketError", error), "errno", None)
    if code == errno.EADDRINUSE:
        return Stopped(f"{address}: another program listens there; stop it or choose another port.")
    if code == errno.EACCES:
        return Stopped(f"{address}: no right to listen there; ports under 1024 need privileges.")
    if code == errno.EADDRNOTAVAIL:
        return Stopped(f"{address}: this machine does not have that address; use one of its own, or 127.0.0.1.")
    return Stopped(f"{address}: cannot listen there ({type(error).__name__}).")


def why_lost(error: BaseException | None) -> str:
    """Return why a connection failed, in plain words and with what to look at."""
    from twisted.internet import error as net

    match error:
        case net.ConnectionRefusedError():
            return "nobody listens there (refused); start the receiver or correct the port"
        case net.TimeoutError():
            return "no answer in time; a firewall, a wrong address, or the machine is down"
        case net.DNSLookupError():
            return "the host name is not known; correct it or ask who runs the name service"
        case net.NoRouteError():
            return "there is no route to that network"
        case net.ConnectionDone():
            return "the other side closed the connection"
        case net.ConnectionLost():
            return "the connection broke"
    if error is not None and type(error).__module__.startswith(("OpenSSL", "service_identity")):
        return _tls_reason(error)
    return f"{type(error).__name__}"


def _tls_reason(error: BaseException) -> str:
    """Return why TLS failed; OpenSSL's own words are names of reasons and hold no message text."""
    if type(error).__module__.startswith("service_identity"):
        return "the certificate is not for this name; give --tls-name or have it issued anew"
    words = [entry[-1] for entry in error.args[0]] if error.args and isinstance(error.args[0], list) else []
    told = ", ".join(str(word) for word in words) or "handshake failed"
    return f"TLS was refused: {told}; compare certificate, authority and TLS version on both sides"
