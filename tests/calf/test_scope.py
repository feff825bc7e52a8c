"""What a cue reaches: one sentence a line, with the status of its first calcification; [ClinicalNotes 5.3]."""

import pytest

from hl7calf.calf.scope import Found
from tests.calf.building import read


def first(text: str, table: str = "calcification") -> Found:
    """Return the first finding of a table."""
    return next(f for f in read(text).findings if f.mention.phrase.table == table)


def statuses(text: str) -> dict[str, str]:
    """Return the status of every finding by its words."""
    return {f.passage.words(f.mention.first, f.mention.last).lower(): f.status for f in read(text).findings}


NEGATED = """
no calcification in the left calf
No left calf calcification
without calcification
w/o calcification
w/out calcs
denies calf calcification
negative for calcification
neg for calcification
no evidence of calcification
absence of calcification
free of calcification
lack of calcification
XR did not show calcification
XR does not show any calcification
calcification ruled out
calcification was ruled out on XR
calcification was excluded
calcification not seen
calcification is absent
calcification: none
calcification: No
calcification : N
calcification was negative
no fracture, dislocation or calcification
no fracture or calcification
no mass, no calcification
no swelling, redness, or calcification of the calf
neither fracture nor calcification
calf non-calcified
no calcified mass
never had calcification
""".strip().splitlines()

AFFIRMED = """
calcification left calf
Left calf calcification seen on XR
non-specific calcification
nonspecific calcification
not only calcification but swelling
no change in calcification
no increase in the calcification
without difficulty walking. Calf calcification
no fracture. Calcification in the calf
no fracture but calcification in the calf
no fracture; calcification of the calf
no fracture, however calcification in calf
no DVT on prior US, now calcification left calf
denies pain. Calcification left calf
negative for DVT. XR shows calcification
gram negative sepsis, calf calcification
no further imaging; calf calcification
calcification: Yes
cannot bear weight, calf calcification
prior XR showed calcification
hx of calcification in the calf
""".strip().splitlines()

UNCERTAIN = """
rule out calcification
r/o calcification
R/O calf calcification
evaluate for calcification
eval for calcification
assess for calcification
? calcification
?calcification
calcification?
query calcification
possible calcification
probable calcification
suspected calcification
to exclude calcification
cannot exclude calcification
calcification vs hematoma
question of calcification
""".strip().splitlines()

NOT_THIS_PATIENT_OR_NOT_NOW = [
    ("mother had calf calcification", "other person"),
    ("FH: calcification", "other person"),
    ("father with calcification of the calf", "other person"),
    ("return if calcification", "hypothetical"),
    ("ALLERGIES: calcification", "hypothetical"),
    ("calcification removed 2019", "historical"),
    ("calcification of the calf resolved", "historical"),
    ("s/p excision of calcification", "historical"),
    ("excised calcification left calf", "historical"),
]


@pytest.mark.parametrize("text", NEGATED)
def test_a_negation_reaches_it(text: str) -> None:
    assert first(text).status == "negated"


@pytest.mark.parametrize("text", AFFIRMED)
def test_no_negation_reaches_it(text: str) -> None:
    assert first(text).status == "affirmed"


@pytest.mark.parametrize("text", UNCERTAIN)
def test_a_question_is_the_reason_of_the_exam_and_no_negation(text: str) -> None:
    assert first(text).status == "uncertain"


@pytest.mark.parametrize(("text", "status"), NOT_THIS_PATIENT_OR_NOT_NOW)
def test_another_person_another_time_and_what_if_are_told_apart(text: str, status: str) -> None:
    assert first(text).status == status


def test_rule_out_asks_and_ruled_out_answers() -> None:
    assert first("rule out calcification").status == "uncertain"
    assert first("calcification was ruled out").status == "negated"


@pytest.mark.parametrize(("text", "expected"), [
    ("no pain, swelling or calcification", {"pain": "negated", "swelling": "negated", "calcification": "negated"}),
    ("no swelling. pain and calcification", {"swelling": "negated", "pain": "affirmed", "calcification": "affirmed"}),
    ("calcification and pain, no swelling", {"calcification": "affirmed", "pain": "affirmed", "swelling": "negated"}),
    ("denies pain, has calcification", {"pain": "negated", "calcification": "affirmed"}),
    ("no pain but calcification", {"pain": "negated", "calcification": "affirmed"}),
    ("r/o DVT, calf calcification", {"dvt": "uncertain", "calcification": "affirmed"}),
    ("calcification, r/o DVT", {"calcification": "affirmed", "dvt": "uncertain"}),
    ("pain, no redness, calcification noted on XR", {"pain": "affirmed", "redness": "negated", "calcification": "affirmed"}),
    ("no fracture seen, calcification present", {"fracture": "negated", "calcification": "affirmed"}),
])  # fmt: skip
def test_a_cue_ends_where_a_new_statement_starts(text: str, expected: dict[str, str]) -> None:
    found = statuses(text)
    assert {word: found[word] for word in expected} == expected


def test_a_history_cue_is_weak() -> None:
    found = first("history of calf calcification")
    assert (found.status, found.past) == ("affirmed", True)


def test_a_cue_stops_at_the_end_of_its_sentence() -> None:
    sentences = [f.sentence for f in read("No pain. Calcification.\nSwelling").findings]
    assert sentences == sorted(set(sentences)) and len(sentences) == 3


def test_every_finding_keeps_one_status_and_its_order() -> None:
    found = read("no pain or swelling, ?DVT, calcification removed, mother has calcification").findings
    assert [f.mention.first for f in found] == sorted(f.mention.first for f in found)
