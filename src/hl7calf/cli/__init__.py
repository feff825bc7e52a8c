"""The command line: `hl7calf COMMAND`.

Law: nothing here imports a command, Twisted, msgspec, rich or hl7 before the command is known, so
that `hl7calf --help` answers at once. Each command is one small module beside this file.
Exit codes: 0 done, 1 done and something is wrong, 2 unusable arguments or settings.
"""

from hl7calf.cli.group import hl7calf

__all__ = ["hl7calf", "main"]


def main() -> None:
    """Run the command line; the console script's entry point."""
    hl7calf.main(prog_name="hl7calf")
