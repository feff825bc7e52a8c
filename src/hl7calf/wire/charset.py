"""MSH-18: which characters the bytes of a message stand for.

Law: reading only. Text is never written back through these codecs, and no byte sequence makes them raise: what
does not decode as declared is read as UTF-8 if it is UTF-8, else as Latin-1.

Source: HL7 v2.5.1 §2.15.9.18 and table 0211; the default is ASCII, and an empty first repetition is ASCII too.
"""

import re

DEFAULT = "ascii"

# Table 0211 and the spellings seen in the field (`UTF-8`, `ISO-8859-1`, `8859-1`), upper case -> Python codec.
# CNS 11643-1992, UNICODE UTF-16 and UTF-32 are left out: no codec, or no single-byte delimiters.
CODECS = {
    "": DEFAULT,
    "ASCII": DEFAULT,
    "US-ASCII": DEFAULT,
    "ISO IR6": DEFAULT,
    "ISO IR13": "shift_jis",  # JIS X 0201 katakana: the single bytes of Shift JIS
    "ISO IR14": DEFAULT,
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    "GB 18030-2000": "gb18030",
    "GB 18030": "gb18030",
    "GB18030": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5hkscs",
    "BIG5": "big5hkscs",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "WINDOWS-1252": "cp1252",
}
for _part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16):
    CODECS.update({f"{_style}{_part}": f"iso8859_{_part}" for _style in ("8859/", "8859-", "ISO-8859-", "ISO8859-")})

# Codecs whose later bytes can be `\ ^ | ~`, with the multi-byte characters that must not be cut.
_TWO_BYTES = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_MULTIBYTE = {
    "gb18030": _TWO_BYTES,
    "big5hkscs": _TWO_BYTES,
    "shift_jis": re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]"),
    "iso2022_jp": re.compile(rb"(?<=\x1b\$[@B])[\x21-\x7e]+(?=\x1b|[\r\n]|\Z)"),
    "iso2022_jp_1": re.compile(rb"(?<=\x1b\$[@B])[\x21-\x7e]+(?=\x1b)|(?<=\x1b\$\(D)[\x21-\x7e]+(?=\x1b)"),
}


def codec_for(charsets: tuple[str, ...]) -> str:
    """Return the Python codec of MSH-18; `ascii` when it is absent, unknown, or names several.

    Japanese messages name ASCII first and the switched set second (`~ISO IR87`): that is one codec.
    """
    if not charsets:
        return DEFAULT
    if len(charsets) == 1:
        return CODECS.get(charsets[0], DEFAULT)
    codecs = [CODECS.get(charset, DEFAULT) for charset in charsets]
    named = {codec for codec in codecs if codec != DEFAULT}
    if named == {"utf-8"} or (named and all(codec.startswith("iso2022_jp") for codec in named)):
        return max(named)
    return DEFAULT


def decode_as(data: bytes, codec: str) -> tuple[str, str]:
    """Decode for reading: as declared, else UTF-8, else Latin-1; with the codec that did it. Never raises."""
    for name in (codec, "utf-8"):
        try:
            return data.decode(name), name
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"


def decode_bytes(data: bytes, charsets: tuple[str, ...]) -> str:
    """Decode bytes of a message for showing, by its MSH-18. Never raises."""
    return decode_as(data, codec_for(charsets))[0]


def is_multibyte(codec: str) -> bool:
    """Tell whether later bytes of a character can look like delimiters under this codec."""
    return codec in _MULTIBYTE


def blank_multibyte(payload: bytes, charsets: tuple[str, ...]) -> bytes:
    """Return a copy of equal length to seek delimiters in, multi-byte characters blanked to 0x80.

    The payload itself comes back when its set needs no blanking, or when it does not decode as declared (a
    sender that names GB 18030 and writes Latin-1 must not lose its field separators).
    """
    pattern = _MULTIBYTE.get(codec_for(charsets))
    if pattern is None or (payload.isascii() and b"\x1b" not in payload):
        return payload
    try:
        payload.decode(codec_for(charsets))
    except UnicodeDecodeError:
        return payload
    return pattern.sub(lambda match: b"\x80" * len(match[0]), payload)
