"""The MSH segment: the delimiters a message declares, and the fields that route it.

Law: a message is read with the delimiters it declares, never with the usual ones. Only MSH is needed to
accept a message; an empty MSH-9, MSH-10 or MSH-12 is no error here. Nothing is copied but the header line.
A batch (FHS or BHS first) reads as a header without a message type, so that it passes whole.

Source: HL7 v2.5.1 §2.5.4 (delimiters), §2.15.9 (MSH); HL7 v2.7 §2.5.5.2 (fifth, truncation character).
"""

from functools import lru_cache
from typing import NamedTuple

from hl7calf.errors import WireError

LEADING = b"\xef\xbb\xbf \t\r\n\x00"  # BOM and white space before MSH: kept in the payload, skipped for reading
_BATCH = {b"FHS": 11, b"BHS": 11}  # FHS-11, BHS-11: control ID of the batch (HL7 v2.5.1 §2.15.2, §2.15.6)
_EMPTY = b""
_LONGEST_CODE = 64  # bytes of a field whose reading is kept


class Delimiters(NamedTuple):
    """The characters of MSH-1 and MSH-2, one byte each; `b""` where the message declares none.

    `encoding` is MSH-2 as it stands; `truncation` is the fifth character of version 2.7.
    """

    field: bytes
    component: bytes
    repetition: bytes
    escape: bytes
    subcomponent: bytes
    truncation: bytes = b""
    encoding: bytes = b""


@lru_cache(maxsize=256)
def read_delimiters(field: bytes, encoding: bytes) -> Delimiters:
    r"""Read MSH-1 and MSH-2 into roles; fewer than four characters leave the later roles undeclared.

    A doubled escape (`^~\\&`, a source-code literal gone wrong, 16 times in the public corpus) counts once.

    Raises:
        WireError: `H_DELIMITERS` when a delimiter is missing, repeated, or not ASCII punctuation.
    """
    roles = encoding
    if len(roles) > 3 and roles[2] == roles[3]:
        roles = roles[:3] + roles[4:]
    if not encoding:
        raise WireError("H_DELIMITERS", "MSH-2 declares no delimiters")
    marks = field + roles[:5]
    if any(not 0x20 < mark < 0x7F or chr(mark).isalnum() for mark in field + roles):
        raise WireError("H_DELIMITERS", "a delimiter in MSH-1 or MSH-2 is not ASCII punctuation")
    if len(set(marks)) != len(marks):
        raise WireError("H_DELIMITERS", "MSH-1 and MSH-2 declare one character twice")
    component, repetition, escape, subcomponent, truncation = (roles[n : n + 1] for n in range(5))
    return Delimiters(field, component, repetition, escape, subcomponent, truncation, encoding)


class Header:
    """MSH of one payload: `start` is the offset of "MSH", `end` that of its segment end, `control_id` is MSH-10.

    Fields are bytes as they stand, escapes not undone; codes are text (Latin-1, so nothing raises). For a
    batch `kind` is "FHS" or "BHS", the message type is empty and `control_id` is FHS-11, else BHS-11.
    """

    __slots__ = ("_fields", "control_id", "delimiters", "end", "kind", "start")

    def __init__(self, kind: str, delimiters: Delimiters, start: int, end: int, fields: list[bytes]) -> None:
        self.kind = kind
        self.delimiters = delimiters
        self.start = start
        self.end = end
        self._fields = fields
        self.control_id = fields[9] if len(fields) > 9 else _EMPTY  # MSH-10, its bytes exactly

    def field(self, number: int) -> bytes:
        """Return MSH-`number` (1-based, MSH-1 is the separator); empty where the header is shorter."""
        if number <= 1:
            return self.delimiters.field if number == 1 else _EMPTY
        fields = self._fields
        return fields[number - 1] if number <= len(fields) else _EMPTY

    def fields(self, first: int, last: int) -> list[bytes]:
        """Return MSH-`first` (2 or more) to MSH-`last`, fewer where the header is shorter."""
        return self._fields[first - 1 : last]

    def _code(self, number: int, component: int = 1) -> str:
        return _component(self.field(number), self.delimiters.component, component)

    @property
    def is_batch(self) -> bool:
        """Tell whether the payload is a batch, to be passed whole."""
        return self.kind != "MSH"

    @property
    def sending_application(self) -> bytes:
        """MSH-3."""
        return self.field(3)

    @property
    def sending_facility(self) -> bytes:
        """MSH-4."""
        return self.field(4)

    @property
    def receiving_application(self) -> bytes:
        """MSH-5."""
        return self.field(5)

    @property
    def receiving_facility(self) -> bytes:
        """MSH-6."""
        return self.field(6)

    @property
    def message_code(self) -> str:
        """MSH-9.1, such as `ORM`."""
        return self._code(9)

    @property
    def trigger(self) -> str:
        """MSH-9.2, such as `O01`."""
        return self._code(9, 2)

    @property
    def structure(self) -> str:
        """MSH-9.3, such as `ORM_O01`; empty before version 2.3.1 and often later."""
        return self._code(9, 3)

    @property
    def message_type(self) -> str:
        """MSH-9.1 and MSH-9.2 for people, such as `ORM^O01`, whatever the component separator is."""
        return _message_type(self.field(9), self.delimiters.component)

    @property
    def processing_id(self) -> str:
        """MSH-11.1: `P`, `T` or `D`."""
        return self._code(11)

    @property
    def version(self) -> str:
        """MSH-12.1, such as `2.5.1`; empty when missing, anything when unknown."""
        return self._code(12)

    @property
    def accept_ack(self) -> str:
        """MSH-15, when an accept acknowledgment is wanted: `AL`, `NE`, `ER`, `SU` or empty."""
        return self._code(15)

    @property
    def application_ack(self) -> str:
        """MSH-16, when an application acknowledgment is wanted."""
        return self._code(16)

    @property
    def charsets(self) -> tuple[str, ...]:
        """MSH-18, one per repetition, upper case; empty when not valued. An empty first one is ASCII."""
        declared = self.field(18)
        return _charsets(declared, self.delimiters.repetition) if declared else ()


