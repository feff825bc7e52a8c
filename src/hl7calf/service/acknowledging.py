"""Which acknowledgments a message gets from us, and their bytes.

Law: positive only after the commit; negative exactly when the message is not forwarded. Original mode answers
AA, AE or AR; enhanced mode CA, CE or CR and then the application's, as MSH-15 and MSH-16 ask. Each carries an
MSH-10 of its own that no other node or run gives again.

Source: HL7 v2.5.1 §2.9.2 (original mode), §2.9.3 (enhanced mode), table 0155.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zlib import crc32

from hl7calf.wire.ack import AckError, build_ack, which_acks
from hl7calf.wire.header import Header

_WHEN_GOOD = ("AL", "SU")  # table 0155: always, successful completion only
_WHEN_BAD = ("AL", "ER")  # always, error or reject only
_MOST_FORMS = 1024
_MARK = b"\x00"
_TIME, _OWN, _SENDERS = "\x00T\x00", b"\x00O\x00", b"\x00S\x00"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class _Form:
    """An acknowledgment with four places left open: MSH-7, our MSH-10, the sender's MSH-10, the rest."""

    code: str
    parts: tuple[bytes, bytes, bytes, bytes]


class Acknowledger:
    """Builds the acknowledgments of one process.

    Senders repeat themselves: the same MSH but for time and control ID comes a million times, and its answer is
    the same but for those. So the positive ones are built once for each kind of header, and filled in.

    Args:
        node: name of this node; part of every MSH-10.
        wall: Unix seconds, for MSH-7.
    """

    def __init__(self, node: str, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._prefix = f"{_base36(crc32(node.encode()) % 46656):0>3}{_base36(int(wall()))}"
        self._count = 0
        self._stamp = (0, "")
        self._forms: dict[tuple[object, ...], tuple[_Form, ...] | None] = {}

    def positive(self, header: Header) -> tuple[tuple[str, bytes], ...]:
        """Return code and bytes of each acknowledgment of a stored message, in the order to send; may be none."""
        kind = (
            header.delimiters,
            *header.fields(3, 6),
            *header.fields(9, 9),
            *header.fields(11, 12),
            *header.fields(15, 18),
        )
        try:
            forms = self._forms[kind]
        except KeyError:
            if len(self._forms) >= _MOST_FORMS:
                self._forms.clear()
            forms = self._forms[kind] = _forms(header)
        if (
            forms is None or header.control_id[-1:] < b" "
        ):  # a block character: build_ack keeps it from ending the frame
            return tuple((code, self._build(header, code, "", None)) for code in _good_codes(header))
        return tuple((form.code, self._fill(form, header.control_id)) for form in forms)

    def _fill(self, form: _Form, control_id: bytes) -> bytes:
        start, after_time, after_own, rest = form.parts
        return b"".join(
            (start, self._timestamp().encode("ascii"), after_time, self._own_control_id(), after_own, control_id, rest)
        )

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
        return build_ack(header, code, self._own_control_id(), self._timestamp(), text, error)

    def _own_control_id(self) -> bytes:
        self._count += 1
        return f"{self._prefix}{self._count:X}".encode("ascii")

    def _timestamp(self) -> str:
        now = int(self._wall())
        if self._stamp[0] != now:
            self._stamp = (now, datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S+0000"))
        return self._stamp[1]


def _good_codes(header: Header) -> list[str]:
    accept, application = which_acks(header)
    codes = ["AA"] if not accept and not application else []
    if accept in _WHEN_GOOD:
        codes.append("CA")
    if application in _WHEN_GOOD:
        codes.append("AA")
    return codes


def _forms(header: Header) -> tuple[_Form, ...] | None:
    """Build the positive acknowledgments of this kind of header with marks in the open places; None when in doubt."""
    fields = [b"MSH", *[header.field(number) for number in range(2, 19)]]
    if any(_MARK in field for field in fields):
        return None
    fields[9] = _SENDERS
    sample = Header(header.kind, header.delimiters, 0, 0, fields)
    forms = []
    for code in _good_codes(header):
        built = build_ack(sample, code, _OWN, _TIME)
        start, _, rest = built.partition(_TIME.encode("ascii"))
        after_time, _, rest = rest.partition(_OWN)
        after_own, _, rest = rest.partition(_SENDERS)
        if built.count(_MARK) != 2 * 3:
            return None
        forms.append(_Form(code, (start, after_time, after_own, rest)))
    return tuple(forms)


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if not number:
            return digits
