"""A disk that loses power: what was written and synced is there afterwards, what was not may be there in any part.

`PowerDisk` passes everything on to the real disk and writes down each write, truncation and sync. `state` then builds
what a disk may hold if the power failed after the first n of them: every write that a later sync of the same file
covers is there; of each other write nothing, all, or some of its 512-byte sectors are, independently of the others
(so also in any order). This is more than disks do, which is the point.

Source: sqlite.org/atomiccommit.html section 3 (what may be assumed of a disk), Zheng et al., "Torturing Databases for
Fun and Profit", OSDI 2014.
"""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes at an offset."""

    file: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """The file ends here."""

    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """What was written to this file so far is safe."""

    file: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the program under test said to the world, such as an acknowledgment."""

    what: Any


Step = Written | Cut | Synced | Note


class PowerDisk(apsw.VFS):
    """The disk that writes down; `steps` is what happened since `begin`, `base` what was there then."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps: list[Step] = []
        self.base: dict[str, bytes] = {}
        self._recording = False
        super().__init__(name, "", exclude={"xCurrentTime", "xCurrentTimeInt64"})

    def begin(self, folder: Path) -> None:
        """Take what is there as safe, and forget how it came to be."""
        self.steps.clear()
        self._recording = True
        self.base = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}

    def end(self) -> None:
        """Write nothing down any more."""
        self._recording = False

    def note(self, what: object) -> None:
        """Write down what was said to the world."""
        self.add(Note(what))

    def add(self, step: Step) -> None:
        """Write down what happened."""
        if self._recording:
            self.steps.append(step)

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: PowerDisk, name: object, flags: list[int]) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._name = Path(path).name
        super().__init__("", name, flags)  # type: ignore[arg-type]

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.add(Written(self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self._disk.add(Cut(self._name, size))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._disk.add(Synced(self._name))


def state(disk: PowerDisk, moment: int, chance: random.Random) -> dict[str, bytes]:
    """Return the files after the power failed behind the first `moment` steps."""
    steps = disk.steps[:moment]
    safe_until = {step.file: place for place, step in enumerate(steps) if isinstance(step, Synced)}
    keep = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))  # of what was not synced
    files = {name: bytearray(data) for name, data in disk.base.items()}
    for place, step in enumerate(steps):
        if isinstance(step, Note | Synced):
            continue
        file = files.setdefault(step.file, bytearray())
        safe = place < safe_until.get(step.file, -1)
        if isinstance(step, Cut):
            if safe or chance.random() < keep:
                del file[step.size :]
        elif safe:
            _write(file, step.offset, step.data)
        else:
            _write_some(file, step, keep, chance)
    return {name: bytes(data) for name, data in files.items()}


def said(disk: PowerDisk, moment: int) -> list[Any]:
    """Return what had been said to the world by then."""
    return [step.what for step in disk.steps[:moment] if isinstance(step, Note)]


def _write(file: bytearray, offset: int, data: bytes) -> None:
    if len(file) < offset:
        file.extend(bytes(offset - len(file)))
    file[offset : offset + len(data)] = data


def _write_some(file: bytearray, step: Written, keep: float, chance: random.Random) -> None:
    """Write all, nothing, or some sectors; a sector itself may be torn where it is the last."""
    if chance.random() < 0.7:
        if chance.random() < keep:
            _write(file, step.offset, step.data)
        return
    end = step.offset + len(step.data)
    at = step.offset
    while at < end:
        until = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if chance.random() < keep:
            _write(file, at, step.data[at - step.offset : until - step.offset])
        at = until
