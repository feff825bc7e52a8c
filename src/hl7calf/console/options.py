"""What a console is started with, read out of the settings by the command line.

Law: values only. The console gets an address, folders and names, never the settings file itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from hl7calf.calf.verdict import Policy

Network = IPv4Network | IPv6Network


class Role(StrEnum):
    """What a person may do here; each role may do what those before it may."""

    VIEWER = "viewer"  # sees lists, decisions and pictures, never patient data
    REVIEWER = "reviewer"  # reveals patient data and decides about reviews
    OPERATOR = "operator"  # moves messages: retry, skip, release, park; changes the mode

    def may(self, needed: "Role") -> bool:
        """Tell whether this role includes the other."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class RouteShown:
    """One route as the console names it. `review` is `forward` or `hold`; `languages` are read beside English."""

    name: str
    listen: str = ""
    forward: str = ""
    review: str = "forward"
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyShown:
    """The policy of the settings, for people."""

    id: str
    version: str
    approved_by: str
    valid_until: date


@dataclass(frozen=True, slots=True)
class Proxy:
    """A reverse proxy that signs people in: which peers are believed, and the header with the user's name."""

    networks: tuple[Network, ...]
    header: str


@dataclass(frozen=True, slots=True)
class Options:
    """Everything one console needs to know.

    `origins` are the addresses people type (`https://calf.example.org`); their hosts are the only ones answered.
    `policy` is what vetting sees, `policy_shown` what people read; `vet_options` are handed to the rule.
    """

    data_dir: Path
    mappings: Path
    origins: tuple[str, ...]
    routes: tuple[RouteShown, ...] = ()
    mode: str = "observe"
    policy: Policy | None = None
    policy_shown: PolicyShown | None = None
    proxy: Proxy | None = None
    idle_s: float = 900.0
    reveal_s: float = 600.0
    overdue_s: float = 60.0
    vet_options: Any = field(default=None)
    today: Callable[[], date] = field(default=date.today)

    @property
    def is_https(self) -> bool:
        """Tell whether people always come by TLS, so that the cookie may be for TLS alone."""
        return all(origin.startswith("https://") for origin in self.origins)
