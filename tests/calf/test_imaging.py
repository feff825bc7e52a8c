"""Which imaging was done before: what is pending, planned or denied does not count."""

import pytest

from hl7calf.calf.imaging import read_imaging
from tests.calf.building import decide, read, tables


def imaging(text: str, kind: str = "text", has_earlier_study: bool = False) -> str | None:
    return read_imaging([read(text, kind)], tables(), has_earlier_study)


@pytest.mark.parametrize(("text", "expected"), [
    ("calcification on x-ray", "XR"),
    ("films show calcification", "XR"),
    ("radiograph of tib fib", "XR"),
    ("CT showed calcification", "CT"),
    ("MRI 2024", "MRI"),
    ("prior US negative", "US"),
    ("US yesterday was negative", "US"),
    ("XR, CT and MRI", "XR+CT+MRI"),
    ("MRI and XR", "XR+MRI"),
    ("needs US", None),
    ("US please", None),
    ("no x-ray", None),
    ("without CT", None),
    ("MRI pending", None),
    ("will order MRI", None),
    ("consider CT", None),
    ("CT if negative", None),
    ("get MRI", None),
    ("", None),
])  # fmt: skip
def test_only_what_was_done_counts(text: str, expected: str | None) -> None:
    assert imaging(text) == expected


def test_an_earlier_venous_study_is_an_ultrasound() -> None:
    assert imaging("", has_earlier_study=True) == "US"
    assert imaging("CT 2024", has_earlier_study=True) == "CT+US"


def test_a_film_cited_in_the_name_of_the_study_counts_and_the_study_does_not() -> None:
    assert imaging("US VENOUS LEG CALF CALCIFICATION ON XRAY", kind="name") == "XR"
    assert imaging("US VENOUS LEG", kind="name") is None


def test_a_diagnosis_text_tells_no_imaging() -> None:
    assert imaging("Abnormal x-ray of limb", kind="diagnosis") is None


def test_it_reaches_the_facts() -> None:
    assert decide("Left calf calcification on x-ray").facts.prior_imaging == "XR"
