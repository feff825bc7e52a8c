"""`hl7calf salvage`: a new store from what can still be read in a damaged one.

Law: the damaged files are only read; the new store starts paused, and what is doubtful is told, message by message.
"""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hl7calf.cli.store import os_user, read_settings
from hl7calf.cli.terminal import clean, say, terminal

if TYPE_CHECKING:
    from hl7calf.service.journal.salvage import Salvaged

SHOWN = 50  # numbers told one by one; the rest is a number


@click.command(short_help="Make a new store of what can be read in a damaged one, paused.")
@click.argument("damaged", type=click.Path(path_type=Path, exists=True))
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="HL7CALF_CONFIG",
    help="Settings file [default: $HL7CALF_CONFIG or ./hl7calf.toml].",
)
def salvage(damaged: Path, config: Path | None) -> int:
    """Make a new store of what can still be read in DAMAGED, a data folder (or its database) that was moved away.

    There must be no store in `data_dir`, and the service must not run. DAMAGED is left as it is. The new store
    takes messages and forwards none until `hl7calf queue resume`. Exit code 1 when messages were lost or need a
    person's decision.
    """
    from hl7calf.service.journal import backup
    from hl7calf.service.journal.salvage import salvage as put_together

    settings = read_settings(config)
    folder = Path(settings.service.data_dir)
    node = settings.service.node or socket.gethostname()
    found = put_together(damaged, folder, node=node, user=os_user(), at=time.time())
    for line in _told(found, backup.check(folder)):
        say(terminal().fold(clean(line), hang="  "))
    return 1 if found.lost or found.doubtful else 0


def _told(found: "Salvaged", wrong: list[str]) -> Iterator[str]:
    """Yield what a person must know, a line each."""
    yield (
        f"{found.messages} messages were found whole, {found.waiting} of them still to be delivered, and "
        f"{found.entries} entries of the modification log."
    )
    if found.unreadable:
        yield f"{found.unreadable} rows could not be read."
    if found.lost:
        yield (
            f"LOST: {len(found.lost)} messages were still to be delivered and their bytes are gone: "
            f"{_numbers(found.lost)}. Ask the senders for what they sent before the damage."
        )
    if found.doubtful:
        parked = _numbers(sorted(found.doubtful))
        yield f"Parked for a person to decide: {parked} (`hl7calf queue list --state parked`)."
    for line in wrong[:SHOWN]:
        yield f"The log or the store is not whole: {line}."
    if len(wrong) > SHOWN:
        yield f"... and {len(wrong) - SHOWN} more."
    yield (
        "Forwarding is paused. Start the service, compare `hl7calf queue list` with radiology, skip what it has "
        "already, then `hl7calf queue resume --reason TEXT`."
    )


def _numbers(numbers: list[int]) -> str:
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return ", ".join(map(str, numbers[:SHOWN])) + more
