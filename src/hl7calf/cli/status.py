"""`hl7calf status`: one screen for the night shift."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hl7calf.cli.moments import age, time_shown
from hl7calf.cli.store import find_store, store_options
from hl7calf.cli.terminal import clean, say, table, terminal

if TYPE_CHECKING:
    from hl7calf.cli.condition import Condition
    from hl7calf.service.journal.views import RouteStatus

_HEADINGS = ("route", "received", "delivered", "queued", "parked", "quarantined", "rejected", "oldest", "peers")


@click.command(short_help="One screen: how it goes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--thorough", is_flag=True, help="Read the whole store too: structure, checksums, books, log.")
@store_options
def status(as_json: bool, thorough: bool, config: Path | None, data_dir: Path | None) -> int:
    """Show mode, policy, routes, queue, books and the last error; exit code 1 when something needs a person."""
    from hl7calf.cli.condition import read_condition

    condition = read_condition(config, data_dir, time.time())
    if thorough:
        from hl7calf.service.journal.backup import check

        condition = condition.with_damage(check(find_store(config, data_dir)))
    if as_json:
        say(json.dumps(condition.to_json()))
    else:
        _show(condition)
    return 1 if condition.needs else 0


def _show(condition: "Condition") -> None:
    """Write the screen: what needs a person first."""
    term, status = terminal(), condition.status
    for need in condition.needs:
        say(term.paint(term.fold(clean(need), "! ", "  "), fg="red"))
    if not condition.needs:
        say(term.paint("Nothing needs a person.", fg="green"))
    say()
    facts = {
        "service": f"{'runs' if status.running else 'does not run'} on node {status.node}",
        "mode": condition.mode_told,
        "policy": condition.policy_told,
        "log": f"{status.head} entries, head {status.head_hash.hex()[:16]}",
        "store": f"{status.bytes_used / 1e6:.1f} MB, {status.unclean_starts} unclean starts",
        "books": "balance" if status.balanced else "DO NOT BALANCE",
    }
    for name, told in facts.items():
        say(term.fold(clean(told), f"{name:9}", " " * 9))
    say()
    if not status.routes:
        say("No message came in yet.")
        return
    rows = [_row(route, condition) for route in status.routes]
    say(table(_HEADINGS, rows, term, right=range(1, 9)))
    for route in status.routes:
        if route.last_error_at is not None:
            error = f"{route.route}: last error {time_shown(route.last_error_at)} UTC: {route.last_error}"
            say(term.fold(clean(error), hang="  "))


def _row(route: "RouteStatus", condition: "Condition") -> list[str]:
    """Return the cells of one route; connections are known to the running process alone."""
    books = route.books
    counts = (books.received, books.delivered, books.queued, books.parked, books.quarantined, books.rejected)
    oldest = "-" if route.oldest_queued_at is None else age(condition.now - route.oldest_queued_at).replace(" ", "")
    peers = condition.connections.get(route.route)
    return [route.route, *map(str, counts), oldest, "?" if peers is None else str(peers)]
