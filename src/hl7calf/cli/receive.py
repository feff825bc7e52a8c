"""`hl7calf receive`: a test receiver, for trying a site's own routes."""

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hl7calf.cli.endpoints import Address, AddressType, server_endpoint
from hl7calf.cli.failures import Unusable
from hl7calf.cli.terminal import clean, say, say_err

if TYPE_CHECKING:
    from hl7calf.cli.receiver import Arrived, Manners
    from hl7calf.wire.mllp import FrameFault

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Run a test receiver.")
@click.option(
    "--listen",
    type=AddressType(),
    default="127.0.0.1:2576",
    show_default=True,
    help="Where to listen; port 0 takes a free one and says which.",
)
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write each message to DIR/000001.hl7 and so on, byte for byte.",
)
@click.option("--show", is_flag=True, help="Print whole messages, a segment a line.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each message.")
@click.option("--count", type=click.IntRange(1), help="End after N messages.")
@click.option("--delay", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="Wait before each answer.")
@click.option("--nak", type=click.Choice(["AE", "AR", "CE", "CR"]), help="Answer negatively with this code.")
@click.option("--nak-every", type=click.IntRange(1), default=1, metavar="N", help="... every Nth message only.")
@click.option("--close", type=click.Choice(["instead", "after"]), help="Close instead of answering, or after it.")
@click.option("--close-every", type=click.IntRange(1), default=1, metavar="N", help="... every Nth message only.")
@click.option("--no-ack", "silent", is_flag=True, help="Never answer.")
@click.option("--wrong-id", is_flag=True, help="Answer with another MSA-2 than the message's MSH-10.")
@click.option("--tls-certificate", type=_FILE, help="Speak TLS with this certificate (PEM).")
@click.option("--tls-key", type=_FILE, help="Its private key (PEM).")
@click.option("--tls-client-ca", type=_FILE, help="Demand client certificates of this authority (PEM).")
def receive(
    listen: Address,
    store: Path | None,
    show: bool,
    as_json: bool,
    count: int | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    **manners: Any,
) -> int:
    """Run a test receiver that acknowledges, prints or stores.

    It answers AA (or CA and AA when MSH-15/16 ask), and can answer late, negatively, never, or close.
    It is no store: use it to try routes, not to keep messages. Ctrl-C ends it.
    """
    from hl7calf.cli.reactor import run_reactor
    from hl7calf.cli.receiver import Manners

    manners["delay_s"] = manners.pop("delay")
    tls = (tls_certificate, tls_key, tls_client_ca)
    if store is not None:
        _empty_folder(store)
    report = _reporter(store, show, as_json)
    with contextlib.suppress(KeyboardInterrupt):  # how this command ends
        run_reactor(lambda reactor: _listen(reactor, listen, tls, Manners(**manners), report, count))
    return 0


async def _listen(
    reactor: Any,
    address: Address,
    tls: tuple[Path | None, Path | None, Path | None],
    manners: "Manners",
    report: "Callable[[Arrived], None]",
    count: int | None,
) -> None:
    """Listen until `count` messages came, or for ever."""
    from twisted.internet.defer import Deferred

    from hl7calf.cli.reactor import cannot_listen
    from hl7calf.cli.receiver import Receiver

    enough: Deferred[None] = Deferred()

    def arrived(message: "Arrived") -> None:
        report(message)
        if count is not None and message.number == count:
            reactor.callLater(manners.delay_s + 0.1, enough.callback, None)  # the answer leaves first

    try:
        port = await server_endpoint(reactor, address, *tls).listen(Receiver(reactor, manners, arrived, _report_fault))
    except OSError as error:
        raise cannot_listen(address, error) from None
    except Exception as error:
        from twisted.internet.error import CannotListenError

        if isinstance(error, CannotListenError):
            raise cannot_listen(address, error) from None
        raise
    say_err(f"Listening on {Address(address.host, port.getHost().port)}; Ctrl-C ends.")
    await enough


def _reporter(store: Path | None, show: bool, as_json: bool) -> "Callable[[Arrived], None]":
    """Return what to do with each message: write it away, then print it."""

    def report(message: "Arrived") -> None:
        file = None
        if store is not None:
            file = store / f"{message.number:06d}.hl7"
            file.write_bytes(message.payload)
        if as_json:
            say(json.dumps(_as_json(message, file)))
        else:
            say(_as_line(message))
            if show:
                for segment in message.payload.replace(b"\r\n", b"\r").replace(b"\n", b"\r").split(b"\r"):
                    if segment:
                        say("  " + clean(segment.decode("utf-8", "replace")))
        sys.stdout.flush()

    return report


def _as_json(message: "Arrived", file: Path | None) -> dict[str, Any]:
    header = message.header
    return {
        "number": message.number,
        "at": message.at.isoformat(timespec="milliseconds"),
        "message_type": f"{header.message_code}^{header.trigger}" if header else None,
        "control_id": header.control_id.decode("utf-8", "replace") if header else None,
        "bytes": len(message.payload),
        "sha256": hashlib.sha256(message.payload).hexdigest(),
        "ack": list(message.codes),
        "file": str(file) if file else None,
    }


def _as_line(message: "Arrived") -> str:
    told = _as_json(message, None)
    ack = "+".join(message.codes) or "no answer"
    return clean(
        f"{message.number:6}  {message.at:%H:%M:%S}  {told['message_type'] or 'unreadable':9}"
        f"  {told['control_id'] or '':20}  {told['bytes']:7} B  {ack}"
    )


def _report_fault(fault: "FrameFault") -> None:
    say_err(f"Not a frame: {fault.why} [{fault.code}].")


def _empty_folder(folder: Path) -> None:
    """Make the folder; refuse one that already holds messages, for they would be mixed up."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.hl7")):
        raise Unusable(f"{folder} already holds messages; give an empty folder with --store.")
