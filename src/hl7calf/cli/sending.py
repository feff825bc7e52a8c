"""Sends many payloads to one receiver: several connections, a rate, answers counted.

Law: with one connection the order sent is the order given. Nothing is sent twice: a message whose
answer did not come is counted as unanswered, and the next one goes out on a new connection.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.task import deferLater

from hl7calf.cli.conversation import Answer, Conversation, Conversations

CONNECT_TRIES = 4  # with pauses of 0.25, 0.5 and 1 s: a receiver that closed needs a moment, a dead one does not come
FIRST_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """How to send: connections side by side, messages a second over all of them (None: as fast as answered)."""

    connections: int = 1
    rate: float | None = None
    timeout_s: float = 30.0


@dataclass(slots=True)
class Sending:
    """One run: takes payloads one after another for all connections, and reports each answer by index."""

    reactor: Any
    endpoint: Any
    pace: Pace
    payloads: Sequence[bytes]
    report: Callable[[int, Answer], None]
    _taken: int = field(default=0, init=False)
    _started: float = field(default=0.0, init=False)

    async def run(self) -> None:
        """Send everything.

        Raises:
            Exception: the connection could not be made.
        """
        self._started = self.reactor.seconds()
        workers = [Deferred.fromCoroutine(self._work()) for _ in range(self.pace.connections)]
        await _first_failure(workers)

    async def _work(self) -> None:
        """Send on one connection until nothing is left."""
        conversation = await self._connect(tries=1)
        while self._taken < len(self.payloads):
            index, self._taken = self._taken, self._taken + 1
            await self._due(index)
            if not conversation.open:
                conversation = await self._connect(CONNECT_TRIES)
            self.report(index, await conversation.exchange(self.payloads[index], self.pace.timeout_s))
        conversation.close()

    async def _connect(self, tries: int) -> Conversation:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                conversation: Conversation = await self.endpoint.connect(Conversations(self.reactor))
                return conversation
            except Exception:
                tries -= 1
                if not tries:
                    raise
            await deferLater(self.reactor, pause_s)
            pause_s *= 2

    async def _due(self, index: int) -> None:
        """Wait until a message is due by the rate."""
        if self.pace.rate is not None:
            wait_s = self._started + index / self.pace.rate - self.reactor.seconds()
            if wait_s > 0:
                await deferLater(self.reactor, wait_s)


async def _first_failure(workers: list[Deferred[None]]) -> None:
    """Wait for all; raise the first failure as itself, the others consumed."""
    try:
        await gatherResults(workers, consumeErrors=True)
    except FirstError as first:
        raise first.subFailure.value or first from None
