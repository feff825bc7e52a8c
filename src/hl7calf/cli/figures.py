"""The figures of `bench`, each beside its budget (docs/architecture.md, Budgets).

Law: a figure without a budget is there to judge the others by, and is never missed.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hl7calf.cli.terminal import table, terminal


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured.

    Attributes:
        budget: in words.
        within: None where there is none.
        how: what was done to measure it.
    """

    name: str
    value: float
    unit: str
    budget: str = ""
    within: bool | None = None
    how: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the object of `bench --json`."""
        return {
            "name": self.name, "value": round(self.value, 4), "unit": self.unit, "budget": self.budget or None,
            "within": self.within, "how": self.how,
        }  # fmt: skip


def at_least(bound: float, name: str, value: float, unit: str, how: str = "") -> Figure:
    """Return a figure that should not be lower."""
    return Figure(name, value, unit, f"at least {bound:,g} {unit}", value >= bound, how)


def under(bound: float, name: str, value: float, unit: str, how: str = "") -> Figure:
    """Return a figure that should be lower."""
    return Figure(name, value, unit, f"under {bound:,g} {unit}", value < bound, how)


def missed(figures: Sequence[Figure]) -> list[Figure]:
    """Return the figures that are not within their budgets."""
    return [figure for figure in figures if figure.within is False]


def as_table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table for a person."""
    words = {None: "", True: "yes", False: "NO"}
    rows = [
        [figure.name, f"{figure.value:,.1f} {figure.unit}", figure.budget, words[figure.within]] for figure in figures
    ]
    return table(["measured", "value", "budget", "within"], rows, terminal(sys.stdout), right=(1,))
