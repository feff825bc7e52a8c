"""A sender and a destination that outlive the service between them, and what is right or wrong about what arrived.

Nobody in these messages exists. Control IDs are `S<sender>K<key>N<number>`, so that every count can be made from what
arrived alone: each sender numbers its messages one by one, over all its keys.
"""

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, Protocol

from tests.service.doubles import ack, frame

_NAME = re.compile(rb"S(\d+)K(\d+)N(\d+)")
_ANSWERED = re.compile(rb"MSA\|(..)\|(S\d+K\d+N\d+)")
ORDER = (
    "PV1|1|O\rORC|NW|P{name}^CPOE\rOBR|1|P{name}^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||20260115"
    "||||||||||||||||||||||||^Left calf calcification on x-ray, pain 5 days\r"
)


class Name(NamedTuple):
    """What a control ID says."""

    sender: int
    key: int
    number: int


class Arrived(NamedTuple):
    """One message at the destination."""

    name: Name
    digest: bytes
    answered: bool


def name_of(payload: bytes) -> Name:
    found = _NAME.search(payload)
    assert found is not None
    return Name(*(int(part) for part in found.groups()))


def message(name: Name, order_every: int = 20) -> bytes:
    """Return a message; one in `order_every` is an order that is upgraded on its way."""
    identifier = f"S{name.sender}K{name.key}N{name.number}"
    ordered = order_every and name.number % order_every == 0
    kind, body = ("ORM^O01^ORM_O01", ORDER.format(name=identifier)) if ordered else ("ADT^A08^ADT_A01", "PV1|1|O\r")
    return (
        f"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260101||{kind}|{identifier}|P|2.5.1\r"
        f"PID|1||K{name.key}S{name.sender}||NOBODY^NONE\r{body}"
    ).encode()


class Destination:
    """Takes every message, notes it before it answers, and answers as `answers` says."""

    def __init__(self, answers: Callable[[int], bool] = lambda nth: True, port: int = 0) -> None:
        self._socket = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self._socket.getsockname()[1]
        self.arrived: list[Arrived] = []
        self.names: set[Name] = set()
        self.latest = 0.0
        self._answers = answers
        self._noting = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        buffer = b""
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    data = peer.recv(65536)
                    if not data:
                        return
                    buffer += data
                    while (end := buffer.find(b"\x1c\r")) >= 0:
                        payload, buffer = buffer[1:end], buffer[end + 2 :]
                        if not self._take(payload, peer):
                            return
                except OSError:
                    return

    def _take(self, payload: bytes, peer: socket.socket) -> bool:
        name = name_of(payload)
        with self._noting:
            answered = self._answers(len(self.arrived))
            self.arrived.append(Arrived(name, sha256(payload).digest(), answered))
            self.names.add(name)
            self.latest = time.monotonic()
        if answered:
            peer.sendall(frame(ack(f"S{name.sender}K{name.key}N{name.number}")))
        return answered

    @property
    def count(self) -> int:
        """How many messages came, repeated ones too."""
        return len(self.arrived)

    def close(self) -> None:
        self._socket.close()


class Acknowledged(Protocol):
    """What must have arrived: the numbers from 0 to `acked`, over `keys` keys in turn."""

    acked: int
    keys: int


