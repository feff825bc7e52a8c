import errno
from collections.abc import Callable
from typing import Any

import click
import pytest

from hl7calf.cli.failures import Stopped, Unusable, failing_kindly
from hl7calf.errors import Defect, JournalFull, JournalLocked, MappingError, SettingsError, WireError


def raising(error: BaseException) -> Callable[[], Any]:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Stopped("Two messages were refused."), 1, "Two messages were refused."),
        (Unusable("Give a folder."), 2, "Give a folder."),
        (click.UsageError("No such option: --x."), 2, "No such option: --x. Try `hl7calf --help`."),
        (KeyboardInterrupt(), 1, "Stopped by Ctrl-C"),
        (
            SettingsError("route[1].listn", "is not a setting", "the nearest is listen"),
            2,
            "`route[1].listn`: is not a setting. The nearest is listen.",
        ),
        (
            MappingError([Defect("sites.csv", 3, 7, "T_ROW", "has no status", "write yes or no")]),
            2,
            "sites.csv:3:7: T_ROW: has no status (write yes or no)",
        ),
        (
            WireError("H_NO_MSH", "the payload does not begin with MSH"),
            1,
            "its sender must mend it: the payload does not begin with MSH [H_NO_MSH]",
        ),
        (JournalFull(), 1, "There is no room for the store. Make room"),
        (JournalLocked("var"), 1, "Another hl7calf runs on this data_dir."),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "x.hl7"),
            2,
            "x.hl7: no such file or directory. Check the name",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "x.hl7"),
            2,
            "x.hl7: permission denied. Check the name and your rights",
        ),
        (OSError(errno.ENOSPC, "No space left on device", "out"), 1, "out: no space left on device."),
    ],
)
def test_each_failure_is_one_clear_sentence_and_an_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing_kindly(raising(error)) == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert "Traceback" not in shown.err and not shown.out


def test_an_unforeseen_error_names_its_place_and_never_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing_kindly(raising(ValueError("PID|1||DOE^JOHN"))) == 1
    shown = capsys.readouterr().err
    assert "ValueError at test_failures.py:" in shown
    assert "DOE" not in shown


def test_a_hostile_file_name_cannot_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    failing_kindly(raising(FileNotFoundError(errno.ENOENT, "No such file", "\x1b]0;x\x07")))
    assert "\x1b" not in capsys.readouterr().err


def test_what_a_command_returns_is_the_exit_code() -> None:
    assert [failing_kindly(lambda code=code: code) for code in (None, 0, 1)] == [0, 0, 1]
