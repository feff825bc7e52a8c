"""`hl7calf doctor`: tries a receiver out and says what to set for it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hl7calf.cli.endpoints import Address, AddressType, client_endpoint, read_tls, tls_options
from hl7calf.cli.failures import Unusable
from hl7calf.cli.terminal import Terminal, clean, say, say_err, terminal

if TYPE_CHECKING:
    from hl7calf.cli.trials import Finding

_COLOURS = {"good": "green", "note": "yellow", "bad": "red"}


@click.command(short_help="Try a receiver and say what to set.")
@click.argument("receiver", metavar="HOST:PORT", type=AddressType())
@click.option(
    "--message",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send this message instead of the harmless one (each time with another MSH-10).",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait this long for each answer.",
)
@click.option(
    "--idle",
    "idle_s",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Leave a connection idle this long.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each finding.")
@tls_options
def doctor(receiver: Address, message: Path | None, timeout_s: float, idle_s: float, as_json: bool,
           **options: Any) -> int:  # fmt: skip
    """Try a receiver: answer and frame, MSA-2, several frames per write, size, character set, idle connection.

    About a dozen test messages are sent. They are network management (NMD^N02) in training mode, name no
    patient and can become no order; a receiver may refuse them. Exit code 1 when something would stop hl7calf.
    """
    from hl7calf.cli.reactor import cannot_connect, run_reactor
    from hl7calf.cli.trials import Subject, try_out

    tls = read_tls(options)
    base = None if message is None else _base(message)
    found: list[Finding] = []
    term = terminal()

    async def work(reactor: Any) -> None:
        subject = Subject(reactor, client_endpoint(reactor, receiver, tls, timeout_s), timeout_s, idle_s, base)
        try:
            async for finding in try_out(subject):
                found.append(finding)
                say(_as_json(finding) if as_json else _told(finding, term))
        except Exception as error:
            raise cannot_connect(receiver, error) from None

    run_reactor(work)
    bad = [finding for finding in found if finding.result == "bad"]
    say_err(f"{receiver}: " + (f"{len(bad)} of {len(found)} would stop hl7calf." if bad else "hl7calf can send there."))
    return 1 if bad else 0


def _base(path: Path) -> bytes:
    """Read the message to send."""
    from hl7calf.wire.files import split_messages

    pieces = split_messages(path.read_bytes(), keep_batches=True)
    if len(pieces) != 1:
        raise Unusable(f"{path}: holds {len(pieces)} messages; give a file with one.")
    payload: bytes = pieces[0].payload
    return payload


def _told(finding: "Finding", term: Terminal) -> str:
    head = f"{finding.result:5} {finding.trial}: {finding.told}"
    text = term.fold(clean(head), hang="      ").replace(
        finding.result, term.paint(finding.result, fg=_COLOURS[finding.result]), 1
    )
    return text + ("\n" + term.fold(clean(finding.advice), "      -> ", "         ") if finding.advice else "")


def _as_json(finding: "Finding") -> str:
    return json.dumps(
        {"trial": finding.trial, "result": finding.result.value, "told": finding.told, "advice": finding.advice or None}
    )
