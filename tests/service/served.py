"""One running service with several routes, for the rows of the fault catalogue: sent raw, looked at from all sides.

A row's test opens `with served.row() as row:`; what is forwarded, kept and logged from there on is the row's. Each
test uses message control IDs of its own, because a resend would be recognised.
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import Message
from tests.service.doubles import message
from tests.service.stage import Receiver, Sender, Stage, free_port, receiving, staged, until

TARGET = (
    "PV1|1|O\rORC|NW|{placer}^CPOE\rOBR|1|{placer}^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||20260115"
    "||||||||||||||||||||||||^Left calf calcification on x-ray, pain 5 days\r"
)
ROUTE = """
[[route]]
name = "{name}"
listen = "tcp:{listen}:interface=127.0.0.1"
forward = "tcp:127.0.0.1:{forward}"
retry_initial_s = 0.05
retry_max_s = 0.2
{more}
"""
SMALL = "max_frame_bytes = 20000\nframe_timeout_s = 1.5\nfirst_byte_timeout_s = 1.5\nidle_timeout_s = 2.0"
ROUTES = {
    "small": SMALL,
    "strict": "strict_framing = true",
    "lenient": "lenient_start = true",
    "relay": 'ack = "relay"\nforward_unreadable = true\nrelay_hold_s = 5.0',
}
_HEADER = re.compile(rb"(?:MSH|FHS|BHS)(?P<mark>.)[^\r\n]*", re.DOTALL)
QUIET_S = 0.3


def target(control_id: str, text: str = "") -> bytes:
    """Return an order that is upgraded."""
    body = TARGET.format(placer=f"P-{control_id}")
    return message(control_id, "ORM^O01^ORM_O01", body.replace("Left calf calcification", text) if text else body)


def echo_ack(payload: bytes, code: bytes = b"AA") -> bytes:
    """Acknowledge anything, as a destination would that reads only the header line."""
    header = _HEADER.search(payload)
    if header is None:
        return b"MSH|^~\\&|||||2026||ACK|R|P|2.3\rMSA|" + code + b"|\r"
    mark = header["mark"]
    fields = header[0].split(mark)
    place = 9 if fields[0] == b"MSH" else 10
    control_id = fields[place] if len(fields) > place else b""
    if fields[0] == b"FHS" and not control_id:
        batch = next((one for one in _HEADER.finditer(payload) if one[0].startswith(b"BHS")), None)
        inner = batch[0].split(mark) if batch else []
        control_id = inner[10] if len(inner) > 10 else b""
    return (
        mark.join(
            [b"MSH", b"^~\\&", b"", b"", b"", b"", b"2026", b"", b"ACK", b"R", b"P", b"2.3\rMSA", code, control_id]
        )
        + b"\r"
    )


def with_room(text: str) -> str:
    """Let a route take more connections from one address than its default, unless it says how many."""
    return text if "connections_per_address" in text else f"connections_per_address = 64\n{text}"


class Row:
    """What happened since a test began."""

    def __init__(self, served: "Served") -> None:
        self._served = served
        self._forwarded = len(served.receiver.payloads)
        self._logged = len(served.stage.events)
        self._stored = served.last_id

    def forwarded(self, count: int) -> list[bytes]:
        """Wait for `count` payloads at the destination, and for a moment that no more come."""
        payloads = self._served.receiver.payloads
        until(lambda: len(payloads) - self._forwarded >= count, f"{count} forwarded")
        time.sleep(0.05 if count else QUIET_S)
        return payloads[self._forwarded :]

    def stored(self, count: int) -> list[Message]:
        """Wait for `count` messages in the store and return them in order of arrival."""
        reader = self._served.reader
        until(lambda: len(reader.messages(after=self._stored)) >= count, f"{count} stored")
        found = [reader.message(line.message_id) for line in reader.messages(after=self._stored)]
        return [one for one in found if one is not None]

    def quarantined(self, count: int = 1) -> list[tuple[str, bytes]]:
        """Return fault code and bytes of what was kept in quarantine."""
        kept = [one for one in self.stored(count) if one.line.state is State.QUARANTINED]
        return [(one.line.fault_code, one.inbound) for one in kept]

    @property
    def events(self) -> list[dict[str, Any]]:
        return self._served.stage.events[self._logged :]

    def event(self, code: str, **details: Any) -> dict[str, Any]:
        """Wait for an event with these details."""

        def found() -> dict[str, Any] | None:
            fitting = (e for e in self.events if e["event"] == code and all(e.get(k) == v for k, v in details.items()))
            return next(fitting, None)

        answer: dict[str, Any] = until(found, f"event {code} {details}")
        return answer

    def tolerated(self, fault: str) -> dict[str, Any]:
        return self.event("F_TOLERATED", fault=fault)


class Served:
    """The running service, its destination, and a look into its store."""

    def __init__(self, stage: Stage, receiver: Receiver, ports: dict[str, int], reader: Reader) -> None:
        self.stage = stage
        self.receiver = receiver
        self.ports = ports
        self.reader = reader

    @property
    def last_id(self) -> int:
        after = 0
        while page := self.reader.messages(after=after, limit=1000):
            after = page[-1].message_id
        return after

    def peer(self, route: str = "orders") -> Sender:
        """Connect a peer; it is closed with the stage."""
        sender = Sender(self.ports[route])
        sender.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stage.senders.append(sender)
        return sender

    @contextmanager
    def row(self) -> Iterator[Row]:
        yield Row(self)
        for sender in self.stage.senders:
            sender.close()
        self.stage.senders.clear()
        until(lambda: self.reader.books().queued == 0 and self.stage.metric("connections") == 0, "all is delivered")


@contextmanager
def serving(
    folder: Path, routes: dict[str, str] | None = None, first: str = "", last: str = "", **more: Any
) -> Iterator[Served]:
    """Run a service with the route `orders` and further ones, all to one destination that acknowledges.

    `last` is a table of the settings as it stands, for a route of its own.
    """
    with staged(folder, **more) as stage, receiving(stage.forward, echo_ack) as receiver:
        ports = {"orders": stage.listen} | {name: free_port() for name in routes or {}}
        stage.route = f"{with_room(first)}\n" + "".join(
            ROUTE.format(name=name, listen=ports[name], forward=stage.forward, more=with_room(text))
            for name, text in (routes or {}).items()
        )
        stage.route += last
        stage.write()
        stage.start()
        with Reader(folder / "var") as reader:
            yield Served(stage, receiver, ports, reader)
        if stage.process is not None:
            stage.stop()


def parts(answer: bytes) -> tuple[bytes, bytes]:
    """Return MSA-1 and MSA-2 of an acknowledgment, with the separator it declares."""
    line = next(part for part in answer.split(b"\r") if part.startswith(b"MSA"))
    fields = line.split(answer[3:4])
    return fields[1], fields[2] if len(fields) > 2 else b""
