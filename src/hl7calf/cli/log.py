"""`hl7calf log`: the modification log, shown, followed, verified, exported."""

import csv
import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hl7calf.cli.failures import Unusable
from hl7calf.cli.moments import moment
from hl7calf.cli.store import open_reader, store_options
from hl7calf.cli.terminal import clean, say, say_err, terminal

if TYPE_CHECKING:
    from hl7calf.cli.entries import LogLines
    from hl7calf.service.journal.reader import Reader
    from hl7calf.service.journal.views import LogEntry, LogFilter

F = TypeVar("F", bound=Callable[..., Any])
PAGE = 500
HASH_BYTES = 32  # SHA-256
LOOK_EVERY_S = 0.25
_ACTIONS = ["pass", "review", "annotate", "upgrade", "refuse"]


def filter_options(command: F) -> F:
    """Add the options that choose entries; `_filter` makes a LogFilter of them."""
    for option in (
        click.option("--placer", metavar="NUMBER", default="", help="Of this placer order number (ORC-2)."),
        click.option("--control-id", metavar="ID", default="", help="Of this message control ID (MSH-10)."),
        click.option(
            "--kind", metavar="KIND", default="", help="message, raised, review, reveal, mode, queue, parked, start ..."
        ),
        click.option("--action", type=click.Choice(_ACTIONS), default=None, help="With this action."),
        click.option("--route", metavar="NAME", default="", help="Of this route."),
        click.option("--until", metavar="WHEN", help="Before then."),
        click.option("--since", metavar="WHEN", help="From then on: 2h, 3d, or an ISO time (UTC)."),
    ):
        command = option(command)
    return command


