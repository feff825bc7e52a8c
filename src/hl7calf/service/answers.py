"""The answers of one connection, in the order in which its frames came.

Law: an answer is written when it is there and every earlier one is written; so order holds whatever finishes
first, also when frames are pipelined (F2). This knows no transport: it is given something that writes.
"""

from collections import deque
from collections.abc import Callable

from hl7calf.wire.mllp import USUAL_BLOCKS, Blocks, enframe


class Place:
    """The place of one frame's answer; `fill` it once, with nothing where none is wanted."""

    __slots__ = ("_queue", "data")

    def __init__(self, queue: "AnswerQueue") -> None:
        self._queue = queue
        self.data: bytes | None = None

    def fill(self, *payloads: bytes) -> None:
        """Answer with these payloads, framed here; a second call is ignored."""
        if self.data is None:
            blocks = self._queue.blocks
            if len(payloads) == 1:
                self.data = enframe(payloads[0], blocks)
            else:
                self.data = b"".join([enframe(payload, blocks) for payload in payloads])
            self._queue.advance()


class AnswerQueue:
    """Keeps the places of one connection.

    Args:
        write: takes framed bytes.
        emptied: called when the last outstanding answer was written.
        blocks: the block characters of the answers.
    """

    def __init__(
        self, write: Callable[[bytes], None], emptied: Callable[[], None], blocks: Blocks = USUAL_BLOCKS
    ) -> None:
        self.blocks = blocks
        self._write = write
        self._emptied = emptied
        self._places: deque[Place] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._places)

    def place(self) -> Place:
        """Reserve the next answer's place."""
        place = Place(self)
        self._places.append(place)
        return place

    def advance(self) -> None:
        """Write what is ready at the head."""
        places = self._places
        if self._closed or not places or places[0].data is None:
            return
        ready = []
        while places and (data := places[0].data) is not None:
            ready.append(data)
            places.popleft()
        self._write(ready[0] if len(ready) == 1 else b"".join(ready))
        if not places:
            self._emptied()

    def close(self) -> int:
        """Stop writing, the connection is gone; return how many answers can no longer be given."""
        self._closed = True
        return len(self._places)
