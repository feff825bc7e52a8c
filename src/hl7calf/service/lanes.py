"""Which lane a message belongs to: messages of one lane stay in order, lanes run side by side.

Law: the lane is read from the bytes alone, so the same message always has the same lane. Its name is a hash,
never text of the message. A message without the key shares the route's own lane with the others that lack it.
"""

from collections.abc import Sequence
from hashlib import sha256

from hl7calf.wire.fields import value_at
from hl7calf.wire.header import Header


class LaneRule:
    """How one route keeps order.

    Args:
        route: its name, which is also the lane of strict FIFO.
        order_by: fields such as `ORC-2` or `PID-3.1`, the first occurrence of each; none for strict FIFO.
    """

    def __init__(self, route: str, order_by: Sequence[str] = ()) -> None:
        self._route = route
        self._paths = tuple(order_by)

    @property
    def keyed(self) -> bool:
        """Tell whether there is more than one lane."""
        return bool(self._paths)

    def of(self, payload: bytes, header: Header | None) -> tuple[str, bytes]:
        """Return a message's lane and its key (empty in the route's own lane)."""
        if not self._paths or header is None or header.is_batch:
            return self._route, b""
        key = b"\x1f".join([value_at(payload, header, path) for path in self._paths])
        if not key.strip(b"\x1f"):
            return self._route, b""
        return sha256(key).hexdigest()[:24], key
