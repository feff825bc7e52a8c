"""The rule's name and the few choices a site has in it.

Law: the name and version go into every note and log entry; raise the version with every change of the rule that
can change a verdict.
"""

from dataclasses import dataclass

RULE_ID = "CALF-US"
RULE_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Options:
    """Choices of the site.

    `adult_age_years`: younger patients go to review (X17). `uncertain_to_review`: a suspected calcification goes
    to review instead of being upgraded (X27).
    """

    adult_age_years: int = 18
    uncertain_to_review: bool = False
