"""Sites that only name what was imaged."""

import pytest

from hl7calf.calf.films import film_sites
from tests.calf.building import read, tables


@pytest.mark.parametrize(("text", "films"), [
    ("calf calcification on knee XR", ["knee"]),
    ("XR of the knee: calf calcification", ["knee"]),
    ("CT abdomen, calf calcification", ["abdomen"]),
    ("knee and ankle films", ["ankle"]),
    ("calcification in the calf", []),
    ("calf pain. XR negative", []),
])  # fmt: skip
def test_a_films_region_is_told_from_the_place_of_the_finding(text: str, films: list[str]) -> None:
    found = read(text)
    assert [found.sites[i].concept for i in sorted(film_sites(found, tables()))] == films
