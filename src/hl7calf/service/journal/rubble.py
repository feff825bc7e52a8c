"""Which table a row of a damaged journal belonged to, and whether it can be believed.

Law: a row says by its own shape where it belongs; a payload is believed by its checksum, a log entry by its hash,
a message's record by what its columns say of each other. What cannot be believed is no row.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.pages import Row, Value
from hl7calf.service.modlog import DAY_US, entry_hash

_N = type(None)
_I, _S, _B = (int,), (str,), (bytes,)
_MESSAGE = (
    (_N,), _S, _S, _S, _I, _I, (int, _N), _S, _I, _B, _B, _B, _B, _S, _B, _S, _S, _S, _S, _S, _S, _B, _I, (int, _N),
)  # fmt: skip
_SHAPES: dict[str, tuple[bool, tuple[tuple[type, ...], ...]]] = {
    # table: whether its rows have numbers, and what its columns hold (migrations/0001_first.sql)
    "message": (True, _MESSAGE),
    "payload": (True, ((_N,), _B, _B, _B, (bytes, _N))),
    "outbox": (True, ((_N,), _S, _S, _I, _I, _I, _I, _I, _S)),
    "seen": (True, ((_N,), _I, _B, _B)),
    "entry": (True, ((_N,), _I, _I, _S, _S, _S, _B, (int, _N), _B, _B)),
    "history": (False, (_I, _I, _I, _I, _I, _S, _S, _S, _B, _S)),
    "hold": (False, (_S, _B, _I, _I)),
    "remembered": (False, (_B, _S, _S, _S, _B, _I)),
    "control": (False, (_S, _S, _S, _S, _I)),
}
WAITING = (State.QUEUED, State.PARKED)


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a table that can be believed; the number of a numbered row stands in its place among the values.

    `doubt`: a part of it is gone, and what.
    """

    table: str
    values: tuple[Any, ...]
    doubt: str = ""


def recognise(row: Row, hmac_key: bytes = b"") -> Found | None:
    """Return what a row is, or None for what belongs to no table, or cannot be believed."""
    for table, (numbered, shape) in _SHAPES.items():
        if numbered == (row.number is not None) and _fits(row.values, shape):
            values: tuple[Any, ...] = (row.number, *row.values[1:]) if numbered else row.values
            believed = _BELIEVED.get(table)
            if table == "entry":
                return Found(table, values) if entry_hash(values[8], hmac_key) == values[9] else None
            return believed(values) if believed else Found(table, values)
    return None


def _fits(values: tuple[Value, ...], shape: tuple[tuple[type, ...], ...]) -> bool:
    return len(values) == len(shape) and all(type(value) in wanted for value, wanted in zip(values, shape, strict=True))


def _message(values: tuple[Any, ...]) -> Found | None:
    """Believe a record whose day is that of its time, and which is finished when its state says so."""
    state, day, received_at, finished_at = values[3], values[4], values[5], values[6]
    states: list[str] = list(State)
    if state not in states or day != received_at // DAY_US or values[0] <= 0 or not _is_json_list(values[17]):
        return None
    return Found("message", values) if (finished_at is None) == (state in WAITING) else None


def _payload(values: tuple[Any, ...]) -> Found | None:
    """Believe bytes that match their checksums; keep the original where only the changed ones do not."""
    number, sha256_in, sha256_out, inbound, outbound = values
    if hashlib.sha256(inbound).digest() != sha256_in:
        return None
    sent = inbound if outbound is None else outbound
    if hashlib.sha256(sent).digest() == sha256_out:
        return Found("payload", values)
    return Found("payload", (number, sha256_in, sha256_in, inbound, None), "what was made of it is damaged")


def _seen(values: tuple[Any, ...]) -> Found | None:
    return Found("seen", values) if len(values[3]) == 32 else None


def _remembered(values: tuple[Any, ...]) -> Found | None:
    return Found("remembered", values) if _is_json_list(values[1]) and _is_json_list(values[2]) else None


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


_BELIEVED: dict[str, Callable[[tuple[Any, ...]], Found | None]] = {
    "message": _message,
    "payload": _payload,
    "seen": _seen,
    "remembered": _remembered,
}
