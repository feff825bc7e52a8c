"""Acknowledgments: which are wanted, writing ours, reading theirs.

Law: the sender's own delimiters, version and character set come back to it, MSA-2 is its MSH-10 byte for byte,
and building never raises, whatever the header holds. Reading takes any segment end, a BOM and any delimiters,
and shows no text of the answer in a fault.

Source: HL7 v2.5.1 §2.9.2 (original mode), §2.9.3 (enhanced mode), §2.15.8 (MSA), §2.15.5 (ERR); HL7 v2.4 §2.16.5
(ERR-1 before version 2.5); table 0357.
"""

import re
from dataclasses import dataclass

from hl7calf.errors import WireError
from hl7calf.wire.codes import ERRORS, POSITIVE, AckCode, When
from hl7calf.wire.header import Delimiters, Header, read_delimiters
from hl7calf.wire.message import Message, Segment, read_message
from hl7calf.wire.text import escape_text, read_text

USUAL = read_delimiters(b"|", b"^~\\&")
_VERSION = re.compile(r"(\d)\.(\d{1,2})(?:\.(\d{1,2}))?")
_ERROR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,20}")
_UNSAID_VERSION = b"2.5"  # where the sender names none, its readers are the most lenient
_SEVERITIES = ("F", "E", "W", "I")  # table 0516: fatal error, error, warning, information
_TEXT_LENGTH = 80  # MSA-3, HL7 v2.5.1 §2.15.8


@dataclass(frozen=True, slots=True)
class AckError:
    """One ERR: code and text of table 0357, and where, such as `MSH-10` or `OBR[2]-4`; no payload text."""

    code: str
    text: str
    path: str = ""


NO_HEADER = AckError("100", ERRORS["100"])
NO_CONTROL_ID = AckError("101", ERRORS["101"], "MSH-10")
INTERNAL = AckError("207", ERRORS["207"])


@dataclass(frozen=True, slots=True)
class Ack:
    """An acknowledgment read: MSA-1, the bytes of MSA-2, MSA-3 as text, and the error codes of every ERR.

    `errors` are ERR-3.1, or ERR-1.4.1 before version 2.5, and MSA-6.1; only what looks like a code.
    `message_type` is `ACK`, or what came instead with an MSA, such as `ORR^O02`. `severities` are ERR-4, the worst
    first (HL7 v2.5.1 table 0516).
    """

    code: str
    control_id: bytes
    text: str = ""
    errors: tuple[str, ...] = ()
    message_type: str = "ACK"
    severities: tuple[str, ...] = ()

    @property
    def positive(self) -> bool:
        """Tell whether it is AA or CA."""
        return self.code in POSITIVE


def which_acks(header: Header) -> tuple[str, str]:
    """Return when an accept and when an application acknowledgment is wanted: `AL`, `NE`, `ER` or `SU`.

    Both are empty in original mode. In enhanced mode an empty one is `NE`; a value of no table is taken as
    `AL`, as a sender that waits for nothing would not have written one.
    """
    wanted = (header.accept_ack, header.application_ack)
    if not any(wanted):
        return "", ""
    accept, application = ((when if when in tuple(When) else "AL") if when else "NE" for when in wanted)
    return accept, application


def build_ack(
    header: Header | None, code: str, control_id: bytes, timestamp: str, text: str = "", error: AckError | None = None
) -> bytes:
    """Write one acknowledgment; without a header (unreadable message) MSA-2 stays empty.

    Args:
        header: of the message acknowledged; its MSH-3 to MSH-6 come back swapped.
        code: MSA-1.
        control_id: the acknowledgment's own MSH-10, unique.
        timestamp: MSH-7.
        text: MSA-3, for a person; no payload text.
        error: ERR; a negative code without one gets the likeliest.
    """
    delimiters = header.delimiters if header else USUAL
    error = None if code in POSITIVE else error or _likeliest(header, code)
    version = version_of(header)
    segments = [_write_msh(header, delimiters, control_id, timestamp, code), _write_msa(header, delimiters, code, text)]
    if error:
        segments.append(_write_err(delimiters, error, version))
    return b"\r".join([_not_ending_the_frame(segment, delimiters) for segment in segments]) + b"\r"


def _not_ending_the_frame(segment: bytes, delimiters: Delimiters) -> bytes:
    """Keep an end block, echoed as the last byte of a segment, apart from the CR behind it by an empty field."""
    return segment + delimiters.field if 0 < segment[-1] < 0x20 else segment


def version_of(header: Header | None) -> tuple[int, ...]:
    """Return MSH-12 as numbers, such as (2, 5, 1); (2, 5) when it is missing or unknown."""
    match = _VERSION.fullmatch(header.version) if header else None
    return tuple(int(part) for part in match.groups() if part) if match else (2, 5)


def _likeliest(header: Header | None, code: str) -> AckError:
    if code not in (AckCode.AR, AckCode.CR):
        return INTERNAL
    return NO_HEADER if header is None else NO_CONTROL_ID if not header.control_id else INTERNAL


