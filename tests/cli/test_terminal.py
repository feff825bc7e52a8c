import io

import pytest

from hl7calf.cli.terminal import Terminal, clean, table, terminal


class Window(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\nc\td\0", "a\\x0db\\x0ac\\x09d\\x00"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("in\u200bvisible", "in\\u200bvisible"),
        ("\ufeffMSH", "\\ufeffMSH"),
        ("\udc80", "\\udc80"),
        ("Größe 北京", "Größe 北京"),
    ],
)
def test_terminal_escapes_and_invisible_characters_are_written_out(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


def test_a_newline_stays_only_where_it_is_ours() -> None:
    assert clean("a\nb", keep="\n") == "a\nb"


def test_there_is_no_colour_outside_a_window() -> None:
    assert not terminal(io.StringIO()).colour


def test_there_is_colour_in_a_window() -> None:
    assert terminal(Window()).colour


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_color_and_a_dumb_terminal_are_honoured(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert not terminal(Window()).colour


def test_an_empty_no_color_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert terminal(Window()).colour


def test_columns_set_the_width_even_without_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    assert terminal(io.StringIO()).width is None
    monkeypatch.setenv("COLUMNS", "40")
    assert terminal(io.StringIO()).width == 40


def test_a_table_that_fits_is_a_table() -> None:
    shown = table(["route", "queued"], [["orders", "12"], ["results", "3"]], Terminal(), right=(1,))
    assert shown.split("\n") == ["route    queued", "orders       12", "results       3"]


def test_a_table_that_does_not_fit_becomes_blocks_no_wider_than_the_window() -> None:
    shown = table(
        ["control id", "why"], [["A1", "the destination does not answer and has not for hours"]], Terminal(width=40)
    )
    assert shown.startswith("control id  A1\nwhy         the destination")
    assert max(map(len, shown.split("\n"))) <= 40


ROWS = [["1", "parked", "the destination answered AR: 204 unknown key identifier"], ["12", "queued", ""]]


@pytest.mark.parametrize(("width", "shown"), [
    (80, "no  state   why\n 1  parked  the destination answered AR: 204 unknown key identifier\n12  queued"),
    (65, "no state  why\n 1 parked the destination answered AR: 204 unknown key identifier\n12 queued"),
    (40, "no  state\n 1  parked\n    the destination answered AR: 204\n    unknown key identifier\n12  queued"),
])  # fmt: skip
def test_a_table_moves_closer_together_and_then_sets_its_last_column_below(width: int, shown: str) -> None:
    assert table(["no", "state", "why"], ROWS, Terminal(width=width), right=(0,), last_below=True) == shown


def test_a_cell_cannot_break_out_of_its_table() -> None:
    assert "\x1b" not in table(["id"], [["\x1b]0;owned\x07"]], Terminal())


def test_painting_without_colour_changes_nothing() -> None:
    assert Terminal().paint("text", fg="red", bold=True) == "text"
    assert Terminal(colour=True).paint("text", fg="red") == "\x1b[31mtext\x1b[0m"
