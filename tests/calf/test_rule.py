"""The rule's name and the site's choices."""

from hl7calf.calf.rule import RULE_ID, RULE_VERSION, Options
from tests.calf.building import judge, order


def test_name_and_version_go_into_every_verdict_and_note() -> None:
    verdict = judge(order())
    assert verdict.rule == f"{RULE_ID} {RULE_VERSION}"
    assert f" rule {RULE_ID}-{RULE_VERSION} ".encode() in verdict.outbound


def test_the_choices_are_careful_where_nothing_is_chosen() -> None:
    assert (Options().adult_age_years, Options().uncertain_to_review) == (18, False)
