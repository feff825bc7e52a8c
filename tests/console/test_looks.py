"""The style sheet's colours, pair by pair (WCAG 2.2 §1.4.3 and §1.4.11). The browser test asks the drawn page itself."""

import re

import pytest

from hl7calf.console.rendering import static_files

CSS = static_files()["console.css"][1].decode()
TEXT = [
    *((ink, behind) for ink in ("ink", "quiet", "accent", "wrong") for behind in ("paper", "card", "hover")),
    ("on-accent", "accent"),
    *((f"{kind}-ink", kind) for kind in ("upgrade", "annotate", "review", "pass", "refuse", "well", "gone", "new", "seen")),
    *(("review-ink", behind) for behind in ("card", "paper")),  # cues in a sentence and in a segment
]  # fmt: skip
MEANING = [
    *((f"chart-{one}", "card") for one in ("upgrade", "annotate", "review", "column", "line", "odd")),
    ("edge", "card"), ("edge", "paper"), ("accent", "card"), ("accent", "paper"),
    ("chart-line", "chart-band"), ("chart-odd", "chart-band"),
]  # fmt: skip


def colours(scheme: str) -> dict[str, str]:
    light, _, rest = CSS.partition("@media (prefers-color-scheme: dark)")
    block = light if scheme == "light" else rest.partition("@media")[0].partition("*, *::before")[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "behind"), TEXT)
def test_text_can_be_read(scheme: str, ink: str, behind: str) -> None:
    palette = colours(scheme)
    assert contrast(palette[ink], palette[behind]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("line", "behind"), MEANING)
def test_lines_that_mean_something_can_be_seen(scheme: str, line: str, behind: str) -> None:
    palette = colours(scheme)
    assert contrast(palette[line], palette[behind]) >= 3.0


def test_both_schemes_name_the_same_colours() -> None:
    assert colours("light").keys() == colours("dark").keys()
    assert len(colours("light")) > 30


def test_every_colour_that_is_used_has_a_name_and_every_name_is_used() -> None:
    used = set(re.findall(r"var\(--([a-z-]+)\)", CSS))
    assert used == set(colours("light"))
    rules = CSS.partition("*, *::before")[2].partition("@media print")[0]
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\brgb|\bhsl", rules)


def test_focus_is_never_taken_away() -> None:
    assert ":focus-visible { outline: 3px" in CSS
    assert set(re.findall(r"([^{}]+)\{[^{}]*outline: none", CSS)) == {"\nmain "}  # it only takes the skip link's focus


def test_motion_asks_first() -> None:
    assert "transition" not in CSS.partition("prefers-reduced-motion")[0]
