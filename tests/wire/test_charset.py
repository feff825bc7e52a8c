"""MSH-18 names a set; whatever the sender wrote, reading it never raises."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.wire.charset import CODECS, blank_multibyte, codec_for, decode_bytes


@pytest.mark.parametrize(
    ("charsets", "codec"),
    [
        ((), "ascii"),
        (("",), "ascii"),
        (("ASCII",), "ascii"),
        (("8859/1",), "iso8859_1"),
        (("8859/15",), "iso8859_15"),
        (("UNICODE UTF-8",), "utf-8"),
        (("UNICODE",), "utf-8"),
        (("UTF-8", "UNICODE"), "utf-8"),
        (("GB 18030-2000",), "gb18030"),
        (("BIG-5",), "big5hkscs"),
        (("KS X 1001",), "euc_kr"),
        (("", "ISO IR87"), "iso2022_jp"),
        (("ISO IR6", "ISO IR87", "ISO IR159"), "iso2022_jp_1"),
        (("8859/1", "8859/2"), "ascii"),
        (("ISO IR13", "ISO IR87"), "ascii"),
        (("UNICODE UTF-16",), "ascii"),
        (("CNS 11643-1992",), "ascii"),
        (("NONSENSE",), "ascii"),
    ],
)
def test_table_0211_names_its_codec(charsets: tuple[str, ...], codec: str) -> None:
    assert codec_for(charsets) == codec


def test_every_codec_named_exists() -> None:
    for codec in CODECS.values():
        assert codecs.lookup(codec)


def test_a_wrong_declaration_is_read_as_utf_8_then_latin_1() -> None:
    assert decode_bytes("wadé".encode(), ()) == "wadé"
    assert decode_bytes("wadé".encode("latin-1"), ("UNICODE UTF-8",)) == "wadé"
    assert decode_bytes("wadé".encode("latin-1"), ("8859/1",)) == "wadé"
    assert decode_bytes("日本".encode("iso2022_jp"), ("", "ISO IR87")) == "日本"


@given(st.binary(max_size=60), st.sampled_from(sorted(CODECS)))
def test_no_bytes_raise_under_any_declaration(data: bytes, charset: str) -> None:
    assert isinstance(decode_bytes(data, (charset,)), str)
    blanked = blank_multibyte(data, (charset,))
    assert len(blanked) == len(data)
    assert all(new in (old, 0x80) for old, new in zip(data, blanked, strict=True))


@given(
    st.text(alphabet="表社能|^~\\&\r\nab", max_size=30),
    st.sampled_from(["GB 18030-2000", "BIG-5", "ISO IR87", "ISO IR13"]),
)
def test_blanking_leaves_exactly_the_real_delimiters(text: str, charset: str) -> None:
    codec = codec_for((charset,))
    try:
        data = text.encode(codec)
    except UnicodeEncodeError:
        return
    seen = bytes(byte for byte in blank_multibyte(data, (charset,)) if byte in b"|^~\\&")
    assert seen == bytes(ord(character) for character in text if character in "|^~\\&")
