import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.console.drawing import WIDTH, band, bars, dots, line, round_top, stacks

COUNTS = st.lists(st.integers(0, 10**6), max_size=60)


@given(COUNTS)
def test_bars_stay_inside_the_picture(values: list[int]) -> None:
    for bar in bars(values, 24.0):
        assert bar.x >= -0.02
        assert bar.x + bar.width <= WIDTH + 0.02
        assert bar.y >= -0.02
        assert bar.y + bar.height <= 24.02


def test_the_tallest_bar_fills_the_height_and_a_single_message_is_still_seen() -> None:
    drawn = bars([0, 1, 1000], 24.0)
    assert drawn[0].height == 0
    assert drawn[1].height >= 0.9
    assert (drawn[2].y, drawn[2].height) == (0.0, 24.0)


def test_no_message_at_all_is_no_bar() -> None:
    assert all(bar.height == 0 for bar in bars([0] * 24, 24.0))
    assert bars([], 24.0) == []


def test_a_stack_is_as_tall_as_its_parts_together() -> None:
    drawn = stacks([{"upgrade": 2, "review": 1}], ("upgrade", "annotate", "review"), 40.0, 4)
    assert [bar.kind for bar in drawn] == ["upgrade", "review"]
    assert sum(bar.height for bar in drawn) == pytest.approx(30.0)
    assert drawn[1].y + drawn[1].height == pytest.approx(drawn[0].y)


def test_a_line_is_interrupted_where_there_is_no_value() -> None:
    assert line([1.0, 2.0, None, 4.0], 40.0, 4.0) == "M12.5 30 L37.5 20 M87.5 0"


def test_points_are_drawn_for_values_alone() -> None:
    drawn = dots([1.0, None, 4.0], [False, True, True], 40.0, 4.0)
    assert [(dot.y, dot.unusual) for dot in drawn] == [(30.0, False), (0.0, True)]


def test_a_band_is_one_polygon_for_each_stretch() -> None:
    drawn = band([0.0, 0.0, None, 0.0, 0.0], [4.0, 4.0, None, 4.0, 4.0], 40.0, 4.0)
    assert drawn == ["10,0 30,0 30,40 10,40", "70,0 90,0 90,40 70,40"]
    assert band([0.0], [1.0], 40.0, 1.0) == []


@given(st.floats(1e-6, 1e9))
def test_a_round_top_is_at_or_just_above(value: float) -> None:
    assert value * (1 - 1e-6) <= round_top(value) <= value * 1.6


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (3, 3), (7, 8), (10, 10), (11, 15), (29, 30), (0.51, 0.6), (0.03, 0.03)]
)
def test_tops_are_round_and_near(value: float, top: float) -> None:
    assert round_top(value) == top
