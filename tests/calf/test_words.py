"""Order text cut into tokens: what joins, what separates, what ends a sentence, and that nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.calf.words import ends_sentence, fold, tokenize, words_of


def norms(text: str) -> list[str]:
    return [t.norm for t in tokenize(text)]


@pytest.mark.parametrize(("text", "expected"), [
    ("Left calf", ["left", "calf"]),
    ("calf,left", ["calf", ",", "left"]),
    ("non-specific", ["non", "specific"]),
    ("calf - left", ["calf", "-", "left"]),
    ("x-ray", ["x", "ray"]),
    ("w/o", ["w", "/", "o"]),
    ("r/o DVT", ["r", "/", "o", "dvt"]),
    ("calc'd", ["calc'd"]),
    ("calc\u2019d", ["calc'd"]),
    ("3.5 cm", ["3.5", "cm"]),
    ("pain.Calf", ["pain", ".", "calf"]),
    ("x3d", ["x3d"]),
    ("Ca++", ["ca", "+", "+"]),
    ("L_calf", ["l", "calf"]),
    ("M\u00dcLLER", ["muller"]),
    ("Verka\u0308lkung", ["verkalkung"]),
    ("calf\u2013left", ["calf", "left"]),
    ("a\nb", ["a", "\n", "b"]),
    ("", []),
    ("   ", []),
])  # fmt: skip
def test_text_is_cut_as_a_reader_would(text: str, expected: list[str]) -> None:
    assert norms(text) == expected


def test_a_misspelt_word_is_read_as_what_it_means_and_only_as_a_whole_word() -> None:
    respelled = {"calcifcation": "calcification"}
    assert [t.norm for t in tokenize("Calcifcation xcalcifcation", respelled)] == ["calcification", "xcalcifcation"]


def test_a_phrase_of_a_table_is_cut_as_order_text_is() -> None:
    assert words_of("Non-specific w/o") == ("non", "specific", "w", "/", "o")


@pytest.mark.parametrize(("text", "expected"), [
    ("Calf. Pain", [False, True, False]),
    ("R. calf", [False, False, False]),
    ("approx. 3", [False, False, False]),
    ("p.o.", [False, False, False, True]),
    ("calcification? pain", [False, True, False]),
    ("? calcification", [False, False]),
    ("calf; leg", [False, True, False]),
    ("calf\nleg", [False, True, False]),
    ("calf, leg", [False, False, False]),
    ("calf! leg", [False, True, False]),
])  # fmt: skip
def test_a_sentence_ends_where_a_reader_stops(text: str, expected: list[bool]) -> None:
    tokens = tokenize(text)
    assert [ends_sentence(tokens, i) for i in range(len(tokens))] == expected


def test_a_token_knows_whether_it_touches_the_one_before() -> None:
    assert [t.tight for t in tokenize("calf? ?calf")] == [False, True, False, True]


@given(st.text(max_size=80))
def test_every_token_stands_where_it_says_and_none_overlap(text: str) -> None:
    last = 0
    for token in tokenize(text):
        assert last <= token.start < token.end <= len(text)
        last = token.end
        assert token.norm


@given(st.text(max_size=80))
def test_no_letter_or_digit_is_lost(text: str) -> None:
    covered = {i for t in tokenize(text) for i in range(t.start, t.end)}
    assert all(i in covered for i, char in enumerate(text) if char.isalnum())


@given(st.text(st.characters(max_codepoint=0x24F), max_size=40))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_long_text_is_cut_in_linear_time() -> None:
    from time import process_time  # the processor's, not the wall's: other tests run beside

    def seconds(text: str) -> float:
        started = process_time()
        tokenize(text)
        return process_time() - started

    for unit in ("calf ", "-", "'", ".", "a-", "1."):
        small, large = (min(seconds(unit * count) for _ in range(4)) for count in (1_000, 8_000))
        assert large < 32 * small + 0.05, unit
