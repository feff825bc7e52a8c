"""A running service for the tests on real sockets: a process of its own, a receiver, and a peer that speaks MLLP."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.service.doubles import ack, frame

SRC = Path(__file__).resolve().parents[2] / "src"
MAPPINGS = SRC.parent / "mappings"
PATIENCE_S = 30.0

SETTINGS = """
[service]
data_dir = "var"
mappings = {mappings}
mode = "{mode}"
ops = "tcp:{ops}:interface=127.0.0.1"
log_level = "debug"
{service}
[policy]
id = "DEMO"
version = "1"
approved_by = "nobody"
approved_on = 2020-01-01
valid_until = 2099-01-01

[[route]]
name = "orders"
listen = "tcp:{listen}:interface=127.0.0.1"
forward = "tcp:127.0.0.1:{forward}"
retry_initial_s = 0.05
retry_max_s = 0.2
{route}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], Any], what: str = "") -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = true()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {what or true}")


def control_id(payload: bytes) -> str:
    return payload.split(b"\r")[0].split(b"|")[9].decode()


class Receiver:
    """A destination: takes frames, answers as `answer` says, keeps everything."""

    def __init__(self, port: int, answer: Callable[[bytes], bytes | None] | None = None) -> None:
        self.payloads: list[bytes] = []
        self.answer = answer or (lambda payload: ack(control_id(payload)))
        self._socket = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def _run(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(peer)
            self._run(self._talk, peer)

    def _talk(self, peer: socket.socket) -> None:
        buffer = b""
        try:
            while data := peer.recv(65536):
                buffer += data
                while (end := buffer.find(b"\x1c\r")) >= 0:
                    payload, buffer = buffer[1:end], buffer[end + 2 :]
                    self.payloads.append(payload)
                    answer = self.answer(payload)
                    if answer is None:
                        peer.close()
                        return
                    peer.sendall(frame(answer))
        except OSError:
            return

    @property
    def ids(self) -> list[str]:
        return [control_id(payload) for payload in self.payloads]

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for peer in self._open:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads; closing alone does not
            peer.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)


class Sender:
    """A peer of the service."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.buffer = b""

    def send(self, *payloads: bytes) -> None:
        self.socket.sendall(b"".join(frame(payload) for payload in payloads))

    def answer(self) -> bytes:
        while (end := self.buffer.find(b"\x1c\r")) < 0:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data
        found, self.buffer = self.buffer[1:end], self.buffer[end + 2 :]
        return found

    def exchange(self, payload: bytes) -> bytes:
        self.send(payload)
        return self.answer()

    def ended(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()


def msa(answer: bytes) -> tuple[str, str]:
    line = next(part for part in answer.split(b"\r") if part.startswith(b"MSA"))
    fields = line.decode().split("|")
    return fields[1], fields[2]


class Stage:
    """A folder with settings, and the process that runs on them."""

    def __init__(
        self, folder: Path, mode: str = "upgrade", route: str = "", service: str = "", mappings: Path = MAPPINGS
    ) -> None:
        self.folder = folder
        self.listen, self.forward, self.ops = free_port(), free_port(), free_port()
        self.mode = mode
        self.route = route
        self.service = service
        self.mappings = mappings
        self.prelude = ""  # Python that the process runs first
        self.environment: dict[str, str] = {}
        self.flags: tuple[str, ...] = ("-W", "error", "-X", "dev")  # none where a figure is the subject
        self.process: subprocess.Popen[bytes] | None = None
        self.senders: list[Sender] = []
        self.write()

    def write(self) -> None:
        text = SETTINGS.format(
            mode=self.mode,
            listen=self.listen,
            forward=self.forward,
            ops=self.ops,
            route=self.route,
            service=self.service,
            mappings=json.dumps(str(self.mappings)),
        )
        (self.folder / "hl7calf.toml").write_text(text)

    def start(self) -> None:
        code = "import sys; from pathlib import Path; from hl7calf.app import serve; sys.exit(serve(Path(sys.argv[1])))"
        environment = {**os.environ, "PYTHONPATH": str(SRC), **self.environment}
        with (self.folder / "stderr.txt").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *self.flags, "-c", self.prelude + code, str(self.folder / "hl7calf.toml")],
                stderr=errors,
                env=environment,
                cwd=self.folder,
            )
        until(self.ready, "the service is ready")

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "stderr.txt").read_text()
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(
        self, path: str, method: str = "GET", body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.ops, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        for line in self.get("/metrics")[2].decode().splitlines():
            if line.startswith(f"hl7calf_{name} ") or line.startswith(f"hl7calf_{name}{{"):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    @property
    def events(self) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in (self.folder / "stderr.txt").read_text().splitlines() if line.startswith("{")
        ]

    @property
    def codes(self) -> list[str]:
        return [event["event"] for event in self.events]

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        code = self.process.wait(PATIENCE_S)
        self.process = None
        return code

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def sender(self) -> Sender:
        """Connect a peer; it is closed with the stage."""
        self.senders.append(Sender(self.listen))
        return self.senders[-1]

    def close(self) -> None:
        for sender in self.senders:
            sender.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)


@contextmanager
def staged(folder: Path, **more: Any) -> Iterator[Stage]:
    stage = Stage(folder, **more)
    try:
        yield stage
    finally:
        stage.close()


@contextmanager
def receiving(port: int, answer: Callable[[bytes], bytes | None] | None = None) -> Iterator[Receiver]:
    receiver = Receiver(port, answer)
    try:
        yield receiver
    finally:
        receiver.close()
