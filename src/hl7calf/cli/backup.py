"""`hl7calf backup` and `hl7calf restore`: a copy of the store while the service runs, and putting one back.

Law: nothing that is there is ever overwritten; a copy that is put back starts paused, because what it holds as
queued may have been delivered since it was taken ([Promises] R19).
"""

import socket
import time
from pathlib import Path

import click

from hl7calf.cli.store import find_store, os_user, read_settings, store_options
from hl7calf.cli.terminal import clean, say, terminal


@click.command(short_help="Copy the store into FILE while the service runs.")
@click.argument("file", type=click.Path(path_type=Path))
@store_options
def backup(file: Path, config: Path | None, data_dir: Path | None) -> None:
    """Copy the store into FILE, as it is at this moment; the service may run meanwhile.

    FILE must not be there yet. It holds patient data. `hl7calf restore` puts it back.
    """
    from hl7calf.service.journal.backup import backup as copy

    size = copy(find_store(config, data_dir), file, time.time())
    say(terminal().fold(clean(f"{file}: {size / 1e6:.1f} MB. It holds patient data; guard it like the store.")))


@click.command(short_help="Put a copy of the store back, paused.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="HL7CALF_CONFIG",
    help="Settings file [default: $HL7CALF_CONFIG or ./hl7calf.toml].",
)
def restore(file: Path, config: Path | None) -> None:
    """Put a copy made by `hl7calf backup` back as the store; the service must not run.

    There must be no store in `data_dir`; move the old one away first. The service then takes messages and
    forwards none until `hl7calf queue resume`: what the copy holds as queued may have been delivered since.
    """
    from hl7calf.service.journal.backup import restore as put_back

    settings = read_settings(config)
    node = settings.service.node or socket.gethostname()
    put_back(file, Path(settings.service.data_dir), node=node, user=os_user(), at=time.time())
    say(
        terminal().fold(
            "The store is back, and forwarding is paused. Start the service, compare `hl7calf queue list` with "
            "radiology, skip what it has already, then `hl7calf queue resume --reason TEXT`."
        )
    )
