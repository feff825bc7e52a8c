"""The `hl7calf` group: which commands there are, each imported only when it runs.

Law: the table below is all that `--help` needs. A test holds it to the commands' own first lines.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click

from hl7calf import __version__
from hl7calf.cli.failures import failing_kindly
from hl7calf.cli.terminal import terminal

WIDEST_HELP = 100


class Listed(NamedTuple):
    """One line of `hl7calf --help`: where the command lives and what it does."""

    place: str
    does: str


COMMANDS = {
    "demo": Listed("demo:demo", "Show the whole job on this machine: receiver, service, samples, log."),
    "init": Listed("init:init", "Write a commented hl7calf.toml and a copy of the mappings into DIR."),
    "serve": Listed("serve:serve", "Run the service in the foreground."),
    "vet": Listed("vet:vet", "Dry run: show what would be done with messages; send and store nothing."),
    "check": Listed("check:check", "Lint the mappings and run their examples."),
    "replay": Listed("replay:replay", "Send files, folders or stored messages over MLLP."),
    "receive": Listed("receive:receive", "Run a test receiver that acknowledges, prints or stores."),
    "log": Listed("log:log", "Show, verify or export the modification log."),
    "explain": Listed("explain:explain", "Tell what was decided for one message, on which evidence, and why."),
    "queue": Listed("queue:queue", "List, show, retry, skip, park or release waiting messages."),
    "mode": Listed("mode:mode", "Show or set how far a running service may go (the kill switch)."),
    "status": Listed("status:status", "Show one screen: mode, routes, queue, books, last error."),
    "backup": Listed("backup:backup", "Copy the store into FILE while the service runs."),
    "restore": Listed("backup:restore", "Put a copy of the store back, paused."),
    "salvage": Listed("salvage:salvage", "Make a new store of what can be read in a damaged one, paused."),
    "console": Listed("console:console", "Run the web console, a process of its own."),
    "doctor": Listed("doctor:doctor", "Try a receiver and say what to set for it."),
    "bench": Listed("bench:bench", "Measure hl7calf on this machine against a bare echo."),
}


class LazyGroup(click.Group):
    """A click group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of a first day at work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].place.partition(":")
        try:
            command = getattr(import_module(f"hl7calf.cli.{module}"), attribute)
        except ModuleNotFoundError as error:
            if error.name != f"hl7calf.cli.{module}":
                raise
            raise click.UsageError(f"`{cmd_name}` is not part of this installation.", ctx) from None
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command named, and suggest the nearest one when there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"No command `{args[0]}`." + (f" Did you mean `{near[0]}`?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.does) for name, listed in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run, turn every failure into one clear sentence, and exit with 0, 1 or 2."""
        extra["standalone_mode"] = False
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")
        width = terminal().width
        if width is not None:  # click folds at 50 columns at the least by itself
            extra.setdefault("terminal_width", min(width, WIDEST_HELP))
        run = super().main
        sys.exit(failing_kindly(lambda: run(args=args, prog_name=prog_name, **extra)))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Shell completion: eval "$(_HL7CALF_COMPLETE=bash_source hl7calf)" (or zsh_source, fish_source).',
)
@click.version_option(__version__, message="hl7calf %(version)s")
def hl7calf() -> None:
    """Raise limited venous ultrasound orders for calf calcification to the complete duplex study.

    Receives HL7 v2 over MLLP, stores before it acknowledges, passes everything on in order, and
    can explain every decision. Start with `hl7calf demo`; each command has its own --help.
    """
