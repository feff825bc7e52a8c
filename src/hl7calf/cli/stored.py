"""Stored messages that are sent again: chosen, shown before anything is sent, and noted with the original.

Law: what goes out are the bytes as they came in, never what was made of them; so the rule of whoever receives them
decides anew. The original keeps a line about each time, with who, why and where to.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from hl7calf.cli.failures import Unusable
from hl7calf.cli.moments import moment, time_shown
from hl7calf.cli.sources import Source
from hl7calf.cli.store import find_store, open_reader, os_user
from hl7calf.cli.terminal import say_err, table, terminal
from hl7calf.errors import JournalError

if TYPE_CHECKING:
    from hl7calf.cli.conversation import Answer
    from hl7calf.service.journal.views import MessageLine

SHOWN = 50  # of the messages that will be sent; the rest is a number


class Stored(NamedTuple):
    """One stored message: what the store says of it, and its bytes as they came in."""

    line: "MessageLine"
    inbound: bytes

    @property
    def source(self) -> Source:
        """What is sent."""
        return Source(f"journal#{self.line.message_id}", None, self.line.message_id, self.inbound)


def stored_messages(config: Path | None, since: str | None, control_id: str | None) -> list[Stored]:
    """Return stored messages, oldest first.

    Raises:
        Unusable: there are none.
    """
    found: list[Stored] = []
    with open_reader(config, None) as reader:
        after = 0
        while True:
            page = reader.payloads(
                since=moment(since, time.time()),
                after=after,
                control_id=None if control_id is None else os.fsencode(control_id),
            )
            found += [Stored(line, inbound) for line, inbound in page]
            if not page:
                break
            after = page[-1][0].message_id
    if not found:
        raise Unusable("No stored message matches; widen --since or check the --control-id.")
    return found


def show_plan(stored: Sequence[Stored], to: str) -> None:
    """Tell on stderr what will be sent where, without the messages themselves."""
    rows = [_row(one.line) for one in stored[:SHOWN]]
    say_err(f"To {to}, as they came in, oldest first:")
    say_err(table(["number", "received", "route", "state", "type", "control id"], rows, terminal(sys.stderr), (0,)))
    if len(stored) > SHOWN:
        say_err(f"... and {len(stored) - SHOWN} more")


def _row(line: "MessageLine") -> list[str]:
    control_id = line.envelope.control_id.decode("utf-8", "replace")
    number, received = str(line.message_id), time_shown(line.received_at)
    return [number, received, line.route, line.state.value, line.envelope.message_type, control_id]


def agreed(number: int) -> bool:
    """Ask the person at the terminal whether to go on; a script that has none has decided already."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return click.confirm(f"Send {number} stored message{'' if number == 1 else 's'}?", err=True)


def note_replayed(
    config: Path | None, sources: Sequence[Source], answers: Mapping[int, "Answer"], to: str, reason: str
) -> None:
    """Have the store keep, with each original, that it was sent again; the service does it when it runs."""
    from hl7calf.service.journal import desk

    folder, user = find_store(config, None), os_user()
    try:
        for index, answer in sorted(answers.items()):
            said = "no answer" if answer.code == "-" else answer.code
            desk.ask(
                folder, "replayed", user=user, reason=reason, at=time.time(), message_id=sources[index].number,
                value=f"to {to}: {said}",
            )  # fmt: skip
    except JournalError as wrong:
        say_err(f"Sent, but the store could not be told so: {wrong}.")
