"""Reads the store off the reactor's thread: one thread of its own, and one connection per thread that asks.

Law: the reactor never waits for a disk (R20); a connection is used only in the thread that opened it.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from hl7calf.calf.verdict import Remembered
from hl7calf.service.journal.reader import Reader

T = TypeVar("T")


class Readers:
    """A reader for each thread that asks for one."""

    def __init__(self, data_dir: Path, open_reader: Callable[[Path], Reader] = Reader) -> None:
        self._data_dir = data_dir
        self._open = open_reader
        self._here = threading.local()

    def reader(self) -> Reader:
        """Return this thread's reader."""
        reader: Reader | None = getattr(self._here, "reader", None)
        if reader is None:
            reader = self._here.reader = self._open(self._data_dir)
        return reader

    def remembered(self, placer_key: bytes) -> Remembered | None:
        """Look into the order memory, from whatever thread vets."""
        return self.reader().remembered(placer_key)


class ReadingThread:
    """One thread that reads, so that the reactor does not."""

    def __init__(self, reactor: Any, readers: Readers) -> None:
        self._reactor = reactor
        self._readers = readers
        self._pool = ThreadPool(minthreads=0, maxthreads=1, name="reading")
        self._pool.start()

    def read(self, what: Callable[[Reader], T]) -> "Deferred[T]":
        """Return what was read, in the reactor's thread."""
        return deferToThreadPool(self._reactor, self._pool, lambda: what(self._readers.reader()))

    def stop(self) -> None:
        """End the thread when its last reading is done."""
        self._pool.stop()