# Codes repeat from message to message, so what they say is kept; what is too long for a code is read anew each time.


def _component(field: bytes, separator: bytes, number: int) -> str:
    return (_kept_component if len(field) <= _LONGEST_CODE else _read_component)(field, separator, number)


def _read_component(field: bytes, separator: bytes, number: int) -> str:
    parts = field.split(separator or b"\x00", number)
    return parts[number - 1].decode("latin-1").strip() if len(parts) >= number else ""


def _message_type(field: bytes, separator: bytes) -> str:
    return (_kept_message_type if len(field) <= _LONGEST_CODE else _read_message_type)(field, separator)


def _read_message_type(field: bytes, separator: bytes) -> str:
    parts = (_read_component(field, separator, number) for number in (1, 2))
    return "^".join(part for part in parts if part)


def _charsets(field: bytes, separator: bytes) -> tuple[str, ...]:
    return (_kept_charsets if len(field) <= _LONGEST_CODE else _read_charsets)(field, separator)


def _read_charsets(field: bytes, separator: bytes) -> tuple[str, ...]:
    parts = field.split(separator) if separator else [field]
    return tuple(part.decode("latin-1").strip().upper() for part in parts)


_kept_component = lru_cache(maxsize=1024)(_read_component)
_kept_message_type = lru_cache(maxsize=256)(_read_message_type)
_kept_charsets = lru_cache(maxsize=256)(_read_charsets)


def read_header(payload: bytes) -> Header:
    """Read the header of one payload.

    Raises:
        WireError: `H_NO_MSH`, `H_MSH_SHORT`, `H_DELIMITERS`, `H_UTF16`, `H_EMPTY`; all answered with AR.
    """
    start = 0 if payload.startswith(b"MSH") else find_header(payload)
    end = payload.find(b"\r", start)
    if end < 0:
        end = len(payload)
    feed = payload.find(b"\n", start, end)
    if feed >= 0:
        end = feed
    separator = payload[start + 3 : start + 4]
    if end <= start + 4:
        raise WireError("H_MSH_SHORT", "the header segment ends before MSH-2")
    fields = payload[start:end].split(separator)
    delimiters = read_delimiters(separator, fields[1])
    if payload[start] != 0x4D:  # not M: FHS or BHS
        return _batch_header(payload, delimiters, start, end, fields)
    return Header("MSH", delimiters, start, end, fields)


def find_header(payload: bytes) -> int:
    """Return the offset of MSH, FHS or BHS after a BOM and white space.

    Raises:
        WireError: `H_EMPTY`, `H_UTF16` or `H_NO_MSH`.
    """
    rest = payload.lstrip(LEADING)
    start = len(payload) - len(rest)
    if rest[:3] in (b"MSH", b"FHS", b"BHS"):
        return start
    if not rest:
        raise WireError("H_EMPTY", "the payload is empty")
    if payload[:2] in (b"\xff\xfe", b"\xfe\xff") or b"M\x00S\x00H" in payload[:16]:
        raise WireError("H_UTF16", "the payload is UTF-16 or UTF-32; HL7 v2 delimiters must be single bytes")
    raise WireError("H_NO_MSH", "the payload does not begin with MSH, FHS or BHS")


def _batch_header(payload: bytes, delimiters: Delimiters, start: int, end: int, fields: list[bytes]) -> Header:
    """Lay FHS or BHS out as an MSH without a message type; a bare FHS lends the control ID of its BHS."""
    kind = fields[0][:3]
    fields += [_EMPTY] * (11 - len(fields))
    control_id = fields[_BATCH[kind] - 1]
    if not control_id and kind == b"FHS":
        following = payload.find(b"BHS" + delimiters.field, end, end + 6)
        if following >= 0:
            control_id = read_header(payload[following:]).control_id
    laid_out = [kind, *fields[1:8], _EMPTY, control_id]
    return Header(kind.decode("ascii"), delimiters, start, end, laid_out)
