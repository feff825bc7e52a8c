"""Print docs/peers.md: the comparison as a table, and what it says (`make peers > docs/peers.md`)."""

import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.peers.cases import CASES, put, unique
from tests.peers.servers import SERVERS

HEAD = """\
# The same sixteen cases, put to four MLLP servers

This page is what `make peers` prints. Each case is sent on a raw socket, and counted are the payloads that the \
application behind the server got, byte for byte, and the positive acknowledgments. Each server runs as its own \
documentation starts it; a segment end or block character that a server leaves on a payload and that its own parser \
takes off again is not held against it. The others are compared on this one task, being the listener; hl7calf itself \
uses python-hl7 as its witness and hl7apy as its advisor.

"""
FOOT = """
Python {python}, Twisted {twisted}. The cases stand in `tests/peers/cases.py`. txHL7 comes from PyPI into a folder of \
its own (`tests/peers/requirements.txt`).
"""


def compare() -> dict[str, list[str]]:
    """Return the cells of each server's column."""
    columns: dict[str, list[str]] = {}
    for name, run in SERVERS.items():
        with tempfile.TemporaryDirectory() as folder, run(Path(folder)) as (port, delivered):
            own = [unique(case, number) for number, case in enumerate(CASES)]
            columns[name] = [put(case, port, delivered).told(case) for case in own]
    return columns


def table(columns: dict[str, list[str]]) -> str:
    """Return the columns as Markdown, one row for each case."""
    head = [f"{name} {_version(name)}".strip() for name in columns]
    lines = ["| case | " + " | ".join(head) + " |", "|---" * (len(columns) + 1) + "|"]
    for number, case in enumerate(CASES):
        lines.append(f"| {case.name} | " + " | ".join(column[number] for column in columns.values()) + " |")
    return "\n".join(lines)


def page(columns: dict[str, list[str]]) -> str:
    """Return the whole page."""
    python = ".".join(platform.python_version_tuple()[:2])
    return HEAD + table(columns) + "\n" + FOOT.format(python=python, twisted=version("twisted"))


def _version(name: str) -> str:
    if name == "hl7calf":  # the one of this checkout
        return ""
    try:
        return version({"python-hl7": "hl7"}.get(name, name))
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.stdout.write(page(compare()))
