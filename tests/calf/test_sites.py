"""Which site a calcification belongs to: the nearest of its own clause; [ClinicalNotes 5.3], scope by site."""

import pytest

from hl7calf.calf.sites import Attached, Attachment
from tests.calf.building import decide, read, tables


def attached(*texts: str) -> Attached:
    """Return the first calcification of some passages with its sites."""
    reads = [read(text) for text in texts]
    attachment = Attachment(reads, tables())
    return next(
        attachment.attach(one, found)
        for one in reads
        for found in one.findings
        if found.mention.phrase.table == "calcification"
    )


@pytest.mark.parametrize(("text", "site"), [
    ("calcification in the calf", "calf"),
    ("calf calcification", "calf"),
    ("calcified left gastrocnemius", "calf"),
    ("calcification noted in the medial gastroc", "calf"),
    ("calcification of the left posterior lower leg", "calf"),
    ("soleus calcs", "calf"),
    ("calcification of the knee", "knee"),
    ("thigh calcification", "thigh"),
    ("calcification popliteal fossa", "popliteal"),
    ("ankle calcification", "ankle"),
    ("leg calcification", "leg"),
    ("calcification of the shin", "shin"),
    ("breast calcifications", "breast"),
    ("knee pain, calcification in calf", "calf"),
    ("calf calcification, knee pain", "calf"),
])  # fmt: skip
def test_a_calcification_belongs_to_the_site_it_stands_with(text: str, site: str) -> None:
    assert site in attached(text).names


@pytest.mark.parametrize("text", [
    "calf pain; aortic calcification",
    "Left calf pain. Breast calcifications on mammogram",
    "calf swelling, knee calcification",
    "coronary calcification, calf cramps",
    "calf pain. Calcification at Achilles insertion",
    "calf tender, renal calcification",
])  # fmt: skip
def test_a_calf_in_another_clause_is_not_enough(text: str) -> None:
    assert "calf" not in attached(text).names


@pytest.mark.parametrize("text", [
    "coronary calcification. Left calf calcification",
    "knee calcification, and calcification in the left calf",
    "thigh and calf calcifications",
    "calf and ankle calcification",
])  # fmt: skip
def test_a_second_site_does_not_hide_the_calf(text: str) -> None:
    assert decide("Left side. " + text).facts.calcification == "affirmed"
    assert decide("Left side. " + text).facts.target


def test_the_film_names_what_was_imaged_and_not_where_the_finding_is() -> None:
    assert attached("Calcification in calf on knee XR").names == {"calf"}


def test_in_another_passage_the_calf_is_taken_when_no_site_is_named() -> None:
    assert attached("Calcification on XR", "Left calf").names == {"calf"}
    assert attached("Left calf", "Calcification on XR").names == {"calf"}


def test_without_any_site_it_belongs_to_none() -> None:
    assert attached("Calcification").sites == ()


def test_the_place_is_told_in_words_of_the_table() -> None:
    decided = decide("Calcification in the left medial gastrocnemius")
    assert decided.facts.location and "gastrocnemius" in decided.facts.location


@pytest.mark.parametrize(("reason", "action"), [
    ("Left calf pain; aortic calcification", "pass"),
    ("Left calf pain. Left breast calcifications", "pass"),
    ("Left leg calcification", "review"),
    ("Left shin calcification", "review"),
    ("Calcification on x-ray, left", "review"),
    ("Left calf calcification", "upgrade"),
])  # fmt: skip
def test_the_site_decides_about_the_order(reason: str, action: str) -> None:
    assert decide(reason).action == action