@click.group(short_help="The modification log.", invoke_without_command=True)
@click.pass_context
@filter_options
@click.option("-n", "--last", type=click.IntRange(1), help="The last N entries only [default: 200 without a filter].")
@click.option("-f", "--follow", is_flag=True, help="Go on showing new entries until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@store_options
def log(
    ctx: click.Context,
    /,
    last: int | None,
    follow: bool,
    as_json: bool,
    config: Path | None,
    data_dir: Path | None,
    **chosen: Any,
) -> None:
    """Show the modification log, newest last; `log verify` proves it, `log export` takes it elsewhere.

    One line for each order looked at, with the gate that stopped a change or the code that was changed.
    """
    from hl7calf.cli.entries import LogLines

    if ctx.invoked_subcommand is not None:
        ctx.obj = (config, data_dir)
        return
    unlimited = chosen["since"] is not None
    wanted, lines = _filter(chosen), LogLines(terminal())
    with open_reader(config, data_dir) as reader:
        if unlimited and last is None:
            found = _pages(reader, wanted, 0)
        else:
            found = iter(reader.newest_entries(wanted, last or 200))
        if lines.heading() and not as_json and follow:
            say(lines.heading())
        shown = _show(found, as_json, lines if follow else None)
        if follow:
            _follow(reader, wanted, max(shown, 0) or _newest(reader), as_json, lines)
    if not shown and not follow and not as_json:
        say_err("No entry matches." if any(chosen.values()) else "The log is empty: no order was looked at yet.")


@log.command(short_help="Prove that the log is whole.")
@click.option("--anchor", metavar="SEQ:HASH", help="An end of the log noted earlier: proves nothing was cut off since.")
@store_options
@click.pass_obj
def verify(
    parent: tuple[Path | None, Path | None], /, anchor: str | None, config: Path | None, data_dir: Path | None
) -> int:
    """Prove that no entry was changed, removed, swapped or inserted; exit code 1 when one was.

    The last line is an anchor: note it elsewhere, and give it next time, for a cut tail shows only so.
    """
    from hl7calf.service.modlog import Anchor

    noted = None
    if anchor is not None:
        sequence, _, digest = anchor.partition(":")
        try:
            noted = Anchor(int(sequence), bytes.fromhex(digest))
        except ValueError:
            noted = None
        if noted is None or len(noted.hash) != HASH_BYTES:
            raise Unusable(f"`{anchor}` is no anchor; write SEQ:HASH as `log verify` printed it.")
    with open_reader(config or parent[0], data_dir or parent[1]) as reader:
        result = reader.verify(noted)
    for finding in result.findings:
        say(terminal().paint("wrong ", fg="red") + clean(f"entry {finding.sequence}: {finding.what}"))
    if not result.ok:
        say(
            f"The log was changed: {len(result.findings)} findings in {result.checked} entries. "
            "Keep the store as it is and tell whoever answers for it."
        )
        return 1
    say(f"The log is whole: {result.checked} {'entry' if result.checked == 1 else 'entries'} checked.")
    say(f"{result.head.sequence}:{result.head.hash.hex()}")
    return 0


@log.command(short_help="Write the log as CSV or JSON.")
@click.option("--csv", "shape", flag_value="csv", help="A row for each order; cells are safe to open.")
@click.option("--json", "shape", flag_value="json", help="One JSON object a line.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Into this new file, not to stdout.")
@filter_options
@store_options
@click.pass_obj
def export(
    parent: tuple[Path | None, Path | None],
    /,
    shape: str | None,
    out: Path | None,
    config: Path | None,
    data_dir: Path | None,
    **chosen: Any,
) -> None:
    """Write the log, oldest first, as CSV for a spreadsheet or as JSON lines."""
    if shape is None:
        raise Unusable("Which form? Give --csv or --json.")
    wanted = _filter(chosen)
    with open_reader(config or parent[0], data_dir or parent[1]) as reader:
        if out is None:
            _export(_pages(reader, wanted, 0), shape, sys.stdout)
            return
        try:
            with out.open("x", encoding="utf-8", newline="") as file:
                _export(_pages(reader, wanted, 0), shape, file)
        except FileExistsError:
            raise Unusable(f"{out} is there already; choose another name.") from None


def _filter(chosen: dict[str, Any]) -> "LogFilter":
    from hl7calf.service.journal.views import LogFilter

    now = time.time()
    return LogFilter(
        since=moment(chosen["since"], now),
        until=moment(chosen["until"], now),
        route=chosen["route"],
        action=chosen["action"] or "",
        kind=chosen["kind"],
        control_id=chosen["control_id"],
        placer=chosen["placer"],
    )


def _pages(reader: "Reader", wanted: "LogFilter", after: int) -> "Iterator[LogEntry]":
    """Yield all entries that match, oldest first, a page at a time."""
    while page := reader.entries(wanted, after=after, limit=PAGE):
        yield from page
        after = page[-1].sequence


def _show(entries: "Iterator[LogEntry] | list[LogEntry]", as_json: bool, lines: "LogLines | None" = None) -> int:
    """Write entries to stdout; return the last one's sequence number, 0 for none.

    Args:
        lines: go on with these, so that no heading is said twice.
    """
    from hl7calf.cli.entries import LogLines, entry_to_json

    sequence, begun = 0, lines is not None
    lines = lines or LogLines(terminal())
    for entry in entries:
        if as_json:
            say(entry_to_json(entry))
        else:
            if not begun and lines.heading():
                say(lines.heading())
            begun = True
            for line in lines.of(entry):
                say(line)
        sequence = entry.sequence
    return sequence


def _follow(reader: "Reader", wanted: "LogFilter", after: int, as_json: bool, lines: "LogLines") -> None:
    """Show new entries until Ctrl-C, which is how this ends."""
    try:
        while True:
            sys.stdout.flush()
            after = _show(_pages(reader, wanted, after), as_json, lines) or after
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        return


def _newest(reader: "Reader") -> int:
    return reader.head().sequence


def _export(entries: "Iterator[LogEntry]", shape: str, file: Any) -> None:
    from hl7calf.cli.entries import COLUMNS, entry_rows, entry_to_json

    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\r\n")  # RFC 4180 §2
    if shape == "csv":
        writer.writerow(COLUMNS)
    for entry in entries:
        if shape == "csv":
            writer.writerows(entry_rows(entry))
        else:
            line.write(entry_to_json(entry) + "\n")
        file.write(line.getvalue())
        line.seek(0)
        line.truncate()
    file.write(line.getvalue())
