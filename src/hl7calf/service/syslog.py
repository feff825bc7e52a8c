"""One message for a syslog server: RFC 5424 with the framing of RFC 5425 and RFC 6587 (octets counted).

Law: pure. Printable ASCII alone goes in, so no byte order mark is needed and nothing can begin a second message.

Source: RFC 5424 §6 (format), §6.2.1 (priority); RFC 6587 §3.4.1 (octet counting), RFC 5425 §4.3 (the same over TLS).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

SECURITY_NOTICE = 10 * 8 + 5  # facility 10 (security/authorization), severity 5 (notice): ITI-20, [IHE-ATNA]
_LONGEST_NAME = 32  # MSGID
_LONGEST_HOST = 255


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sends: HOSTNAME and PROCID of each message."""

    host: str
    process: int


def syslog_message(origin: Origin, at: float, message_id: str, text: str) -> bytes:
    """Return one framed message.

    Args:
        at: Unix seconds, UTC.
        message_id: MSGID; what kind of message this is.
    """
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    host, kind = _name(origin.host, _LONGEST_HOST), _name(message_id, _LONGEST_NAME)
    line = f"<{SECURITY_NOTICE}>1 {stamp} {host} hl7calf {origin.process} {kind} - {_printable(text)}"
    body = line.encode("ascii")
    return b"%d %s" % (len(body), body)


def _name(text: str, longest: int) -> str:
    """Return a header field: printable ASCII without a space, `-` for nothing (RFC 5424 §6, NILVALUE)."""
    return "".join(c for c in text if "!" <= c <= "~")[:longest] or "-"


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)
