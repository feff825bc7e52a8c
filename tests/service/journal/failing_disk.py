"""A disk that fails when it is told to: an apsw VFS under the journal."""

from collections.abc import Callable

import apsw

FULL = apsw.SQLITE_FULL
WRITE = apsw.SQLITE_IOERR_WRITE
SYNC = apsw.SQLITE_IOERR_FSYNC
READ = apsw.SQLITE_IOERR_READ


class FailingDisk(apsw.VFS):
    """Passes everything on to the real disk; `on_write`, `on_sync` and `on_read` answer with an error code or 0."""

    def __init__(self, name: str = "failing") -> None:
        self.name = name
        self.on_write: Callable[[str], int] = lambda path: 0
        self.on_sync: Callable[[str], int] = lambda path: 0
        self.on_read: Callable[[str], int] = lambda path: 0
        self.syncs = 0
        super().__init__(name, "", exclude={"xCurrentTime", "xCurrentTimeInt64"})

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: object, flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("", name, flags)  # type: ignore[arg-type]

    def xWrite(self, data: bytes, offset: int) -> None:
        _fail(self._disk.on_write(self._path))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.syncs += 1
        _fail(self._disk.on_sync(self._path))
        super().xSync(flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        _fail(self._disk.on_read(self._path))
        return super().xRead(amount, offset)


def _fail(code: int) -> None:
    if code:
        error = apsw.exception_for(code)
        raise error
