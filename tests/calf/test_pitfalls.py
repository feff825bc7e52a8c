"""The five pitfalls of the guideline (R17), each named when an order falls into it and not when it does not."""

import pytest

from hl7calf.calf.pitfalls import PITFALLS
from tests.calf.building import COMPLETE_LEFT, decide

FULL = "Stippled calcification left medial gastrocnemius on x-ray, pain x 3 days, r/o DVT"
DOPPLER = "USVENLTDL^US VENOUS DOPPLER LIMITED LEFT^L"


def test_an_order_that_says_all_falls_into_none_but_the_limited_protocol() -> None:
    assert decide(FULL, service=DOPPLER).pitfalls == ("limited_protocol",)
    assert decide(FULL, service=COMPLETE_LEFT).pitfalls == ()


@pytest.mark.parametrize(("pitfall", "falls", "does_not"), [
    ("limited_protocol", {"service": DOPPLER}, {"service": COMPLETE_LEFT}),
    ("area_not_specified", {"reason": "", "diagnoses": ["M61.462"]}, {"reason": FULL}),
    ("clinical_information_missing", {"reason": "Left calf calcification on x-ray"}, {"reason": FULL}),
    ("clinical_information_missing", {"reason": "Left calf calcification, pain"}, {"reason": FULL}),
    ("assumed_benign", {"reason": FULL + ". Likely benign"}, {"reason": FULL}),
    ("assumed_benign", {"reason": FULL + ". Benign appearing"}, {"reason": FULL + ". Not benign"}),
    ("no_doppler", {"service": "USVENLTDL^US VENOUS LIMITED LEFT^L"}, {"service": DOPPLER}),
    ("no_doppler", {"service": "V^US VENOUS LEG LIMITED LEFT^L"}, {"service": "V^VENOUS DUPLEX LIMITED LEFT^L"}),
])  # fmt: skip
def test_each_pitfall_is_named_when_fallen_into(
    pitfall: str, falls: dict[str, object], does_not: dict[str, object]
) -> None:
    base: dict[str, object] = {"reason": FULL, "service": DOPPLER}
    assert pitfall in decide(**{**base, **falls}).pitfalls  # type: ignore[arg-type]
    assert pitfall not in decide(**{**base, **does_not}).pitfalls  # type: ignore[arg-type]


def test_there_are_five_and_each_has_its_words() -> None:
    assert list(PITFALLS) == [
        "limited_protocol", "area_not_specified", "clinical_information_missing", "assumed_benign", "no_doppler",
    ]  # fmt: skip
    assert all(PITFALLS.values())


def test_an_order_that_is_no_target_falls_into_none() -> None:
    assert decide("Left calf pain, likely benign").pitfalls == ()


def test_a_pitfall_changes_no_decision() -> None:
    assert decide(FULL + ". Likely benign", service=DOPPLER).action == "upgrade"
