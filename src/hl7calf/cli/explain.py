"""`hl7calf explain`: one message, what was decided and why, and how each side acknowledged."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hl7calf.cli.failures import Stopped
from hl7calf.cli.moments import time_exact, time_shown
from hl7calf.cli.store import DEFAULT_CONFIG, open_reader, store_options
from hl7calf.cli.terminal import Terminal, clean, say, terminal

if TYPE_CHECKING:
    from hl7calf.calf.verdict import Verdict
    from hl7calf.cli.dry_run import DryRun
    from hl7calf.service.journal.reader import Reader
    from hl7calf.service.journal.views import Message


@click.command(short_help="What was decided for one message, and why.")
@click.argument("control_id", metavar="CONTROL_ID")
@click.option("--number", type=click.IntRange(1), help="Of several with this control ID, the one of this number.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each message.")
@click.option("--mappings", type=click.Path(path_type=Path), help="Folder of mappings to vet again with.")
@store_options
def explain(
    control_id: str,
    number: int | None,
    as_json: bool,
    mappings: Path | None,
    config: Path | None,
    data_dir: Path | None,
) -> None:
    """Tell for one message (MSH-10) what was decided for each order, and how each side acknowledged.

    With the evidence, the rule, mappings and policy, and what was changed; also for messages left alone.
    The decision is read from the store. The evidence is found by vetting the stored bytes again, so parts
    of the order's text are shown.
    """
    from hl7calf.cli.dry_run import prepare

    here = DEFAULT_CONFIG if data_dir is None and DEFAULT_CONFIG.exists() else None
    run = prepare(config or here, mappings, None)
    with open_reader(config, data_dir) as reader:
        for place, message in enumerate(_messages(reader, control_id, number)):
            verdict = _vet_again(message, run, reader)
            if as_json:
                say(json.dumps(_to_json(message, verdict)))
                continue
            if place:
                say()
            for text in _told(message, verdict, terminal()):
                say(text)


def _messages(reader: "Reader", control_id: str, number: int | None) -> "list[Message]":
    """Return the stored messages with this control ID, oldest first, or the one of this number.

    Raises:
        Stopped: there is none.
    """
    numbers = [line.message_id for line in reversed(reader.by_control_id(os.fsencode(control_id)))]
    if not numbers:
        raise Stopped(
            f"No message with control ID {control_id} is stored; it may have been purged, or never came. "
            "The log keeps entries longer: `hl7calf log --control-id`."
        )
    if number is not None and number not in numbers:
        known = ", ".join(map(str, numbers))
        raise Stopped(f"Message {number} has another control ID; with this one there are: {known}.")
    found = (reader.message(one) for one in numbers if number in (None, one))
    return [message for message in found if message is not None]


def _vet_again(message: "Message", run: "DryRun", reader: "Reader") -> "Verdict":
    """Vet the stored bytes under the mode of then, with the order memory of now."""
    from hl7calf.calf.verdict import Mode

    if message.entry is not None and message.entry.content.get("mode") in list(Mode):
        run.mode = Mode(message.entry.content["mode"])
    run.before = reader.remembered
    run.forget_all()
    return run.vet(message.inbound, _raised(message))


def _raised(message: "Message") -> frozenset[int]:
    """Return the orders that a reviewer had raised."""
    from hl7calf.calf.overruling import REVIEWED

    content = message.entry.content if message.entry else {}
    if content.get("kind") != "raised":
        return frozenset()
    orders = content.get("orders", ())
    return frozenset(o["position"] for o in orders if any(g["code"] == REVIEWED for g in o["gates"]))


def _told(message: "Message", verdict: "Verdict", term: Terminal) -> Iterator[str]:
    """Yield the whole story of one message."""
    from hl7calf.cli.difference import difference
    from hl7calf.cli.history import history_lines

    line, entry = message.line, message.entry
    envelope = line.envelope
    control_id = envelope.control_id.decode("utf-8", "replace")
    title = f"message {line.message_id}  {envelope.message_type}  {control_id}  {line.action}  {line.state.value}"
    yield term.paint(term.fold(clean(title), hang="  "), bold=True)
    content = entry.content if entry else {}
    sender = "/".join(
        part.decode("utf-8", "replace") for part in (envelope.sending_application, envelope.sending_facility) if part
    )
    facts = {
        "received": f"{time_shown(line.received_at)} UTC on route {line.route} from {line.peer_host} ({sender})",
        "under": "; ".join(
            f"{name} {content[name]}" for name in ("mode", "policy", "rule", "mappings") if content.get(name)
        ),
        "reasons": "; ".join(message.reasons),
        "raised": f"by {content['user']}: {content['reason']} (for review until then)" if _raised(message) else "",
        "fault": f"{message.fault_why} [{line.fault_code}]" if line.fault_code else "",
        "log": f"entry {entry.sequence}, hash {entry.hash.hex()[:16]}, witness {content.get('witness')}"
        if entry
        else "no entry: no order was looked at",
        "intact": "" if message.intact else "NO: the bytes on disk do not match their checksum",
    }
    for name, text in facts.items():
        if text:
            yield term.fold(clean(text), f"{name:10}", " " * 10)
    yield from _orders(message, verdict, term)
    if message.outbound != message.inbound:
        yield from difference(message.inbound, message.outbound, term, "as it goes out")
    yield term.paint("acknowledged", bold=True)
    yield from history_lines(message, term)


def _orders(message: "Message", verdict: "Verdict", term: Terminal) -> Iterator[str]:
    """Yield each order with its evidence; say so where vetting again does not give what was stored."""
    from hl7calf.cli.difference import explain_order

    content: Any = message.entry.content if message.entry else {}
    then = {"mappings": content.get("mappings"), "action": message.line.action}
    for order in verdict.orders:
        yield from explain_order(order, term)
    if then["mappings"] and verdict.digest and then["mappings"] != verdict.digest:
        yield term.fold(
            "The mappings are others now than then; the evidence above is by those of now.", "note  ", "      "
        )
    if then["action"] and then["action"] != verdict.action.value:
        yield term.fold(
            f"Vetting again now gives {verdict.action.value}; what was done then is {then['action']}. "
            "Mappings, order memory or rule may have changed since.",
            "note  ",
            "      ",
        )


def _to_json(message: "Message", verdict: "Verdict") -> dict[str, Any]:
    """Return the stored decision, the verdict of now, and the acknowledgments, for scripts."""
    from hl7calf.calf.report import verdict_to_json
    from hl7calf.cli.queue import line_to_json
    from hl7calf.wire.conformance import compare

    advice = compare(message.inbound, message.outbound) if verdict.fault is None else None
    return {
        **line_to_json(message.line),
        "reasons": list(message.reasons),
        "intact": message.intact,
        "sha256_in": message.sha256_in.hex(),
        "sha256_out": message.sha256_out.hex(),
        "answered": message.answer_code or None,
        "entry": {**message.entry.content, "hash": message.entry.hash.hex()} if message.entry else None,
        "history": [
            {
                "at": time_exact(one.at),
                "last_at": time_exact(one.last_at),
                "times": one.times,
                "outcome": one.outcome,
                "ack": one.ack_code or None,
                "why": one.why or None,
                "user": one.user or None,
            }
            for one in message.history
        ],
        "verdict": verdict_to_json(verdict, f"journal#{message.line.message_id}", advice),
    }
