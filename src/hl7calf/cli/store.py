"""Finding and opening the store that a command is about.

Law: commands read through one read-only connection and never write; what they want done they ask of the
running service (`ask`). The service need not run to be read.
"""

import getpass
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hl7calf.cli.failures import Stopped, Unusable

if TYPE_CHECKING:
    from hl7calf.config import Settings
    from hl7calf.service.journal.reader import Reader

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_CONFIG = Path("hl7calf.toml")
ANSWER_TIMEOUT_S = 5.0  # the service looks every 200 ms (control_poll_ms)


def store_options(command: F) -> F:
    """Add `-c` and `--data-dir` to a command; `open_reader` takes both."""
    command = click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the store, without -c.")(
        command
    )
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        envvar="HL7CALF_CONFIG",
        help="Settings file [default: $HL7CALF_CONFIG or ./hl7calf.toml].",
    )(command)


def find_config(config: Path | None) -> Path:
    """Return the settings file named, or ./hl7calf.toml.

    Raises:
        Unusable: none was named and there is none here.
    """
    if config is None and not DEFAULT_CONFIG.exists():
        raise Unusable("Which settings? Give -c hl7calf.toml; `hl7calf init DIR` writes one.")
    return config or DEFAULT_CONFIG


def read_settings(config: Path | None) -> "Settings":
    """Read the settings file named, or ./hl7calf.toml.

    Raises:
        Unusable: none was named and there is none here.
    """
    from hl7calf.config import load_settings

    return load_settings(find_config(config))


def find_store(config: Path | None, data_dir: Path | None) -> Path:
    """Return the folder of the store.

    Raises:
        Unusable: nothing names it, or it holds no store yet.
    """
    if data_dir is None:
        if config is None and not DEFAULT_CONFIG.exists():
            raise Unusable("Which store? Give -c hl7calf.toml or --data-dir DIR.")
        settings = read_settings(config)
        data_dir = Path(settings.service.data_dir)
    if not (data_dir / "hl7calf.sqlite3").exists():
        raise Unusable(f"{data_dir}: no store there yet; `hl7calf serve` makes one when it starts.")
    return data_dir


def open_reader(config: Path | None, data_dir: Path | None) -> "Reader":
    """Return a read-only view of the store; use it as a context manager.

    Raises:
        Unusable: the store is not there.
    """
    from hl7calf.service.journal.reader import Reader

    return Reader(find_store(config, data_dir))


def ask(data_dir: Path, kind: str, reason: str, message_id: int | None = None, value: str = "") -> str:
    """Ask the running service to do something, in the name of the one who is logged in; return its answer.

    Raises:
        Stopped: the service refused, or does not answer.
    """
    from hl7calf.service.journal import desk
    from hl7calf.service.journal.reader import Reader

    number = desk.ask(data_dir, kind, user=os_user(), reason=reason, at=time.time(), message_id=message_id, value=value)
    with Reader(data_dir) as reader:
        answer = desk.wait_for(reader, number, ANSWER_TIMEOUT_S)
    if answer is None:
        raise Stopped(
            f"The service did not answer within {ANSWER_TIMEOUT_S:g} s. The request is noted and will be "
            "carried out when it runs; look with `hl7calf status`."
        )
    if not answer.ok:
        raise Stopped(answer.message)
    return answer.message


def os_user() -> str:
    """Return who is at the keyboard: the one who called sudo, else the owner of this process."""
    by_sudo = os.environ.get("SUDO_USER")
    try:
        own = getpass.getuser()
    except (KeyError, OSError):  # no passwd entry, as in a container
        own = f"uid {os.getuid()}"
    return f"{by_sudo} (sudo {own})" if by_sudo and by_sudo != own else own