def _write_msh(header: Header | None, delimiters: Delimiters, control_id: bytes, timestamp: str, code: str) -> bytes:
    """Write MSH; MSH-9 has a trigger from version 2.2 and a structure from 2.3.1 (HL7 v2.3.1 §2.24.1.9)."""
    kind, processing_id, version, charset = [b"ACK"], b"P", _UNSAID_VERSION, b""
    swapped = [b"", b"", b"", b""]
    enhanced = code[:1] == "C"
    if header:
        swapped = [header.field(number) for number in (5, 6, 3, 4)]
        processing_id = header.field(11) or processing_id
        version = header.field(12) or version
        charset = header.field(18)
        enhanced = any(which_acks(header))
        if header.trigger and delimiters.component and version_of(header) >= (2, 2):
            kind.append(header.trigger.encode("latin-1"))
            kind += [b"ACK"] if version_of(header) >= (2, 3, 1) else []
    fields = [b"MSH", delimiters.encoding, *swapped, timestamp.encode("ascii"), b""]
    fields += [delimiters.component.join(kind), control_id, processing_id, version]
    if enhanced or charset:
        fields += [b"", b"", *([b"NE", b"NE"] if enhanced else [b"", b""])]  # no acknowledgment of this one
    if charset:
        fields += [b"", charset]
    return delimiters.field.join(fields)


def _write_msa(header: Header | None, delimiters: Delimiters, code: str, text: str) -> bytes:
    control_id = header.control_id if header else b""
    fields = [b"MSA", code.encode("ascii"), control_id]
    if text:
        fields.append(_written(text[:_TEXT_LENGTH], delimiters))
    return delimiters.field.join(fields)


def _write_err(delimiters: Delimiters, error: AckError, version: tuple[int, ...]) -> bytes:
    """Write ERR: code and place in ERR-1 before version 2.5, in ERR-2 to ERR-4 and ERR-8 from there on."""
    code, text = _written(error.code, delimiters), _written(error.text, delimiters)
    segment, _, number = error.path.partition("-")
    name, _, occurrence = segment.rstrip("]").partition("[")
    place = [name.encode("ascii"), (occurrence or "1").encode("ascii"), number.partition(".")[0].encode("ascii")]
    place = [part for part in place if part] if name else []
    join = delimiters.component.join
    if version < (2, 5):
        coded = delimiters.subcomponent.join([code, text, b"HL70357"]) if delimiters.subcomponent else code
        return delimiters.field.join([b"ERR", join([*place, *[b""] * (3 - len(place)), coded])])
    coded = join([code, text, b"HL70357"]) if delimiters.component else code
    where = join(place) if delimiters.component else b""
    return delimiters.field.join([b"ERR", b"", where, coded, b"E", b"", b"", b"", text])


def _written(text: str, delimiters: Delimiters) -> bytes:
    return escape_text("".join(letter if letter.isprintable() else " " for letter in text), delimiters)


def read_ack(payload: bytes) -> Ack:
    """Read an acknowledgment, or any message that carries an MSA (ORR, ADR).

    Raises:
        WireError: `A_NOT_HL7` no header; `A_NOT_ACK` no MSA; `A_TWO_ACKS`; `A_CODE` MSA-1 is none of table 0008.
    """
    try:
        message = read_message(payload)
    except WireError as wrong:
        raise WireError("A_NOT_HL7", f"the answer is no HL7 message ({wrong.code})") from None
    answers = message.segments_named("MSA")
    if not answers:
        raise WireError("A_NOT_ACK", "the answer has no MSA segment")
    if len(answers) > 1 or message.headers > 1:
        raise WireError("A_TWO_ACKS", "the answer holds more than one acknowledgment")
    msa = answers[0]
    code = _bytes(message, msa, 1).strip().decode("latin-1").upper()
    if code not in tuple(AckCode):
        raise WireError("A_CODE", "MSA-1 of the answer is no acknowledgment code")
    text = message.field(msa, 3)
    return Ack(
        code,
        _bytes(message, msa, 2),
        read_text(message, text).value if text else "",
        tuple(_error_codes(message)),
        message.header.message_type,
        _severities(message),
    )


def _bytes(message: Message, segment: Segment, number: int) -> bytes:
    span = message.field(segment, number)
    return message.bytes(span) if span else b""


def _severities(message: Message) -> tuple[str, ...]:
    """Return the severities that the ERR segments state, the worst first."""
    stated = {_bytes(message, err, 4).strip().decode("latin-1").upper() for err in message.segments_named("ERR")[:20]}
    return tuple(severity for severity in _SEVERITIES if severity in stated)


def _error_codes(message: Message) -> list[str]:
    """Collect error codes in wire order, each once; what does not look like a code is left out."""
    found: dict[str, None] = {}
    for number, _ in enumerate(message.segments_named("ERR")[:20], 1):
        paths = [f"ERR[{number}]-3.1"]
        old = message.at(f"ERR[{number}]-1")
        if old:
            paths += [f"ERR[{number}]-1({n}).4.1" for n in range(1, len(message.repetitions(old, 20)) + 1)]
        for path in paths:
            _add_code(message, path, found)
    _add_code(message, "MSA-6.1", found)
    return list(found)


def _add_code(message: Message, path: str, found: dict[str, None]) -> None:
    span = message.at(path)
    code = message.bytes(span).decode("latin-1").strip() if span else ""
    if _ERROR_CODE.fullmatch(code):
        found[code] = None
