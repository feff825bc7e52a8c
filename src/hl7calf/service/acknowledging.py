"""Which acknowledgments a message gets from us, and their bytes.

Law: positive only after the commit; negative exactly when the message is not forwarded. Original mode answers
AA, AE or AR; enhanced mode CA, CE or CR and then the application's, as MSH-15 and MSH-16 ask. Each carries an
MSH-10 of its own that no other node or run gives again.

Source: HL7 v2.5.1 §2.9.2 (original mode), §2.9.3 (enhanced mode), table 0155.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from zlib import crc32

from hl7calf.wire.ack import AckError, build_ack, which_acks
from hl7calf.wire.header import Header

_WHEN_GOOD = ("AL", "SU")  # table 0155: always, successful completion only
_WHEN_BAD = ("AL", "ER")  # always, error or reject only
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Acknowledger:
    """Builds the acknowledgments of one process.

    Args:
        node: name of this node; part of every MSH-10.
        wall: Unix seconds, for MSH-7.
    """

    def __init__(self, node: str, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._prefix = f"{_base36(crc32(node.encode()) % 46656):0>3}{_base36(int(wall()))}"
        self._count = 0
        self._stamp = (0, "")

    def positive(self, header: Header) -> tuple[tuple[str, bytes], ...]:
        """Return code and bytes of each acknowledgment of a stored message, in the order to send; may be none."""
        accept, application = which_acks(header)
        codes = ["AA"] if not accept and not application else []
        if accept in _WHEN_GOOD:
            codes.append("CA")
        if application in _WHEN_GOOD:
            codes.append("AA")
        return tuple((code, self._build(header, code, "", None)) for code in codes)

    def negative(
        self, header: Header | None, transient: bool, text: str, error: AckError | None = None
    ) -> tuple[tuple[str, bytes], ...]:
        """Return code and bytes of the refusal; `transient` tells that the sender should try again."""
        code = "AE" if transient else "AR"
        if header is not None:
            accept, application = which_acks(header)
            if accept in _WHEN_BAD:
                code = "CE" if transient else "CR"
            elif (accept or application) and application not in _WHEN_BAD:
                return ()
        return ((code, self._build(header, code, text, error)),)

    def _build(self, header: Header | None, code: str, text: str, error: AckError | None) -> bytes:
        self._count += 1
        control_id = f"{self._prefix}{_base36(self._count)}".encode("ascii")
        return build_ack(header, code, control_id, self._timestamp(), text, error)

    def _timestamp(self) -> str:
        now = int(self._wall())
        if self._stamp[0] != now:
            self._stamp = (now, datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S+0000"))
        return self._stamp[1]


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if not number:
            return digits
