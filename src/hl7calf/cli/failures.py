"""Turns every failure into one clear sentence that says who must do what, and an exit code.

Law: never a traceback, never text from a message. An unforeseen error names its kind and place in
the source only, because the text of an exception may quote a payload.
"""

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

from hl7calf.errors import Hl7calfError, JournalError, MappingError, SettingsError, WireError

DONE = 0
SOMETHING_WRONG = 1
UNUSABLE = 2


class Stopped(click.ClickException):
    """The command ran and something is wrong; the text says who must do what. Exit code 1."""

    exit_code = SOMETHING_WRONG


class Unusable(click.ClickException):
    """The arguments or settings cannot be used; the text says what to give instead. Exit code 2."""

    exit_code = UNUSABLE


def failing_kindly(run: Callable[[], Any]) -> int:
    """Run a command and return its exit code, having said on stderr what went wrong, if anything did."""
    try:
        result = run()
        _flush()
        return result if isinstance(result, int) and not isinstance(result, bool) else DONE
    except click.exceptions.Exit as left:
        return left.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        return _say("Stopped by Ctrl-C; what was already sent or stored stays so.", SOMETHING_WRONG)
    except click.UsageError as error:
        return _say_usage(error)
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except Hl7calfError as error:
        return _say(*sentence(error))
    except OSError as error:
        return _os_error(error)
    except Exception as error:
        if os.environ.get("HL7CALF_TRACEBACK"):
            traceback.print_exc()
        return _say(
            f"hl7calf itself failed ({_place(error)}). Please report this line; "
            "HL7CALF_TRACEBACK=1 shows more, which may quote a message.",
            SOMETHING_WRONG,
        )


def sentence(error: Hl7calfError) -> tuple[str, int]:
    """Return what a person reads for one of our errors, and the exit code."""
    match error:
        case SettingsError():
            hint = f" {error.hint[:1].upper()}{error.hint[1:]}." if error.hint else ""
            return f"Settings: `{error.key}`: {error.why}.{hint} Mend the settings file and run again.", UNUSABLE
        case MappingError():
            listed = "".join(f"\n  {defect}" for defect in error.defects[:20])
            more = f"\n  ... and {len(error.defects) - 20} more" if len(error.defects) > 20 else ""
            return f"The mappings cannot be used; mend them (`hl7calf check` lists all):{listed}{more}", UNUSABLE
        case WireError():
            return (
                f"The message cannot be read as HL7 v2; its sender must mend it: {error.why} [{error.code}]",
                SOMETHING_WRONG,
            )
        case JournalError():
            advice = (type(error).__doc__ or "").strip()
            return f"{advice} [{error}]" if str(error) else advice, SOMETHING_WRONG
        case _:
            return str(error), SOMETHING_WRONG


def _os_error(error: OSError) -> int:
    """Say which file or address failed and why; a reader that left (`| head`) ends in silence."""
    if isinstance(error, BrokenPipeError) or error.errno == errno.EPIPE:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, sys.stdout.fileno())  # so that the interpreter's last flush does not complain either
        return SOMETHING_WRONG
    why = (error.strerror or type(error).__name__).lower()
    name = f"{error.filename}: " if error.filename else ""
    found = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError | PermissionError)
    advice = " Check the name and your rights to it." if found else ""
    return _say(f"{name}{why}.{advice}", UNUSABLE if found else SOMETHING_WRONG)


def _say_usage(error: click.UsageError) -> int:
    """Say what is wrong with the arguments and where the help is."""
    path = error.ctx.command_path if error.ctx else "hl7calf"
    return _say(f"{error.format_message()} Try `{path} --help`.", UNUSABLE)


def _say(text: str, code: int) -> int:
    """Write one sentence to stderr, free of control characters, and return the code."""
    from hl7calf.cli.terminal import clean

    with contextlib.suppress(OSError):  # nobody reads stderr any more: the exit code must do
        click.echo("hl7calf: " + clean(text, keep="\n"), err=True)
    return code


def _flush() -> None:
    """Flush stdout while a broken pipe can still be caught."""
    sys.stdout.flush()


def _place(error: Exception) -> str:
    """Return the kind of an error and where in the source it was raised, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + where
