"""A time of day that is set by hand for one process, through libfaketime; its monotonic clock goes on as it should.

The process reads the file anew each time it asks for the time, so a test can have the clock jump while it runs.
"""

from pathlib import Path

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
_FILE = "faketime.txt"


def at_time(folder: Path, offset_s: float) -> dict[str, str]:
    """Return the environment of a process whose clock is so many seconds ahead (or behind)."""
    set_ahead(folder, offset_s)
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(folder / _FILE),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",  # its name before version 0.9.9
    }


def set_ahead(folder: Path, offset_s: float) -> None:
    """Have the clock jump; the file is replaced whole, as the process may be reading it."""
    new = folder / f"{_FILE}.new"
    new.write_text(f"{offset_s:+.0f}\n")
    new.rename(folder / _FILE)
