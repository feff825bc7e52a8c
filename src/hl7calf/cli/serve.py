"""`hl7calf serve`: runs the service in the foreground."""

import gc
from pathlib import Path

import click

from hl7calf.cli.store import find_config


@click.command(short_help="Run the service in the foreground.")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="HL7CALF_CONFIG",
    help="Settings file [default: $HL7CALF_CONFIG or ./hl7calf.toml].",
)
def serve(config: Path | None) -> int:
    """Run the service in the foreground, as systemd wants it.

    SIGTERM or Ctrl-C finishes what is in flight and exits 0; SIGHUP reloads mappings, mode and policy, and
    a broken reload keeps the old ones and says so. Log lines go to stderr. Exit code 75 when the disk failed.
    """
    path = find_config(config)
    gc.disable()  # what is made from here on stays: `run` sets it apart, and turns this on again
    try:
        from hl7calf.app import serve as run_service

        return run_service(path)
    finally:
        gc.enable()
