"""A journal on real disk, and a reader of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    # what is synced, and when, has tests of its own; the others need not wait for the disk
    with opened(tmp_path, synchronous="NORMAL") as one:
        yield one


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    with Reader(store.data_dir) as one:
        yield one
