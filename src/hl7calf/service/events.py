"""The operational log: one JSON object a line on stderr, each with a stable event code.

Law: an event carries codes, counts, offsets, sizes, names out of the settings and addresses of peers; never
text of a payload, nor of an exception, which may quote one (P16, S18). Everything beyond ASCII and every
control character is escaped (S8). A log that cannot be written is counted, it never stops the service (R17).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any

from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

EVENTS: Mapping[str, str] = {
    "S_START": "the service started",
    "S_STOP": "the service stops: no new frames, what is in flight is finished",
    "S_STOPPED": "the service has stopped",
    "S_LISTEN": "a route listens",
    "S_LISTEN_FAILED": "a route's address could not be taken; the process ends",
    "S_RELOAD": "mappings, policy and mode were read anew",
    "S_RELOAD_REFUSED": "the new settings or mappings are wrong; the old ones stay",
    "S_MODE": "the mode changed",
    "S_POLICY_LAPSED": "the policy does not allow upgrade now; notes only",
    "S_PAUSED": "forwarding was paused",
    "S_RESUMED": "forwarding was resumed",
    "S_UNCLEAN": "the last stop was not clean; the store was checked",
    "S_REQUEST": "a request from the command line or console was carried out",
    "S_STALL": "the reactor was blocked",
    "S_CLOCK": "the time of day jumped; nothing is forgotten for its age until the clock has run evenly for a day",
    "S_NO_FILES": "few file descriptors are left; new connections are turned away when none is",
    "S_LOG_DROPPED": "events were lost because stderr could not be written",
    "S_UNEXPECTED": "an error nobody caught; type and place only",
    "C_OPEN": "a peer connected",
    "C_CLOSED": "a peer's connection ended",
    "C_NOT_ALLOWED": "a peer outside the allow-list was turned away",
    "C_TOO_MANY": "a peer was turned away: too many connections on the listener",
    "C_TOO_MANY_FROM_ADDRESS": "a peer was turned away: too many connections from its address",
    "C_REPLACED": "a stale connection was closed to let the same peer in again",
    "C_DEAD_PEER": "the connection of a silent peer broke: cable, firewall or its machine",
    "C_CERTIFICATE_EXPIRES": "a certificate of this route ends within 30 days",
    "C_IDLE": "a silent connection was closed",
    "C_NO_FIRST_BYTE": "a new connection that sent nothing was closed",
    "C_PAUSED": "reading from peers was paused: the store is behind",
    "C_RESUMED": "reading from peers was resumed",
    "C_NO_ROOM": "the largest unfinished frame was cut off: all unfinished frames together were too large",
    "C_TLS_REFUSED": "a TLS handshake failed",
    "F_SLOW": "a frame did not end in time",
    "F_TOLERATED": "a framing oddity was tolerated",
    "F_FAULT": "a frame could not be taken",
    "H_REFUSED": "a message could not be read and was kept in quarantine",
    "H_QUARANTINED": "a message was kept in quarantine within a day, and nobody has decided about it",
    "H_TRAINING": "a message for training or debugging came in (MSH-11)",
    "A_ACK_UNDELIVERED": "the peer left before its acknowledgment; the message is stored",
    "A_RELAY_LATE": "the destination did not answer while the sender was held",
    "V_SLOW": "vetting took longer than its budget",
    "V_TIMEOUT": "vetting took too long; the original goes on",
    "V_FAILED": "vetting failed; the original goes on",
    "V_INEXACT": "a change was more than it declared; the original goes on",
    "V_RULE_OFF": "the rule failed repeatedly and is off; everything goes on unchanged",
    "V_RULE_ON": "the rule is on again",
    "V_REVIEW": "an order needs a person's look",
    "J_FULL": "the store has no room; peers are answered AE",
    "J_BROKEN": "a sync failed or the store is damaged; the process ends",
    "J_ROOM": "the store takes messages again",
    "J_STALLED": "a commit takes too long",
    "J_UNBALANCED": "the books do not balance",
    "D_CONNECTED": "the destination is connected",
    "D_UNREACHABLE": "the destination cannot be reached",
    "D_LOST": "the destination closed the connection",
    "D_STRAY": "the destination sent something nobody waits for",
    "D_UNANSWERED": "the destination closed the connection before its answer; the message may have arrived",
    "D_MISMATCH": "the destination acknowledged another message",
    "D_GARBLED": "the destination's answer is no acknowledgment",
    "D_REFUSED": "the destination refused a message",
    "D_HELD": "an order for review waited its time and goes on unchanged",
    "D_PARKED": "a message was parked",
    "D_SKIPPED": "a message was given up as on_nack says",
    "D_DAMAGED": "a stored message does not match its checksum; it was parked",
    "D_OVERDUE": "a message has waited too long",
    "L_SYSLOG_CONNECTED": "the syslog server is connected; audit messages are sent",
    "L_SYSLOG_UNREACHABLE": "the syslog server could not be reached; it is tried again",
    "L_SYSLOG_GONE": "the connection to the syslog server ended; what may be lost is sent again",
    "L_SYSLOG_LOST": "no syslog server for 60 s; audit messages wait in the log",
    "D_POISONED": "unanswered messages were parked in a row; the lane waits now",
}

_LEVELS = [LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical]
_log = Logger(namespace="hl7calf")

Detail = str | int | float | bool | None


def emit(code: str, level: str = "info", /, **details: Detail) -> None:
    """Log one event.

    Args:
        code: one of `EVENTS`.
        level: debug | info | warn | error | critical.
        details: numbers, codes and names only.
    """
    assert code in EVENTS, code
    _log.emit(LogLevel.levelWithName(level), "{code}", code=code, details=details)


@implementer(ILogObserver)
class JsonLines:
    """Writes events as JSON lines. Of a foreign event (Twisted's own) only its template, of a failure only its place.

    Args:
        stream: a text stream, stderr in the service.
        least: the lowest level written.
    """

    def __init__(self, stream: IO[str], least: str = "info") -> None:
        self._stream = stream
        self._least = _LEVELS.index(LogLevel.levelWithName(least))
        self.dropped = 0

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Write one event, if its level is high enough."""
        level = event.get("log_level", LogLevel.info)
        own = event.get("log_namespace") == "hl7calf" and "code" in event
        rank = _LEVELS.index(level)
        if rank < self._least or (not own and rank < _LEVELS.index(LogLevel.warn)):
            return
        line = {"time": _iso(event.get("log_time", 0.0)), "level": level.name}
        lost = {**line, "level": "error", "event": "S_LOG_DROPPED", "events": self.dropped}
        line |= {"event": event["code"], **event["details"]} if own else _foreign(event)
        try:
            if self.dropped:
                self._stream.write(json.dumps(lost) + "\n")
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()
            self.dropped = 0
        except (OSError, ValueError):  # a closed or full stream: nothing can be said about it there
            self.dropped += 1


def _foreign(event: Mapping[str, Any]) -> dict[str, Detail]:
    described: dict[str, Detail] = {
        "event": "S_UNEXPECTED",
        "from": str(event.get("log_namespace", "")),
        "format": str(event.get("log_format", "")),
    }
    failure = event.get("log_failure") or event.get("failure")  # the latter from Twisted's old logging
    if failure is not None:
        described["error"] = error_name(failure)
        described["at"] = where(failure)
    return described


def error_name(failure: Failure) -> str:
    """Return the name of a failure's error, and never its text."""
    return failure.type.__name__ if failure.type is not None else "unknown"


def where(failure: Any) -> str:
    """Return the innermost places of a failure, `file.py:line` joined by " < ", without any value."""
    frames = [f"{frame[1].rsplit('/', 1)[-1]}:{frame[2]}" for frame in failure.frames[-4:]]
    trace = failure.getTracebackObject() if not frames else None
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " < ".join(reversed(frames[-4:]))


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
