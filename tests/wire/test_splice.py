"""Only declared spans differ, and undoing them gives the inbound bytes."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.wire.splice import is_exact, splice, unsplice


@dataclass(frozen=True)
class Change:
    offset: int
    length: int
    before: bytes
    after: bytes


@st.composite
def changed(draw: st.DrawFn) -> tuple[bytes, list[Change]]:
    payload = draw(st.binary(max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=8)))
    changes = [
        Change(a, b - a, payload[a:b], draw(st.binary(max_size=8))) for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    return payload, draw(st.permutations(changes)) if len({c.offset for c in changes}) == len(changes) else changes


@given(changed())
def test_undoing_gives_the_inbound_bytes(case: tuple[bytes, list[Change]]) -> None:
    payload, changes = case
    outbound = splice(payload, changes)
    assert unsplice(outbound, changes) == payload
    assert is_exact(payload, outbound, changes)
    assert len(outbound) == len(payload) + sum(len(c.after) - c.length for c in changes)


@given(changed(), st.data())
def test_one_more_byte_changed_is_not_exact(case: tuple[bytes, list[Change]], data: st.DataObject) -> None:
    payload, changes = case
    outbound = bytearray(splice(payload, changes))
    if outbound:
        place = data.draw(st.integers(0, len(outbound) - 1))
        outbound[place] ^= 1
        assert not is_exact(payload, bytes(outbound), changes)
    assert not is_exact(payload, bytes(outbound) + b"x", changes)


def test_no_change_gives_the_very_same_object() -> None:
    payload = bytes(bytearray(b"MSH|^~\\&|"))
    assert splice(payload, []) is payload
    assert unsplice(payload, []) is payload


def test_insertions_at_one_place_keep_their_order() -> None:
    changes = [Change(2, 0, b"", b"X"), Change(2, 0, b"", b"Y"), Change(0, 1, b"a", b"A")]
    assert splice(b"abcd", changes) == b"AbXYcd"
    assert unsplice(b"AbXYcd", changes) == b"abcd"


def test_an_insertion_stands_before_a_replacement_of_the_same_place() -> None:
    changes = [Change(1, 1, b"b", b"B"), Change(1, 0, b"", b"+")]
    assert splice(b"abc", changes) == b"a+Bc"
    assert unsplice(b"a+Bc", changes) == b"abc"


@pytest.mark.parametrize(
    "changes",
    [
        [Change(0, 2, b"ab", b""), Change(1, 1, b"b", b"")],
        [Change(3, 2, b"d", b"")],
        [Change(5, 0, b"", b"x")],
        [Change(-1, 1, b"d", b"")],
        [Change(0, -1, b"", b"")],
        [Change(0, 1, b"x", b"y")],
        [Change(0, 1, b"ab", b"y")],
    ],
    ids=["overlap", "past the end", "behind the end", "negative", "negative length", "other bytes", "other length"],
)
def test_a_change_that_does_not_fit_is_refused(changes: list[Change]) -> None:
    with pytest.raises(ValueError, match="modif"):
        splice(b"abcd", changes)
    assert not is_exact(b"abcd", b"abcd", changes)


def test_outbound_bytes_that_lack_the_change_are_refused() -> None:
    with pytest.raises(ValueError, match="offset 1"):
        unsplice(b"abcd", [Change(1, 1, b"b", b"B")])
