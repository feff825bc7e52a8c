"""One field of the first segment of its name, found without reading the rest of the message.

Law: the same bytes as `Message.at` gives for the same path; a path or a character set this is not made for is left to
`Message.at`.

Source: HL7 v2.5.1 §2.5.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from hl7calf.wire.charset import codec_for, is_multibyte
from hl7calf.wire.header import Header
from hl7calf.wire.message import read_message

_SIMPLE = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9][0-9]{0,2})(?:\.([1-9][0-9]{0,2}))?")
_HEADERS = ("MSH", "FHS", "BHS")


class _Path(NamedTuple):
    segment: bytes
    field: int
    component: int  # 0: the whole field


def value_at(payload: bytes, header: Header, path: str) -> bytes:
    """Return the bytes at a path such as `ORC-2` or `PID-3.1`, empty where the message is shorter.

    Raises:
        ValueError: the path is not one.
    """
    simple = _simple(path)
    if simple is None or is_multibyte(codec_for(header.charsets)):
        message = read_message(payload, header)
        span = message.at(path)
        return b"" if span is None else message.bytes(span)
    return _value(payload, header, simple)


@lru_cache(maxsize=64)
def _simple(path: str) -> _Path | None:
    match = _SIMPLE.fullmatch(path)
    if match is None or match[1] in _HEADERS:
        return None
    return _Path(match[1].encode("ascii"), int(match[2]), int(match[3] or 0))


@lru_cache(maxsize=256)
def _segment(name: bytes, separator: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"[\r\n]" + name + rb"(?:" + re.escape(separator) + rb"([^\r\n]*))?(?=[\r\n]|\Z)")


def _value(payload: bytes, header: Header, path: _Path) -> bytes:
    delimiters = header.delimiters
    found = _segment(path.segment, delimiters.field).search(payload, header.end)
    parts = (found[1] or b"").split(delimiters.field, path.field) if found else []
    if len(parts) < path.field:
        return b""
    value: bytes = parts[path.field - 1]
    if not path.component:
        return value
    first = value.split(delimiters.repetition, 1)[0] if delimiters.repetition else value
    components = first.split(delimiters.component, path.component) if delimiters.component else [first]
    return components[path.component - 1] if len(components) >= path.component else b""
