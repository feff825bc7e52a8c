"""The modification log: what an entry says, and the chain that shows tampering.

Law: pure; no clock, no disk. An entry is canonical JSON (keys sorted, no spaces, ASCII) that names its own sequence
number and the hash of the entry before it; its hash is SHA-256 of those bytes, or HMAC-SHA-256 where the site has
a key. So a changed, removed, swapped or inserted entry breaks the chain, and a cut tail misses the anchor (the last
sequence and hash, kept elsewhere). No name and no free text stands in an entry but what hl7calf inserted itself:
evidence is a place, never the words.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

GENESIS = bytes(32)
DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_FINDINGS = 100  # more say nothing more


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of the chain at one moment. Kept outside, it proves that nothing up to there was cut off."""

    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as it stands in the store: the bytes under the hash and the columns that repeat parts of them."""

    sequence: int
    at: int  # microseconds
    day: int
    kind: str
    route: str
    action: str
    control_id: str
    message_id: int | None
    placers: tuple[str, ...]
    body: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with the chain, at or next to this sequence number."""

    sequence: int
    what: str


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What verifying found; `ok` when there is no finding. `head` is the last entry that was read."""

    checked: int
    head: Anchor
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Tell whether the chain is whole."""
        return not self.findings


def bytes_as_text(value: bytes) -> str:
    """Return bytes as text from which `text_as_bytes` makes the same bytes again."""
    return value.decode("utf-8", "surrogateescape")


def text_as_bytes(value: str) -> bytes:
    """Undo `bytes_as_text`."""
    return value.encode("utf-8", "surrogateescape")


def time_as_text(microseconds: int) -> str:
    """Return a time as `2026-01-15T10:00:00.000000Z`."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_seconds_as_text(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=64)
def _seconds_as_text(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds")[:-6]


def entry_body(sequence: int, at: int, node: str, previous: bytes, fields: Mapping[str, Any]) -> bytes:
    """Return the canonical bytes of one entry; `fields` are its own, such as `kind`, `route`, `orders`."""
    content = {**fields, "sequence": sequence, "time": time_as_text(at), "node": node, "previous": previous.hex()}
    return canonical_json(content)


def canonical_json(content: Mapping[str, Any]) -> bytes:
    """Return the one JSON text for this content: keys sorted, no spaces, everything but printable ASCII escaped.

    msgspec writes the same bytes as the standard library ten times as fast, while all is printable ASCII.
    """
    try:
        quick = msgspec.json.encode(content, order="sorted")
        if quick.isascii() and b"\x7f" not in quick:
            return quick
    except UnicodeEncodeError:  # bytes that are no UTF-8, kept as surrogates
        pass
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def entry_hash(body: bytes, key: bytes = b"") -> bytes:
    """Return the hash of one entry, keyed where the site has a key."""
    return hmac.digest(key, body, "sha256") if key else hashlib.sha256(body).digest()


def placers_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the placer numbers an entry is found by: the first component of each order's, sorted, once."""
    orders = content.get("orders", ())
    return tuple(sorted({order["placer_key"].partition("^")[0] for order in orders} - {""}))


def verify(entries: Iterable[StoredEntry], anchor: Anchor | None = None, key: bytes = b"") -> VerifyResult:
    """Check the chain from its first entry to its last.

    Args:
        entries: all that are stored, by sequence.
        anchor: the end as it was known elsewhere; without it a cut tail cannot be seen.
        key: the site's HMAC key, if it has one.
    """
    chain = _Chain(anchor, key)
    for entry in entries:
        chain.add(entry)
    return chain.result()


def with_findings(result: VerifyResult, more: Sequence[Finding]) -> VerifyResult:
    """Return the result with findings of another kind added."""
    return VerifyResult(result.checked, result.head, (*result.findings, *more))


class _Chain:
    """What is known of the chain up to the entry read last."""

    def __init__(self, anchor: Anchor | None, key: bytes) -> None:
        self._anchor = anchor
        self._key = key
        self._first: tuple[int, str] | None = None  # sequence and `previous` of the first entry read
        self._purges: dict[int, str] = {}  # through -> hash of the last entry purged
        self._head = Anchor(0, GENESIS)
        self._anchor_met = anchor is None or anchor.sequence == 0
        self._checked = 0
        self._findings: list[Finding] = []

    def _find(self, sequence: int, what: str) -> None:
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(Finding(sequence, what))

    def add(self, entry: StoredEntry) -> None:
        """Check one entry against itself and against the one before."""
        self._checked += 1
        if not hmac.compare_digest(entry_hash(entry.body, self._key), entry.hash):
            self._find(entry.sequence, "the entry was changed: its hash is wrong")
        try:
            content = json.loads(entry.body)
            previous = str(content["previous"])
            repeated = _repeated(content)
            purged = _purged(content)
        except (ValueError, KeyError, TypeError, AttributeError):
            self._find(entry.sequence, "the entry cannot be read")
        else:
            if repeated != _columns(entry):
                self._find(entry.sequence, "the entry's columns or place differ from what it says")
            self._link(entry.sequence, previous)
            self._purges.update(purged)
        if self._anchor and entry.sequence == self._anchor.sequence:
            self._anchor_met = True
            if entry.hash != self._anchor.hash:
                self._find(entry.sequence, "the entry is not the one the anchor names")
        self._head = Anchor(entry.sequence, entry.hash)

    def _link(self, sequence: int, previous: str) -> None:
        if self._first is None:
            self._first = (sequence, previous)
        elif sequence != self._head.sequence + 1:
            self._find(sequence, f"entries are missing after {self._head.sequence}")
        elif previous != self._head.hash.hex():
            self._find(sequence, "the entry does not follow the one before it")

    def result(self) -> VerifyResult:
        """Judge the two ends, which no neighbour proves."""
        purged_through = 0
        if self._first is not None:
            sequence, previous = self._first
            begins = sequence == 1 and previous == GENESIS.hex()
            if not begins and self._purges.get(sequence - 1) != previous:
                self._find(sequence, "entries before this one are missing, and no purge entry says so")
            purged_through = sequence - 1
        if not self._anchor_met and self._anchor and self._anchor.sequence > purged_through:
            what = f"entries after {self._head.sequence} are missing: the anchor is not there"
            self._find(self._anchor.sequence, what)
        return VerifyResult(self._checked, self._head, tuple(self._findings))


def _repeated(content: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what an entry's content says its columns must be."""
    return (
        content["sequence"],
        content["time"],
        True,
        content["kind"],
        content.get("route", ""),
        content.get("action", ""),
        content.get("control_id", ""),
        content.get("message_id"),
        placers_of(content),
    )


def _purged(content: Mapping[str, Any]) -> dict[int, str]:
    """Return the last entry that a purge entry says was cut: its sequence and hash."""
    if content["kind"] != "purge":
        return {}
    details = content["details"]
    return {int(details["through"]): str(details["through_hash"])}


def _columns(entry: StoredEntry) -> tuple[Any, ...]:
    """Return the columns of an entry in the same order."""
    return (
        entry.sequence,
        time_as_text(entry.at),
        entry.day == entry.at // DAY_US,
        entry.kind,
        entry.route,
        entry.action,
        entry.control_id,
        entry.message_id,
        tuple(sorted(entry.placers)),
    )
