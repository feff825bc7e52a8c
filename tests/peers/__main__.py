"""Print the comparison as a table for docs/peers.md."""

import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.peers.cases import CASES, put, unique
from tests.peers.servers import SERVERS


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


def _version(name: str) -> str:
    try:
        return version({"python-hl7": "hl7"}.get(name, name))
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.stdout.write(table(compare()) + "\n")
