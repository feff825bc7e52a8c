"""How long ago: events dated by an earlier year or by years."""

import pytest

from hl7calf.calf.dates import is_long_ago
from tests.calf.building import decide, read


@pytest.mark.parametrize(("text", "expected"), [
    ("THR 2011", True),
    ("THR 3 yrs ago", True),
    ("THR 3 years ago", True),
    ("THR 3y ago", True),
    ("2019 THR", True),
    ("THR 2026", False),
    ("THR 3 weeks ago", False),
    ("THR", False),
    ("THR room 1234", False),
])  # fmt: skip
def test_an_operation_of_years_ago_is_not_recent(text: str, expected: bool) -> None:
    [found] = [f for f in read(text).findings if f.mention.concept == "recent_surgery"]
    assert is_long_ago(found, 2026) is expected


def test_the_messages_own_year_is_the_present() -> None:
    assert "recent_surgery" in decide("Left calf calcification. THR 2026").facts.risk_factors
    assert "recent_surgery" not in decide("Left calf calcification. THR 2025").facts.risk_factors
    earlier = {"msh": {7: "20250601"}}
    assert "recent_surgery" in decide("Left calf calcification. THR 2025", **earlier).facts.risk_factors
