"""Which address is which page, and who may go there.

Law: the whole outside of the console is this table. A place that changes something is a POST; one that is `live`
is asked for by an open page again and again and does not count as activity.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from hl7calf.console.desk import Desk
from hl7calf.console.options import Role
from hl7calf.console.pages import log, mappings, message, overview, review, signing_in, statistics, waiting
from hl7calf.console.visit import Answer, Visit

Draw = Callable[[Desk, Visit], Answer]
_PARTS = {"number": "[0-9]{1,18}", "name": "(?:languages/[a-z]{2,8}/)?[a-z_]{1,40}[.](?:csv|txt)"}


@dataclass(frozen=True, slots=True)
class Place:
    """One method and address; `{number}` and `{name}` in the address become the visit's `args`."""

    method: str
    address: str
    draw: Draw
    role: Role = Role.VIEWER
    live: bool = False
    pattern: "re.Pattern[str]" = field(init=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\{(\w+)\}", lambda part: f"(?P<{part[1]}>{_PARTS[part[1]]})", self.address)
        object.__setattr__(self, "pattern", re.compile(pattern))


PLACES = (
    Place("GET", "/", overview.show),
    Place("GET", "/part/overview", overview.part, live=True),
    Place("POST", "/mode", overview.set_mode, Role.OPERATOR),
    Place("GET", "/log", log.show),
    Place("GET", "/part/log", log.part, live=True),
    Place("POST", "/log/search", log.search),
    Place("POST", "/log/reveal", log.reveal, Role.REVIEWER),
    Place("GET", "/entry/{number}", message.show_entry),
    Place("GET", "/message/{number}", message.show),
    Place("GET", "/message/{number}/raw", message.raw, Role.REVIEWER),
    Place("POST", "/message/{number}/reveal", message.reveal, Role.REVIEWER),
    Place("POST", "/message/{number}/decide", message.decide, Role.REVIEWER),
    Place("POST", "/hide", message.hide),
    Place("GET", "/review", review.show),
    Place("GET", "/waiting", waiting.show),
    Place("GET", "/mappings", mappings.show),
    Place("GET", "/mappings/{name}", mappings.table),
    Place("GET", "/try", mappings.show_trial),
    Place("POST", "/try", mappings.run_trial),
    Place("GET", "/statistics", statistics.show),
    Place("POST", "/sign-out", signing_in.leave),
)


def find_place(method: str, path: str) -> tuple[Place, dict[str, str]] | None:
    """Return the place of a method and path, with the path's named parts; None where there is none."""
    for place in PLACES:
        found = place.pattern.fullmatch(path)
        if found and place.method == method:
            return place, found.groupdict()
    return None
