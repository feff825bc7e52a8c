"""The needles: worked out from the tables, so that no phrase of theirs can be missed."""

from dataclasses import replace

import pytest

from hl7calf.calf.needles import needles_of, pieces_of
from hl7calf.calf.prefilter import may_mention
from hl7calf.calf.tables import Tables
from hl7calf.wire.header import read_header
from tests.calf.building import order, tables


def with_phrase(phrase: str) -> Tables:
    """The shipped tables and one phrase more."""
    known = tables()
    row = replace(known.rows["calcification.csv"][0], values={"phrase": phrase, "means": "calcification"})
    return replace(known, rows={**known.rows, "calcification.csv": (*known.rows["calcification.csv"], row)})


def says_yes(reason: str, known: Tables) -> bool:
    payload = order(reason)
    return may_mention(payload, read_header(payload), needles_of(known))


@pytest.mark.parametrize(("phrase", "reason"), [
    ("stone like spot", "a spot, stone-like, left calf"),
    ("xyz", "XYZ left calf"),
    ("k'alk", "k\u2019alk"),
    ("stra\u00dfenkalk", "Stra\u00dfenkalk"),
    ("right left", "right calf, left calf"),
])  # fmt: skip
def test_a_phrase_that_a_site_adds_is_looked_for(phrase: str, reason: str) -> None:
    assert not says_yes(reason, tables())
    assert says_yes(reason, with_phrase(phrase))


def test_a_phrase_without_letters_lets_everything_through() -> None:
    assert says_yes("pain", with_phrase("**"))


def test_a_phrase_of_several_words_needs_all_of_them() -> None:
    known = with_phrase("stone like spot")
    assert not says_yes("like a spot", known)
    assert not says_yes("stone", known)


def test_a_phrase_is_anchored_at_a_word_that_no_other_table_has() -> None:
    needles = needles_of(tables())
    assert b"calcium" in needles.anchors and b"ho" in needles.anchors
    assert not needles.anchors & {b"right", b"calf", b"soleus", b"gastroc", b"of", b"in", b"ca"}


def test_pieces_are_the_words_of_a_phrase_cut_at_every_mark() -> None:
    assert pieces_of("Calc'd focus x-ray Ca2+") == {b"calc", b"d", b"focus", b"x", b"ray", b"ca2", b"+"}
