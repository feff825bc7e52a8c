"""`hl7calf queue`: what waits, and what a person decides about it."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hl7calf.cli.failures import Stopped, Unusable
from hl7calf.cli.moments import age, time_exact, time_shown
from hl7calf.cli.store import ask, find_store, open_reader, store_options
from hl7calf.cli.terminal import clean, say, say_err, table, terminal

if TYPE_CHECKING:
    from hl7calf.service.journal.views import MessageLine

WAITING = ("queued", "parked", "quarantined")


@click.group(short_help="What waits, and what to do with it.")
def queue() -> None:
    """List, show, retry, skip, park or release waiting messages.

    Messages are named by their number in the list. Each decision needs --reason and is kept in the log
    with your name.
    """


@queue.command("list")
@click.option(
    "--state",
    type=click.Choice([*WAITING, "rejected", "delivered"]),
    multiple=True,
    help="Which ones [default: queued, parked and quarantined].",
)
@click.option("--route", help="Of this route only.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@store_options
def list_(
    state: tuple[str, ...], route: str | None, limit: int, as_json: bool, config: Path | None, data_dir: Path | None
) -> None:
    """List what waits, oldest first; parked and quarantined messages need a person."""
    from hl7calf.service.journal.jobs import State

    found: list[MessageLine] = []
    with open_reader(config, data_dir) as reader:
        for one in state or WAITING:
            found += reader.messages(state=State(one), route=route, limit=limit + 1)
    found.sort(key=lambda line: line.message_id)
    for line in found[:limit] if as_json else ():
        say(json.dumps(line_to_json(line)))
    if as_json:
        return
    if not found:
        say("Nothing waits.")
        return
    now = time.time()
    rows = [
        [
            str(line.message_id),
            line.state.value + (", held" if line.held_behind else ""),
            line.route,
            age(now - line.received_at),
            line.envelope.message_type,
            line.envelope.control_id.decode("utf-8", "replace"),
            str(line.attempts),
            line.why or line.fault_code,
        ]
        for line in found[:limit]
    ]
    headings = ["number", "state", "route", "age", "type", "control id", "tries", "why"]
    say(table(headings, rows, terminal(), right=(0, 6), last_below=True))
    if len(found) > limit:
        say_err(f"More wait; --limit {limit * 10} shows more.")


@queue.command()
@click.argument("number", type=click.IntRange(1))
@click.option("--reveal", is_flag=True, help="Show the message itself, which holds patient data. Needs --reason.")
@click.option("--reason", default="", metavar="TEXT", help="What for; kept in the log with your name.")
@store_options
def show(number: int, reveal: bool, reason: str, config: Path | None, data_dir: Path | None) -> None:
    """Show one message: state, decision, and every attempt to deliver it."""
    from hl7calf.cli.history import history_lines, segments_shown

    if reveal and not reason.strip():
        raise Unusable("Say what for with --reason; it is kept in the log with your name.")

    term = terminal()
    with open_reader(config, data_dir) as reader:
        message = reader.message(number)
    if message is None:
        raise Stopped(f"There is no message {number}; `hl7calf queue list` shows the numbers.")
    line = message.line
    facts = {
        "number": str(line.message_id),
        "state": line.state.value,
        "route": line.route,
        "lane": line.lane,
        "received": f"{time_shown(line.received_at)} UTC from {line.peer_host}:{line.peer_port}",
        "type": line.envelope.message_type,
        "control id": line.envelope.control_id.decode("utf-8", "replace"),
        "action": line.action,
        "answered": message.answer_code,
        "why": line.why or message.fault_why,
        "intact": "" if message.intact else "NO: the bytes on disk do not match their checksum",
    }
    for name, text in facts.items():
        if text:
            say(term.fold(clean(text), f"{name:12}", " " * 12))
    for text in history_lines(message, term):
        say(text)
    if reveal:
        _record_reveal(find_store(config, data_dir), number, reason)
        say()
        for text in segments_shown(message.outbound):
            say(text)


def _record_reveal(folder: Path, number: int, reason: str) -> None:
    """Write who looks at patient data, and what for, into the log."""
    from hl7calf.cli.console_journal import record
    from hl7calf.cli.store import os_user

    record(folder, "reveal", os_user(), reason, {"what": "message", "message": str(number)})


def _decision(kind: str, does: str) -> None:
    """Add one subcommand that asks the service for a decision about messages."""

    @queue.command(kind, help=does, short_help=does)
    @click.argument("numbers", type=click.IntRange(1), nargs=-1, required=True, metavar="NUMBER...")
    @click.option(
        "--reason", required=True, metavar="TEXT", help="Why; kept in the log with your name. No patient data."
    )
    @store_options
    def decide(numbers: tuple[int, ...], reason: str, config: Path | None, data_dir: Path | None) -> int:
        return _ask_for_each(numbers, kind, reason, "", config, data_dir)


def _ask_for_each(
    numbers: tuple[int, ...], kind: str, reason: str, value: str, config: Path | None, data_dir: Path | None
) -> int:
    """Ask the service for one decision about each message; 1 when one was not possible."""
    folder = find_store(config, data_dir)
    wrong = 0
    for number in numbers:
        try:
            say(terminal().fold(clean(f"{number}: {ask(folder, kind, reason, message_id=number, value=value)}")))
        except Stopped as refused:
            wrong += 1
            say_err(f"{number}: {refused.format_message()}")
    return 1 if wrong else 0


_decision("retry", "Try queued or parked messages now.")
_decision("skip", "Give messages up: they are never forwarded, and hold nobody back.")
_decision("park", "Take queued messages out of their lane until a person decides.")


@queue.command(short_help="Send parked messages on, each in its old place, or quarantined ones.")
@click.argument("numbers", type=click.IntRange(1), nargs=-1, required=True, metavar="NUMBER...")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the log with your name. No patient data.")
@click.option("--upgraded", is_flag=True, help="As the complete study: an order held for review is raised first.")
@click.option("--order", "orders", type=click.IntRange(1), multiple=True, metavar="N", help="Raise only this order.")
@store_options
def release(
    numbers: tuple[int, ...], reason: str, upgraded: bool, orders: tuple[int, ...], config: Path | None,
    data_dir: Path | None,
) -> int:  # fmt: skip
    """Send parked messages on, each in its old place, as they came or upgraded; or quarantined ones, as they came.

    --upgraded raises what a message is held for, if its side is known, the study map has the code, and mode and
    policy allow it; otherwise it says why not and the message stays where it is.
    """
    if orders and not upgraded:
        raise Unusable("--order goes with --upgraded.")
    value = ",".join(map(str, orders))
    return _ask_for_each(numbers, "raise" if upgraded else "release", reason, value, config, data_dir)


def _steer(kind: str, does: str) -> None:
    """Add one subcommand that asks the service to stop forwarding, or to go on."""

    @queue.command(kind, help=does, short_help=does)
    @click.option(
        "--reason", required=True, metavar="TEXT", help="Why; kept in the log with your name. No patient data."
    )
    @store_options
    def steer(reason: str, config: Path | None, data_dir: Path | None) -> None:
        say(terminal().fold(clean(ask(find_store(config, data_dir), kind, reason))))


_steer("pause", "Stop forwarding on all routes; intake goes on.")
_steer("resume", "Go on forwarding, also after a restore.")


def line_to_json(line: "MessageLine") -> dict[str, object]:
    """Return one message of a list for scripts; no bytes but what the header said."""
    return {
        "number": line.message_id,
        "state": line.state.value,
        "route": line.route,
        "lane": line.lane,
        "received_at": time_exact(line.received_at),
        "peer": f"{line.peer_host}:{line.peer_port}",
        "message_type": line.envelope.message_type,
        "control_id": line.envelope.control_id.decode("utf-8", "replace"),
        "action": line.action or None,
        "changed": line.changed,
        "fault": line.fault_code or None,
        "attempts": line.attempts,
        "held": line.held_behind,
        "possible_duplicate": line.possible_duplicate,
        "why": line.why or None,
    }
