"""A destination that behaves as a script says, message by message, on real sockets; and routes of one service to many."""

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import Message
from tests.service.doubles import ack, frame
from tests.service.stage import Sender, Stage, control_id, free_port, until

Act = Callable[[socket.socket, bytes], bool]
"""What the destination does with one message; False: the connection ends there."""


def says(*answers: bytes) -> Act:
    """Write each of these at once, as it stands."""

    def act(peer: socket.socket, payload: bytes) -> bool:
        for answer in answers:
            peer.sendall(answer)
        return True

    return act


def acknowledges(code: str = "AA", errors: str = "", *, of: str | None = None) -> Act:
    def act(peer: socket.socket, payload: bytes) -> bool:
        peer.sendall(frame(ack(control_id(payload) if of is None else of, code, errors)))
        return True

    return act


def is_silent(peer: socket.socket, payload: bytes) -> bool:
    return True


def hangs_up(peer: socket.socket, payload: bytes) -> bool:
    return False


def resets(peer: socket.socket, payload: bytes) -> bool:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


@dataclass
class Scripted:
    """A destination: the nth message gets the nth act, and the last act from then on.

    Attributes:
        arrived: the number of the connection, and the control ID.
    """

    acts: list[Act]
    port: int = field(default_factory=free_port)
    reads: bool = True
    arrived: list[tuple[int, str]] = field(default_factory=list)
    connections: int = 0
    opened: list[socket.socket] = field(default_factory=list)

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        if hasattr(self, "_listening"):
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
        for peer in self.opened:
            peer.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            self.opened.append(peer)
            self.connections += 1
            if self.reads:
                threading.Thread(target=self._talk, args=(peer, self.connections), daemon=True).start()

    def _talk(self, peer: socket.socket, number: int) -> None:
        buffer = bytearray()
        try:
            while data := peer.recv(1024 * 1024):
                buffer += data
                while data.find(b"\r") >= 0 and (end := buffer.find(b"\x1c\r")) >= 0:
                    payload = bytes(buffer[1:end])
                    del buffer[: end + 2]
                    act = self.acts[min(len(self.arrived), len(self.acts) - 1)]
                    self.arrived.append((number, control_id(payload)))
                    if not act(peer, payload):
                        peer.close()
                        return
        except OSError:
            return
        peer.close()


class Routes(Stage):
    """One service with a route for each destination; a route's name is the row it shows."""

    def __init__(self, folder: Path, settings: dict[str, str], forward: dict[str, str]) -> None:
        self.ports = {name: free_port() for name in settings}
        self._more = settings
        self._forward = forward
        super().__init__(folder)

    def write(self) -> None:
        lines = [
            f'[service]\ndata_dir = "var"\nmappings = "{self.mappings}"\nops = "tcp:{self.ops}:interface=127.0.0.1"\n'
        ]
        for name, more in self._more.items():
            lines.append(
                f'[[route]]\nname = "{name}"\nlisten = "tcp:{self.ports[name]}:interface=127.0.0.1"\n'
                f'forward = "{self._forward[name]}"\nretry_initial_s = 0.05\nretry_max_s = 0.1\n{more}\n'
            )
        (self.folder / "hl7calf.toml").write_text("\n".join(lines))

    def send(self, route: str, *payloads: bytes) -> None:
        """Send messages and see each one accepted."""
        peer = Sender(self.ports[route])
        for payload in payloads:
            answer = peer.exchange(payload)
            assert b"MSA|AA|" + os.fsencode(control_id(payload)) in answer
        peer.close()

    def settled(self, name: str, state: State) -> Message:
        """Wait until a message is in a state, and return it."""
        with Reader(self.folder / "var") as reader:

            def found() -> Message | None:
                lines = reader.by_control_id(name.encode())
                return reader.message(lines[0].message_id) if lines and lines[0].state is state else None

            message: Message = until(found, f"{name} is {state.value}")
            return message

    def events_of(self, route: str) -> list[dict[str, object]]:
        """Return what was logged about a route's deliveries."""
        return [event for event in self.events if event.get("route") == route and str(event["event"]).startswith("D_")]


@contextmanager
def routed(folder: Path, settings: dict[str, str], forward: dict[str, str]) -> Iterator[Routes]:
    routes = Routes(folder, settings, forward)
    try:
        routes.start()
        yield routes
    finally:
        routes.close()
