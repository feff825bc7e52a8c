"""Lanes, forwarder and journal in simulated time: everything that can happen happens in an order that a seed decides.

The forwarder, its lanes and the store are the real ones. The clock, the writing and reading threads (their delays), the
network, the destination, the person at the queue and the crashes are simulated, so a failing seed fails again.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from hl7calf.service.alarms import Alarms
from hl7calf.service.delivery import BackOff, Decider, Patience
from hl7calf.service.destination import Talk
from hl7calf.service.forwarder import Forwarder, ForwarderParts
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, NotPossible, Park, Recorded, Release, Retry, Skip, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.views import Queued
from hl7calf.service.metrics import Metrics, RouteMetrics
from tests.service.doubles import ack, frame
from tests.service.journal.building import T0, arrival

ON_NACK = {"AE": "retry", "AR": "park", "CE": "retry", "CR": "skip"}
ALL_LANES = 4e9


class Life:
    """The clock as one life of the service sees it: what it planned ends with it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.seconds = world.clock.seconds

    def callLater(self, pause_s: float, call: Callable[..., object], *args: Any) -> Any:
        return self._world.later(pause_s, pause_s, call, *args)


class SimWriter:
    """The writing thread: commits what waits after a while, all in one transaction."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._waiting: list[tuple[Any, Deferred[Any]]] = []
        self._planned: Any = None

    def submit(self, job: Any) -> "Deferred[Any]":
        answer: Deferred[Any] = Deferred()
        self._waiting.append((job, answer))
        if self._planned is None:
            self._planned = self._world.later(0.001, 0.03, self._commit)
        return answer

    def hand_in(self, job: Any, done: Callable[[Any], object], at_once: bool = False) -> None:
        self.submit(job).addCallbacks(done, lambda failure: done(failure.value))

    def _commit(self) -> None:
        self._planned = None
        batch, self._waiting = self._waiting, []
        results = self._world.store.run([job for job, _ in batch])
        self._world.committed()
        self._world.later(0.0, 0.002, self._tell, list(zip(batch, results, strict=True)))

    def _tell(self, told: list[Any]) -> None:
        for (_, answer), result in told:
            if isinstance(result, Exception):
                answer.errback(Failure(result))
            else:
                answer.callback(result)


class SimLine:
    """A transport, and the destination at its other end."""

    def __init__(self, world: "World", protocol: Any) -> None:
        self._world = world
        self._protocol = protocol
        self.open = True
        self.outstanding: str | None = None

    def write(self, data: bytes) -> None:
        assert self.open, "written to a closed connection"
        name = data.split(b"|")[9].decode()
        self._world.sent(self, name, data)
        self.outstanding = name
        self._world.later(0.001, 0.05, self._arrives, name)

    def _arrives(self, name: str) -> None:
        if not self.open and self._world.random.random() < 0.5:
            return  # it was lost with the connection; or it arrives nevertheless
        what = self._world.behaviour()
        if what in ("AA", "CA"):
            self._world.taken(name)
        if what in ("AA", "CA", "AE", "AR", "CR"):
            self._world.later(0.0, 0.02, self._says, ack(name, what), name)
        elif what == "taken and silent":
            self._world.taken(name)
        elif what == "taken and late":
            self._world.taken(name)
            self._world.later(4.0, 9.0, self._says, ack(name), name)
        elif what == "hangs up":
            self._world.later(0.0, 0.02, self._ends)
        elif what == "another":
            self._world.later(0.0, 0.02, self._says, ack("X" + name), name)
        elif what == "garbage":
            self._world.later(0.0, 0.02, self._says, b"ZZZ|" + name.encode(), name)
        elif what == "answers twice":
            self._world.taken(name)
            self._world.later(0.0, 0.02, self._says, ack(name), name)
            self._world.later(0.02, 0.03, self._says, ack(name), name)

    def _says(self, answer: bytes, name: str) -> None:
        if not self.open:
            return
        if self.outstanding == name:
            self.outstanding = None
        data = frame(answer)
        cut = self._world.random.randrange(len(data))
        self._protocol.dataReceived(data[:cut])
        if self.open:
            self._protocol.dataReceived(data[cut:])

    def _ends(self) -> None:
        if self.open:
            self.open = False
            self._protocol.connectionLost(Failure(ConnectionDone()))

    def loseConnection(self) -> None:
        self.open = False
        self._world.later(0.0, 0.001, self._protocol.connectionLost, Failure(ConnectionDone()))

    abortConnection = loseConnection


class World:
    """Everything around the forwarder. `wrong` collects each law that was broken.

    Args:
        keyed: lanes by key, four connections; else one lane.
        rough: how likely something other than AA is.
    """

    def __init__(self, folder: Path, seed: int, *, keyed: bool, rough: float = 0.15) -> None:
        self.random = random.Random(seed)
        self.reviews = random.Random(seed + 1_000_000)  # its own, so that seeds that once failed mean the same
        self.clock = Clock()
        self.folder = folder
        self.keyed = keyed
        self.rough = rough
        self.wrong: list[str] = []
        self.arrived: list[str] = []
        self.sends: list[str] = []
        self.first_bytes: dict[str, bytes] = {}
        self.ever_blocked: set[int] = set()
        self.numbers: dict[str, int] = {}
        self.crashes = 0
        self.offset_s = 0.0
        self.generation = 0
        self._lines: list[SimLine] = []
        self.open()

    def open(self) -> None:
        """Start the service on what is on disk."""
        self.generation += 1
        self._lines.clear()
        self.store = Store.open(self.folder, "node-1", at=self.wall(), synchronous="NORMAL")
        self.reader = Reader(self.folder)
        self.metrics = Metrics()
        self.writer = SimWriter(self)
        parts = ForwarderParts(
            self.writer, self._read, Decider(ON_NACK, Patience(4, 3, 3)), BackOff(0.5, 4.0, self.random.random),
            RouteMetrics(self.metrics, "orders"), Alarms(self.metrics), Life(self), self.wall,
        )  # fmt: skip
        count = 4 if self.keyed else 1
        self.forwarder = Forwarder("orders", parts, self._connect, Talk(3.0), connections=count, keyed=self.keyed)
        self.forwarder.start()

    def crash(self) -> None:
        """Kill the service: what was committed stays, everything else is gone."""
        self.crashes += 1
        self.generation += 1
        for line in self._lines:
            line.open = False
        self.reader.close()
        self.store.abandon()
        self.open()

    def wall(self) -> float:
        return T0 + self.clock.seconds() + self.offset_s

    def later(self, least: float, most: float, call: Callable[..., object], *args: Any) -> Any:
        """Call at some time, unless the service was killed meanwhile."""
        generation = self.generation

        def now() -> None:
            if generation == self.generation:
                call(*args)

        return self.clock.callLater(self.random.uniform(least, most), now)

    def _read(self, limit: int) -> "Deferred[list[Queued]]":
        limit = min(limit, self.random.choice([3, 256])) if self.keyed else limit
        answer: Deferred[list[Queued]] = Deferred()

        def read() -> None:
            if self.keyed:
                found = self.reader.due("orders", ALL_LANES, limit)
            else:
                found = self.reader.outbox_head("orders", "orders", limit)
            self.later(0.0, 0.01, answer.callback, found)  # old news when it comes

        self.later(0.0, 0.01, read)
        return answer

    def _connect(self, factory: Any) -> "Deferred[Any]":
        answer: Deferred[Any] = Deferred(lambda _: None)

        def connected() -> None:
            if answer.called:
                return
            if self.random.random() < self.rough:
                answer.errback(Failure(ConnectionRefusedError()))
                return
            protocol = factory.buildProtocol(None)
            line = SimLine(self, protocol)
            self._lines.append(line)
            protocol.makeConnection(line)
            answer.callback(protocol)

        self.later(0.0, 0.1, connected)
        return answer

    def behaviour(self) -> str:
        if self.random.random() >= self.rough:
            return self.random.choice(["AA", "AA", "CA"])
        return self.random.choice(
            ["AE", "AR", "CR", "silent", "taken and silent", "taken and late", "hangs up", "another", "garbage", "answers twice"]
        )  # fmt: skip

    def receive(self, name: str) -> None:
        """A message arrives from a sender."""
        key = f"K{self.random.randrange(5)}" if self.keyed else ""
        placer = f"P{self.random.randrange(8)}" if self.random.random() < 0.4 else None
        park = HELD_FOR_REVIEW if self.reviews.random() < 0.05 else ""
        job = arrival(name, placer=placer, lane=key or None, lane_key=key.encode(), at=self.wall(), park=park)

        def stored(recorded: Recorded) -> None:
            if recorded.held:  # perhaps freed again in the same transaction, so `committed` does not see it
                self.ever_blocked.add(recorded.message_id)
            else:
                item = Queued(
                    recorded.message_id,
                    "orders",
                    job.lane,
                    job.receipt.payload,
                    name.encode(),
                    self.wall(),
                    0,
                    0.0,
                    False,
                )
                self.forwarder.feed(item)

        self.writer.submit(job).addCallback(stored)

    def interfere(self) -> None:
        """A person decides something about some message."""
        parked = self.reader.messages(State.PARKED)
        queued = self.reader.messages(State.QUEUED)
        at = self.wall()
        jobs: list[Any] = []
        if parked:
            number = self.random.choice(parked).message_id
            jobs += [
                Release(number, "anna", "a test", at),
                Retry(number, "anna", "a test", at),
                Skip(number, "anna", "a test", at),
            ]
        if queued:
            number = self.random.choice(queued).message_id
            jobs += [Retry(number, "anna", "a test", at), Park(number, "a test", at, user="anna")]
        if jobs:
            done = self.writer.submit(self.random.choice(jobs))
            done.addCallbacks(lambda _: self.forwarder.reread(), lambda failure: failure.trap(NotPossible))

    def committed(self) -> None:
        """Look at what is on disk now."""
        rows = self.store._connection.execute("SELECT message_id FROM outbox WHERE blocked > 0")
        self.ever_blocked.update(number for (number,) in rows)

    def sent(self, line: SimLine, name: str, data: bytes) -> None:
        """Hold the laws against a message at the moment it is sent."""
        look = self.store._connection.execute
        number, lane = look("SELECT id, lane FROM message WHERE control_id = ?", (name.encode(),)).fetchone()
        self.numbers[name] = number
        if self.first_bytes.setdefault(name, data) != data:
            self.wrong.append(f"{name} was sent with other bytes")
        for other in self._lines:
            if other.open and other.outstanding is not None:
                if other is line:
                    self.wrong.append(f"{name} was sent before {other.outstanding} was answered")
                elif self._lane(other.outstanding) == lane:
                    self.wrong.append(f"{name} and {other.outstanding} of one lane were in flight together")
        before = look("SELECT message_id FROM outbox WHERE lane = ? AND message_id < ?", (lane, number)).fetchall()
        overtaken = {one for (one,) in before} - self.ever_blocked
        if overtaken:
            self.wrong.append(f"{name} overtook {sorted(overtaken)}")
        mates = look(
            "SELECT b.message_id FROM hold a JOIN hold b ON a.key = b.key JOIN outbox o ON o.message_id = b.message_id "
            "WHERE a.message_id = ? AND b.message_id < ? AND o.lane = ?", (number, number, lane),
        ).fetchall()  # fmt: skip
        if mates:
            self.wrong.append(f"{name} overtook {mates}, which shares its order or key")
        self.sends.append(name)

    def _lane(self, name: str) -> str:
        row = self.store._connection.execute(
            "SELECT lane FROM message WHERE control_id = ?", (name.encode(),)
        ).fetchone()
        return str(row[0])

    def taken(self, name: str) -> None:
        """The destination has it."""
        self.arrived.append(name)

    def run(self, seconds: float, step_s: float = 0.01) -> None:
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(step_s)

    def settle(self) -> bool:
        """Let the world be kind, release what is parked, and tell whether everything was finished in good time."""
        self.rough = 0.0
        for _ in range(100):
            self.run(3.0, 0.02)
            parked = self.reader.messages(State.PARKED)
            for line in parked:
                self.writer.submit(Release(line.message_id, "anna", "mended", self.wall())).addErrback(lambda f: None)
            if parked:
                self.run(0.1)
                self.forwarder.reread()
            elif not self.reader.books().queued and not self.forwarder.in_flight:
                return True
        return False

    def close(self) -> None:
        self.generation += 1
        self.reader.close()
        self.store.abandon()
