"""Text as people may safely read it: nothing invisible, nothing that turns a line round, ages and times in short.

Law: pure. What a message brings is never trusted to be what it looks like: control, bidirectional and zero-width
characters are written out (docs/promises.md S8; Unicode TR36 §2.4). Escaping for HTML is the templates' business.
"""

import re
from datetime import UTC, datetime

_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb]"
)
_SHORTEST_WITH_TAIL = 8
MASK = "•••"


def shown(text: object) -> str:
    r"""Return text with every character written out that is not seen as it is (`\x1b`, `\u202e`); line feeds stay."""
    return _UNSAFE.sub(lambda found: _written_out(found[0]), str(text))


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def masked(identifier: str) -> str:
    """Return an identifier so that who knows it recognises it and nobody else learns it: its last three characters.

    Of one with components (`4711^CPOE`) the first alone counts.
    """
    whole = shown(identifier).partition("^")[0]
    if not whole:
        return ""
    return MASK + (whole[-3:] if len(whole) >= _SHORTEST_WITH_TAIL else "")


def kept_text(text: str) -> str:
    """Return text of the log, in which bytes that are no UTF-8 stand as lone surrogates, as people read it."""
    return shown(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def bytes_shown(value: bytes) -> str:
    """Return bytes of a header field as people read them."""
    return shown(value.decode("utf-8", "replace"))


def when(at: float | None) -> str:
    """Return a time as `2026-01-15 10:00:00`, UTC."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock(at: float | None) -> str:
    """Return a time of day as `10:00:00`, UTC."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def age(seconds: float) -> str:
    """Return a length of time in its two largest units, `2 h 05 min`; a second at the least."""
    whole = max(1, int(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    if minutes:
        return f"{minutes} min" if minutes > 9 else f"{minutes} min {whole % 60:02d} s"
    return f"{whole} s"


def count(number: int) -> str:
    """Return a number with thin groups, `12 345`, that no locale reads as a fraction."""
    return f"{number:,}".replace(",", "\u202f")


def plural(number: int, one: str, many: str = "") -> str:
    """Return `1 message`, `2 messages`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def segments_shown(payload: bytes) -> str:
    """Return a payload as people read it, a segment a line."""
    return shown(payload.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n"))
