"""P17: peers that dawdle, never end, come in crowds or do not read; the limits hold and the healthy are served."""

import resource
import socket
import statistics
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.service.doubles import frame, message
from tests.service.served import Served, parts, serving
from tests.service.stage import Sender

pytestmark = pytest.mark.alone  # asks for answers within a time

MIB = 1024 * 1024


def resident_mib(served: Served) -> float:
    assert served.stage.process is not None
    status = Path(f"/proc/{served.stage.process.pid}/status").read_text()
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


class Siege:
    """Peers that send a byte now and then, and peers whose frames never end."""

    def __init__(self, port: int, slow: int, endless: int) -> None:
        self._over = threading.Event()
        self.sent_bytes = 0
        self._slow = [Sender(port).socket for _ in range(slow)]
        for one in self._slow:
            one.sendall(b"\x0bMSH|^~\\&|")
        self._endless = [Sender(port).socket for _ in range(endless)]
        for one in self._endless:
            one.setblocking(False)
            with suppress(OSError):
                one.send(b"\x0bMSH|^~\\&|")
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._thread.start()

    def _go(self) -> None:
        chunk = b"x" * 65536
        while not self._over.is_set():
            for one in self._slow:
                with suppress(OSError):
                    one.send(b"x")
            for _ in range(20):
                for one in self._endless:
                    with suppress(OSError):
                        self.sent_bytes += one.send(chunk)
            self._over.wait(0.02)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for one in (*self._slow, *self._endless):
            one.close()


def besieged(folder: Path, slow: int, endless: int, seconds: float, first: str, service: str = "") -> dict[str, float]:
    """Return what a healthy peer sees meanwhile: p99 of its answers, and the service's greatest size."""
    with serving(folder, {"healthy": ""}, first=first, service=service) as served:
        healthy = served.peer("healthy")
        siege = Siege(served.stage.listen, slow, endless)
        largest, took = 0.0, []
        try:
            ends = time.monotonic() + seconds
            number = 0
            while time.monotonic() < ends:
                number += 1
                began = time.monotonic()
                assert parts(healthy.exchange(message(f"SIEGE-{number}")))[0] == b"AA"
                took.append(time.monotonic() - began)
                largest = max(largest, resident_mib(served))
                time.sleep(0.01)
        finally:
            siege.close()
        codes = served.stage.codes
        assert "F_FAULT" in codes or "C_NO_ROOM" in codes
        return {
            "p99_s": statistics.quantiles(took, n=100)[98],
            "largest_mib": largest,
            "exchanges": len(took),
            "sent_mib": siege.sent_bytes / MIB,
            "cut_off": codes.count("C_NO_ROOM"),
            "too_large": codes.count("F_FAULT"),
        }


ROOM = "connections_per_listener = 500\nconnections_per_address = 500\n"


def test_some_slow_peers_and_endless_frames_leave_a_healthy_peer_alone(tmp_path: Path) -> None:
    first = ROOM + "max_frame_bytes = 1000000\nframe_timeout_s = 2.0"
    found = besieged(tmp_path, 40, 10, 4.0, first, "unfinished_frames_max_bytes = 4000000")
    assert found["p99_s"] < 1.0 and found["largest_mib"] < 512, found


@pytest.mark.soak
def test_200_slow_peers_and_50_endless_frames_leave_a_healthy_peer_alone(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        found = besieged(tmp_path, 200, 50, 60.0, ROOM)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(f"P17 {found}")  # noqa: T201  # the figure itself is what the soak run is for
    assert found["p99_s"] < 1.0 and found["largest_mib"] < 512, found


def test_connections_beyond_the_limits_are_refused_with_a_reason(tmp_path: Path) -> None:
    routes = {"few": "connections_per_listener = 3", "one": "connections_per_address = 2"}
    with serving(tmp_path, routes) as served:
        for route, limit, code in (("few", 3, "C_TOO_MANY"), ("one", 2, "C_TOO_MANY_FROM_ADDRESS")):
            with served.row() as row:
                inside = [served.peer(route) for _ in range(limit)]
                for number, sender in enumerate(inside):
                    assert parts(sender.exchange(message(f"{route}-{number}")))[0] == b"AA"
                late = served.peer(route)
                assert late.ended()
                row.event(code, route=route)
                assert parts(inside[0].exchange(message(f"{route}-still")))[0] == b"AA"


def test_f15_a_peer_that_comes_back_takes_the_place_of_its_silent_connection(tmp_path: Path) -> None:
    routes = {"one": "connections_per_address = 1\nstale_connection_s = 0.2", "full": "connections_per_address = 1"}
    with serving(tmp_path, routes) as served:
        with served.row() as row:
            forgotten = served.peer("one")
            assert parts(forgotten.exchange(message("STALE-1"))) == (b"AA", b"STALE-1")
            time.sleep(0.3)
            again = served.peer("one")
            assert parts(again.exchange(message("STALE-2"))) == (b"AA", b"STALE-2")
            row.event("C_REPLACED", route="one")
            assert forgotten.ended()
            assert len(row.forwarded(2)) == 2
        with served.row() as row:
            alive = served.peer("full")
            assert parts(alive.exchange(message("STALE-3"))) == (b"AA", b"STALE-3")
            assert served.peer("full").ended(), "not yet silent for long enough"
            row.event("C_TOO_MANY_FROM_ADDRESS", route="full")


def test_a_peer_that_does_not_read_its_answers_is_not_read_and_the_others_are_served(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        deaf = served.peer()
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.socket.setblocking(False)
        sent, number = 0, 0
        quiet_since = time.monotonic()
        rest = b""
        while time.monotonic() - quiet_since < 0.7 and number < 60_000:
            if not rest:
                number += 1
                rest = frame(message(f"DEAF-{number}", body="Z" * 200 + "\r"))
            try:
                done = deaf.socket.send(rest)
            except BlockingIOError:
                time.sleep(0.01)
                continue
            rest = rest[done:]
            sent += done
            quiet_since = time.monotonic()
        assert number < 60_000, "the service never stopped reading"
        healthy = served.peer()
        assert parts(healthy.exchange(message("DEAF-OTHER")))[0] == b"AA"
        assert resident_mib(served) < 256


def test_while_the_store_is_slow_peers_are_paused_and_nothing_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, service="intake_pause_messages = 20") as served, served.row() as row:
        sender = served.peer()
        count = 3000
        feeder = threading.Thread(target=sender.send, args=[message(f"SLOW-{n}") for n in range(count)])
        feeder.start()
        answers = [parts(sender.answer()) for _ in range(count)]
        feeder.join()
        assert answers == [(b"AA", b"SLOW-%d" % n) for n in range(count)]
        row.event("C_PAUSED")
        row.event("C_RESUMED")
        assert len(row.forwarded(count)) == count
