"""Phrases found in tokens: whole tokens, leftmost, longest."""

import pytest

from hl7calf.calf.lexicon import Lexicon, Phrase
from hl7calf.calf.words import tokenize, words_of
from tests.calf.building import tables


def lexicon(*phrases: str, where: str = "both") -> Lexicon:
    return Lexicon(Phrase(words_of(p), "t", p, f"t.csv:{n}", where) for n, p in enumerate(phrases, 2))


def found(of: Lexicon, text: str, where: str = "text", without: str | None = None) -> list[str]:
    return [m.concept for m in of.find(tokenize(text), where, without)]


def test_the_longer_phrase_wins_at_the_same_word() -> None:
    of = lexicon("calf", "calf pump", "calf pump function")
    assert found(of, "calf pump test") == ["calf pump"]
    assert found(of, "the calf pump function") == ["calf pump function"]


def test_the_leftmost_phrase_wins_and_none_overlap() -> None:
    assert found(lexicon("left calf", "calf pain"), "left calf pain") == ["left calf"]


def test_after_a_longer_phrase_fails_the_shorter_is_tried() -> None:
    assert found(lexicon("no evidence of", "no"), "no evidence") == ["no"]


@pytest.mark.parametrize("text", ["half", "calfs", "calfskin", "decalf"])
def test_a_phrase_is_never_found_inside_a_word(text: str) -> None:
    assert found(lexicon("calf"), text) == []


def test_a_row_for_names_is_not_found_in_text() -> None:
    of = lexicon("lim", where="name")
    assert found(of, "lim", "name") == ["lim"] and found(of, "lim", "text") == []


def test_a_row_left_out_lets_the_next_best_be_found() -> None:
    of = lexicon("calf", "calf pump")
    assert found(of, "calf pump", without="t.csv:3") == ["calf"]
    assert found(of, "calf pump", without="t.csv:2") == ["calf pump"]


def test_a_mention_knows_its_tokens() -> None:
    [mention] = lexicon("calf pump").find(tokenize("left calf pump"), "text")
    assert (mention.first, mention.last) == (1, 3)


def test_nothing_is_found_in_nothing() -> None:
    assert found(lexicon("calf"), "") == []


NOT_A_CALCIFICATION_OF_THE_CALF = """
calcaneus calcaneal spur
calcitonin
calcitriol
calcium channel blocker
serum calcium 9.2
renal calculus
calculi
calculated score
half
calyx
classification
ossicle
claudication
clarification
calf circumference 38 cm
calf pump
calf compression device
fetal calf serum
bovine calf
Legg-Calve-Perthes
calvarium
""".strip().splitlines()


@pytest.mark.parametrize("text", NOT_A_CALCIFICATION_OF_THE_CALF)
def test_words_that_only_look_alike_are_neither_calf_nor_calcification(text: str) -> None:
    tokens = tokenize(text, tables().respelled)
    calcified = [
        m.concept for m in tables().findings.find(tokens, "text")
        if m.phrase.table == "calcification" and m.concept != "not"
    ]  # fmt: skip
    calf = [m for m in tables().sites.find(tokens, "text") if m.concept == "calf"]
    assert not (calcified and calf) and "calcification" not in calcified


CALCIFICATIONS = """
calcification
calcifications
calcified
calcific
calcs
calc'd
calcinosis
phlebolith
phleboliths
Ca++
dystrophic calcification
heterotopic ossification
myositis ossificans
calcificaton
calcifcation
calsification
clacification
calcifaction
""".strip().splitlines()


@pytest.mark.parametrize("text", CALCIFICATIONS)
def test_the_forms_and_misspellings_of_calcification_are_known(text: str) -> None:
    tokens = tokenize(text, tables().respelled)
    assert any(m.phrase.table == "calcification" for m in tables().findings.find(tokens, "text"))


CALVES = """
calf
calves
clf
posterior lower leg
back of lower leg
gastroc
gastrocnemius
medial head of gastrocnemius
soleus
soleal
triceps surae
lower leg
""".strip().splitlines()


@pytest.mark.parametrize("text", CALVES)
def test_the_names_of_the_calf_are_known(text: str) -> None:
    tokens = tokenize(text, tables().respelled)
    assert "calf" in [m.concept for m in tables().sites.find(tokens, "text")]
