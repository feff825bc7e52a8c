import threading
from pathlib import Path
from typing import Any

from hl7calf.service.reading import Readers, ReadingThread
from tests.service.doubles import ThreadlessClock


class FakeReader:
    def __init__(self, folder: Path) -> None:
        self.thread = threading.get_ident()

    def remembered(self, key: bytes) -> Any:
        assert threading.get_ident() == self.thread, "a connection belongs to its thread"
        return key


def test_each_thread_reads_with_a_connection_of_its_own(tmp_path: Path) -> None:
    made: list[FakeReader] = []

    def make(folder: Path) -> Any:
        made.append(FakeReader(folder))
        return made[-1]

    readers = Readers(tmp_path, make)
    assert readers.remembered(b"a") == b"a"
    assert readers.remembered(b"b") == b"b"
    other = threading.Thread(target=lambda: readers.remembered(b"c"))
    other.start()
    other.join()
    assert len(made) == 2


def test_reading_happens_elsewhere_and_is_answered_here(tmp_path: Path) -> None:
    clock: Any = ThreadlessClock()
    thread = ReadingThread(clock, Readers(tmp_path, FakeReader))  # type: ignore[arg-type]
    found: list[int] = []
    thread.read(lambda reader: threading.get_ident()).addCallback(found.append)
    while not clock.from_threads:
        pass
    assert found == []
    clock.run_from_threads()
    assert found and found[0] != threading.get_ident()
    thread.stop()
