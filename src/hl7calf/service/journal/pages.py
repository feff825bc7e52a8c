"""Reading an SQLite file by its pages, without its trees: what is left in it when SQLite can no longer walk them.

Law: nothing is written, nothing here raises for what the file holds, and a row is handed out only when its whole record
could be decoded. What such a row means, and whether it is true, is for whoever knows its checksums (`salvage`).

Source: sqlite.org/fileformat2.html, section 1.3 (header), 1.6 (b-tree pages), 1.7 (overflow), 1.8 (pointer map),
2.1 (records) and 4 (write-ahead log).
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = 4096  # this journal never asks for another; taken where the header no longer says
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER = 0x0D, 0x0A, 0x02
_FREE, _KINDS = 2, range(6)  # of the pointer map; 0 stands for the page of SQLite's own locks
_WAL_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
_WAL_MAGIC = (0x377F0682, 0x377F0683)
_MOST_ROW_BYTES = 1 << 30  # SQLite's own limit

Value = int | float | str | bytes | None


class _Unreadable(Exception):
    """A cell that is no whole record."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number where the table has numbers, and its columns in order."""

    number: int | None
    values: tuple[Value, ...]


class Pages:
    """The pages of a database file, with what its write-ahead log has committed over them.

    Attributes:
        unreadable: cells and pages that could not be decoded.
    """

    def __init__(self, database: Path) -> None:
        self._file = os.open(database, os.O_RDONLY | os.O_CLOEXEC)
        header = os.pread(self._file, 100, 0)
        self.size = _page_size(header)
        self._wal: int | None = None
        self._newer: dict[int, int] = {}
        self.count = os.fstat(self._file).st_size // self.size
        self.unreadable = 0
        self._map: tuple[int, bytes] = (0, b"")
        wal = database.with_name(f"{database.name}-wal")
        if wal.exists():
            self._wal = os.open(wal, os.O_RDONLY | os.O_CLOEXEC)
            self._read_log()

    def close(self) -> None:
        """Close the files."""
        os.close(self._file)
        if self._wal is not None:
            os.close(self._wal)

    def rows(self) -> Iterator[Row]:
        """Yield every row on a page that is in use, of tables and of indexes alike."""
        for number in range(1, self.count + 1):
            if self._is_free(number):
                continue
            page = self.page(number)
            start = 100 if number == 1 else 0
            if len(page) == self.size and page[start] in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER):
                yield from self._cells(page, start)

    def page(self, number: int) -> bytes:
        """Return a page as it was last committed; shorter where the file ends."""
        at = self._newer.get(number)
        if at is not None and self._wal is not None:
            return os.pread(self._wal, self.size, at)
        return os.pread(self._file, self.size, (number - 1) * self.size)

    def _read_log(self) -> None:
        """Find the newest committed frame of each page. A frame of another generation ends the log."""
        assert self._wal is not None
        header = os.pread(self._wal, _WAL_HEADER_BYTES, 0)
        if len(header) < _WAL_HEADER_BYTES:
            return
        magic, _, size, _, *salts = struct.unpack(">6I", header[:24])
        if magic not in _WAL_MAGIC or size != self.size:
            self.unreadable += 1
            return
        pending: dict[int, int] = {}
        at = _WAL_HEADER_BYTES
        while len(frame := os.pread(self._wal, _FRAME_HEADER_BYTES, at)) == _FRAME_HEADER_BYTES:
            number, pages, *frame_salts = struct.unpack(">4I", frame[:16])
            if frame_salts != salts or not number:
                break
            pending[number] = at + _FRAME_HEADER_BYTES
            if pages:
                self._newer |= pending
                self.count = pages
                pending = {}
            at += _FRAME_HEADER_BYTES + self.size

    def _is_free(self, number: int) -> bool:
        """Tell whether the pointer map says that a page is in no use: it may hold rows that were deleted."""
        each = self.size // 5 + 1
        if number < 2:
            return False
        home = (number - 2) // each * each + 2
        if number == home:
            return True  # a page of the map itself
        if self._map[0] != home:
            self._map = (home, self._kinds(home, each))
        kinds = self._map[1]
        return number - home <= len(kinds) and kinds[number - home - 1] == _FREE

    def _kinds(self, home: int, each: int) -> bytes:
        """Return what one page of the map says of the pages behind it; a damaged one is not believed."""
        kinds = self.page(home)[: (each - 1) * 5 : 5][: max(0, self.count - home)]
        return kinds if all(kind in _KINDS for kind in kinds) else b""

    def _cells(self, page: bytes, start: int) -> Iterator[Row]:
        kind = page[start]
        inner = kind == _INDEX_INNER
        first = start + (12 if inner else 8)
        (number,) = struct.unpack_from(">H", page, start + 3)
        for place in range(first, min(first + 2 * number, self.size - 1), 2):
            (at,) = struct.unpack_from(">H", page, place)
            try:
                yield self._cell(page, at + (4 if inner else 0), kind == _TABLE_LEAF)
            except (_Unreadable, IndexError, struct.error):
                self.unreadable += 1

    def _cell(self, page: bytes, at: int, table: bool) -> Row:
        length, at = _varint(page, at)
        number = None
        if table:
            number, at = _varint(page, at)
        if not 0 < length < _MOST_ROW_BYTES or at >= self.size:
            raise _Unreadable
        return Row(number, _record(self._payload(page, at, length, table)))

    def _payload(self, page: bytes, at: int, length: int, table: bool) -> bytes:
        """Put a record together from what stands in the cell and what overflows into other pages (section 1.6)."""
        most = self.size - 35 if table else (self.size - 12) * 64 // 255 - 23
        if length <= most:
            return page[at : at + length]
        least = (self.size - 12) * 32 // 255 - 23
        kept = least + (length - least) % (self.size - 4)
        kept = kept if kept <= most else least
        parts, left = [page[at : at + kept]], length - kept
        following = struct.unpack_from(">I", page, at + kept)[0]
        while left > 0:
            if not 1 < following <= self.count:
                raise _Unreadable
            overflow = self.page(following)
            following = struct.unpack_from(">I", overflow)[0]
            parts.append(overflow[4 : 4 + left])
            left -= self.size - 4
        return b"".join(parts)


def _page_size(header: bytes) -> int:
    size = struct.unpack_from(">H", header, 16)[0] if len(header) >= 18 else 0
    size = 65536 if size == 1 else size
    return size if size >= 512 and size & (size - 1) == 0 else PAGE_BYTES


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a variable-length integer and return it with the place behind it."""
    value = 0
    for n in range(8):
        byte = data[at + n]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64) if value >= 1 << 63 else value, at + 9


_FIXED = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}


def _record(data: bytes) -> tuple[Value, ...]:
    """Decode one record; all of its bytes must be accounted for."""
    head, at = _varint(data, 0)
    kinds = []
    while at < head:
        kind, at = _varint(data, at)
        kinds.append(kind)
    if at != head:
        raise _Unreadable
    values: list[Value] = []
    for kind in kinds:
        size = _FIXED.get(kind, (kind - 12) // 2)
        if size < 0 or kind in (10, 11) or at + size > len(data):
            raise _Unreadable
        values.append(_value(kind, data[at : at + size]))
        at += size
    if at != len(data):
        raise _Unreadable
    return tuple(values)


def _value(kind: int, data: bytes) -> Value:
    if kind == 0:
        return None
    if kind < 7:
        return int.from_bytes(data, "big", signed=True)
    if kind == 7:
        return float(struct.unpack(">d", data)[0])
    if kind < 10:
        return kind - 8
    if kind % 2 == 0:
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _Unreadable from None
