"""The heads of the orders in a message: who they are and what is asked, without their texts.

Law: the same orders in the same wire order, with the same placer keys, as `read_orders` and `placer_key` give; where
a head is not plain (an escape or an odd character in a code) this says nothing, and whoever asks reads the whole.
Made for what most of the traffic is: it looks at lines and cuts only those it needs.

Source: as wire/orders.py; ORC-1 table 0119, ORC-5 table 0038 (HL7 v2.5.1 §4.5.1).
"""

from functools import lru_cache
from typing import NamedTuple

from hl7calf.wire.header import Delimiters, Header

_NULL = b'""'
_LONGEST_CODE = 8  # ORC-1 and ORC-5 have two characters (HL7 v2.5.1 §4.5.1); anything much longer is read with care
_Cut = list[bytes]


class OrderHead(NamedTuple):
    """One order: ORC-1 and ORC-5 as codes, and its placer key as `placer_key` gives it."""

    control: str
    status: str
    placer_key: bytes


@lru_cache(maxsize=64)
def _openings(separator: bytes) -> dict[bytes, bytes]:
    """Return what the lines that matter begin with; one of the name alone has no fields."""
    names = (b"ORC", b"OBR", b"PID", b"PV1", b"MSH")
    return {name + end: name for name in names for end in (separator, b"")}


def read_heads(payload: bytes, header: Header) -> list[OrderHead] | None:
    """Return the heads of a payload's orders; None where they are not plain, or there is more than one MSH.

    For character sets whose characters hold no delimiter bytes (see `is_multibyte`).
    """
    separator = header.delimiters.field
    openings = _openings(separator)
    found: list[tuple[_Cut | None, _Cut | None, bool]] = []  # ORC, OBR, whether an earlier OBR has the same ORC
    headers, ended = 0, False
    for line in (payload[header.start :] if header.start else payload).splitlines():
        name = openings.get(line[:4])
        if name is None:
            continue
        if name == b"MSH":
            headers += 1
        if ended:
            continue
        if name == b"ORC":
            found.append((line.split(separator, 6), None, False))
        elif name == b"OBR":
            orc, obr, shares = found[-1] if found else (None, None, False)
            cut = line.split(separator, 3)
            if found and obr is None:
                found[-1] = (orc, cut, shares)
            else:
                found.append((orc, cut, orc is not None))
        else:
            ended = bool(found)
    if headers > 1:
        return None
    heads = [_head(orc, obr, shares, header.delimiters) for orc, obr, shares in found]
    return None if None in heads else heads  # type: ignore[return-value]  # none of them is None


def _head(orc: _Cut | None, obr: _Cut | None, shares: bool, delimiters: Delimiters) -> OrderHead | None:
    control, status = _field(orc, 1), _field(orc, 5)
    for code in (control, status):
        if code and (len(code) > _LONGEST_CODE or not code.isalnum()):
            return None
    for cut in (obr, orc) if shares else (orc, obr):
        number = _field(cut, 2)
        if number.strip() not in (b"", _NULL):
            key = _placer_key(number, delimiters)
            break
    else:
        key = b""
    return OrderHead(control.decode("ascii"), status.decode("ascii"), key)


def _field(cut: _Cut | None, number: int) -> bytes:
    return cut[number] if cut is not None and len(cut) > number else b""


def _placer_key(field: bytes, delimiters: Delimiters) -> bytes:
    """Return `number^application` of the first repetition, as `wire.orders.placer_key` does."""
    if delimiters.repetition:
        field = field.split(delimiters.repetition, 1)[0]
    parts = field.split(delimiters.component, 2) if delimiters.component else [field]
    number = parts[0].strip()
    return number + b"^" + (parts[1].strip() if len(parts) > 1 else b"") if number else b""
