"""`hl7calf status`: one screen for the night shift."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hl7calf.cli.moments import age, time_shown
from hl7calf.cli.store import store_options
from hl7calf.cli.terminal import clean, say, table, terminal

if TYPE_CHECKING:
    from hl7calf.cli.condition import Condition


@click.command(short_help="One screen: how it goes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@store_options
def status(as_json: bool, config: Path | None, data_dir: Path | None) -> int:
    """Show mode, policy, routes, queue, books and the last error; exit code 1 when something needs a person."""
    from hl7calf.cli.condition import read_condition

    condition = read_condition(config, data_dir, time.time())
    if as_json:
        say(json.dumps(condition.to_json()))
    else:
        _show(condition)
    return 1 if condition.needs else 0


def _show(condition: "Condition") -> None:
    """Write the screen: what needs a person first."""
    term = terminal()
    for need in condition.needs:
        say(term.paint(term.fold(clean(need), "! ", "  "), fg="red"))
    if not condition.needs:
        say(term.paint("Nothing needs a person.", fg="green"))
    say()
    status = condition.status
    for name, told in (
        ("service", f"{'runs' if status.running else 'does not run'} on node {status.node}"),
        ("mode", condition.mode_told),
        ("policy", condition.policy_told),
        ("log", f"{status.head} entries, head {status.head_hash.hex()[:16]}"),
        ("store", f"{status.bytes_used / 1e6:.1f} MB, {status.unclean_starts} unclean starts"),
        ("books", "balance" if status.balanced else "DO NOT BALANCE"),
    ):
        say(term.fold(clean(told), f"{name:9}", " " * 9))
    if not status.routes:
        say("\nNo message came in yet.")
        return
    rows = []
    for route in status.routes:
        books = route.books
        oldest = age(condition.now - route.oldest_queued_at) if route.oldest_queued_at is not None else "-"
        open_now = condition.connections.get(route.route)
        rows.append(
            [
                route.route,
                *(
                    str(n)
                    for n in (
                        books.received,
                        books.delivered,
                        books.queued,
                        books.parked,
                        books.quarantined,
                        books.rejected,
                    )
                ),
                oldest,
                "?" if open_now is None else str(open_now),
            ]
        )
    say()
    say(
        table(
            ["route", "received", "delivered", "queued", "parked", "quarantined", "rejected", "oldest", "connections"],
            rows,
            term,
            right=range(1, 9),
        )
    )
    for route in status.routes:
        if route.last_error_at is not None:
            say(
                term.fold(
                    clean(f"{route.route}: last error {time_shown(route.last_error_at)} UTC: {route.last_error}"),
                    hang="  ",
                )
            )
