"""Replacing declared spans of a payload, and putting them back.

Law: what goes out is what came in with exactly the declared spans replaced; undoing them gives the inbound
bytes again. Anything that would not is refused, never mended (P5).
"""

from collections.abc import Sequence
from typing import Protocol


class Change(Protocol):
    """One span replaced: `before` at `offset` of the inbound payload became `after`; length 0 inserts."""

    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def before(self) -> bytes: ...
    @property
    def after(self) -> bytes: ...


def splice(payload: bytes, modifications: Sequence[Change]) -> bytes:
    """Return the payload with these spans replaced; the very same object when there are none.

    Insertions at one offset keep their order.

    Raises:
        ValueError: spans overlap, lie outside, or `before` is not what stands there.
    """
    if not modifications:
        return payload
    pieces: list[bytes] = []
    position = 0
    for change in sorted(modifications, key=_place):
        end = change.offset + change.length
        if change.offset < position or change.length < 0 or end > len(payload):
            raise ValueError("modifications overlap or lie outside the payload")
        if len(change.before) != change.length or payload[change.offset : end] != change.before:
            raise ValueError(f"other bytes stand at offset {change.offset} than the modification says")
        pieces += (payload[position : change.offset], change.after)
        position = end
    pieces.append(payload[position:])
    return b"".join(pieces)


def unsplice(outbound: bytes, modifications: Sequence[Change]) -> bytes:
    """Return the inbound payload from the outbound one and what was replaced.

    Raises:
        ValueError: `after` does not stand where the modifications put it.
    """
    if not modifications:
        return outbound
    pieces: list[bytes] = []
    position = shift = 0
    for change in sorted(modifications, key=_place):
        start = change.offset + shift
        end = start + len(change.after)
        if start < position or outbound[start:end] != change.after:
            raise ValueError(f"the modification for offset {change.offset} does not stand in the outbound bytes")
        pieces += (outbound[position:start], change.before)
        position = end
        shift += len(change.after) - change.length
    pieces.append(outbound[position:])
    return b"".join(pieces)


def is_exact(payload: bytes, outbound: bytes, modifications: Sequence[Change]) -> bool:
    """Tell whether `outbound` is `payload` with exactly these spans replaced, both ways."""
    try:
        return splice(payload, modifications) == outbound and unsplice(outbound, modifications) == payload
    except ValueError:
        return False


def _place(change: Change) -> tuple[int, bool]:
    """Order by offset; an insertion comes before a replacement at the same offset."""
    return change.offset, change.length > 0