class Sender:
    """Sends without end, a few frames ahead of the answers; after a lost connection it sends again what was not answered.

    Attributes:
        acked: how many messages were answered AA, which are the numbers from 0 on.
        wrong: answers that should not have been.
    """

    def __init__(self, number: int, port: int, *, keys: int = 1, ahead: int = 16, rate: float = 400.0) -> None:
        self._number = number
        self._port = port
        self.keys = keys
        self._ahead = ahead
        self._pause_s = 1.0 / rate
        self._most: int | None = None
        self.acked = 0
        self.sent = 0
        self.resent = 0
        self.wrong: list[bytes] = []
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def finish(self, timeout_s: float) -> None:
        """Send nothing new; wait until everything that was sent is answered."""
        self._most = self.sent
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), f"sender {self._number}: {self.sent - self.acked} without an answer"

    def abandon(self) -> None:
        """Give up."""
        self._most = -1

    def _work(self) -> None:
        while self._most is None or self.acked < self._most:
            try:
                with socket.create_connection(("127.0.0.1", self._port), 5) as line:
                    line.settimeout(0.002)
                    self._talk(line)
            except OSError:
                time.sleep(0.02)

    def _talk(self, line: socket.socket) -> None:
        sent, buffer, heard_at = self.acked, b"", time.monotonic()
        while self._most is None or self.acked < self._most:
            new = sent >= self.sent
            if sent - self.acked < self._ahead and (not new or self._most is None):
                name = Name(self._number, sent % self.keys, sent)
                self.sent = max(self.sent, sent + 1)  # before it is sent: a part of it may arrive whatever happens
                self.resent += not new
                line.sendall(frame(message(name)))
                sent += 1
                if new:
                    time.sleep(self._pause_s)
            try:
                data = line.recv(65536)
            except TimeoutError:
                if sent > self.acked and time.monotonic() - heard_at > 10:
                    return
                continue
            if not data:
                return
            heard_at = time.monotonic()
            buffer += data
            while (end := buffer.find(b"\x1c\r")) >= 0:
                answer, buffer = buffer[1:end], buffer[end + 2 :]
                if not self._heard(answer):
                    return

    def _heard(self, answer: bytes) -> bool:
        """Note an answer; False when the rest must be sent again."""
        found = _ANSWERED.search(answer)
        expected = Name(self._number, self.acked % self.keys, self.acked)
        if found is None or name_of(found[2]) != expected:
            self.wrong.append(answer)
            return False
        if found[1] != b"AA":
            return False
        self.acked += 1
        return True


@dataclass
class Tally:
    """What came of a run."""

    messages: int = 0
    lost: list[Name] = field(default_factory=list)
    invented: list[Name] = field(default_factory=list)
    reordered: list[Name] = field(default_factory=list)
    duplicated: list[Name] = field(default_factory=list)
    altered: list[Name] = field(default_factory=list)
    unanswered: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.invented or self.reordered or self.altered)

    def __str__(self) -> str:
        return (
            f"{self.messages} messages: {len(self.lost)} lost, {len(self.reordered)} reordered, "
            f"{len(self.duplicated)} duplicated, {len(self.altered)} altered, {self.unanswered} left unanswered"
        )


def judge(arrived: Iterable[Arrived], senders: Iterable[Acknowledged], *, keyed: bool) -> Tally:
    """Compare what arrived with what was acknowledged.

    Within a lane (the route, or one key of one sender) a message may come again only right behind itself: with one in
    flight, nothing else of the lane can have been sent between.
    """
    tally = Tally()
    last: dict[object, Arrived] = {}
    newest: dict[object, int] = {}
    counts: Counter[Name] = Counter()
    for one in arrived:
        lane: object = (one.name.sender, one.name.key) if keyed else "route"
        origin = (one.name.sender, one.name.key) if keyed else one.name.sender
        counts[one.name] += 1
        before = last.get(lane)
        if counts[one.name] > 1:
            tally.duplicated.append(one.name)
            if before is None or before.name != one.name:
                tally.reordered.append(one.name)
            elif before.digest != one.digest:
                tally.altered.append(one.name)
        elif one.name.number <= newest.get(origin, -1):
            tally.reordered.append(one.name)
        newest[origin] = max(newest.get(origin, -1), one.name.number)
        last[lane] = one
        tally.unanswered += not one.answered
    for number, sender in enumerate(senders):
        tally.messages += sender.acked
        expected = {Name(number, n % sender.keys, n) for n in range(sender.acked)}
        seen = {name for name in counts if name.sender == number}
        tally.lost += sorted(expected - seen)
        tally.invented += sorted(seen - expected)
    return tally
