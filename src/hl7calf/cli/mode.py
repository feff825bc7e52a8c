"""`hl7calf mode`: shows or sets how far the running service may go."""

from pathlib import Path

import click

from hl7calf.cli.failures import Unusable
from hl7calf.cli.moments import time_shown
from hl7calf.cli.store import ask, find_store, store_options
from hl7calf.cli.terminal import clean, say, terminal


@click.command(short_help="Show or set how far the service may go.")
@click.argument(
    "wanted",
    metavar="[observe|annotate|upgrade]",
    required=False,
    type=click.Choice(["observe", "annotate", "upgrade"]),
)
@click.option("--reason", metavar="TEXT", help="Why; kept in the log with your name. No patient data.")
@store_options
def mode(wanted: str | None, reason: str | None, config: Path | None, data_dir: Path | None) -> None:
    """Show the mode of the service, or set it within a second (the kill switch).

    \b
    observe   decide and log, change nothing
    annotate  write notes, never a code
    upgrade   codes and notes
    """  # noqa: D301 - click wants the backspace itself, so no raw string
    from hl7calf.service.journal.reader import Reader

    folder = find_store(config, data_dir)
    if wanted is None:
        if reason is not None:
            raise Unusable("--reason goes with a mode to set: observe, annotate or upgrade.")
        with Reader(folder) as reader:
            control, running = reader.control(), reader.status().running
        term = terminal()
        set_by = (
            f", set by {control.mode_user} at {time_shown(control.mode_at)} UTC: {control.mode_reason}"
            if control.mode
            else " (nobody set one; the settings file rules)"
        )
        say(term.fold(clean(f"{control.mode.value if control.mode else 'as in the settings'}{set_by}")))
        if not running:
            say(term.fold("The service does not run."))
        return
    if not reason or not reason.strip():
        raise Unusable("A change of mode needs --reason TEXT; it is kept in the log with your name.")
    say(terminal().fold(clean(ask(folder, "mode", reason.strip(), value=wanted))))
