"""Whether a message comes from whom the peer's certificate says.

Law: MSH-3 and MSH-4 are compared as bytes, whole, joined by `|` whatever the message's own separator is. What cannot
be read is let through here: it is refused with its own fault further on.
"""

from hl7calf.errors import WireError
from hl7calf.wire.header import read_header
from hl7calf.wire.mllp import FrameFault

WRONG_SENDER = "H_WRONG_SENDER"
MOST_KEPT_BYTES = 64 * 1024


def may_send(payload: bytes, senders: frozenset[bytes]) -> bool:
    """Tell whether this `MSH-3|MSH-4` is among the allowed ones."""
    try:
        header = read_header(payload)
    except WireError:
        return True
    return header.sending_application + b"|" + header.sending_facility in senders


def not_its_own(payload: bytes) -> FrameFault:
    """Return the fault of a message under a foreign name: kept, and answered with AR."""
    why = "MSH-3 and MSH-4 are not those that the peer's certificate stands for"
    return FrameFault(WRONG_SENDER, why, payload[:MOST_KEPT_BYTES], close=False, answer=True)
