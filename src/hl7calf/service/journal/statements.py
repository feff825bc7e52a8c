"""The SQL of the journal by name, read once from `journal.sql`.

Law: no SQL stands in Python. A statement begins with `-- name: insert_message`, then a comment that says what it
is for. (The habit is procrastinate's.)
"""

import re
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_ROW = re.compile(r"VALUES\s*(\([?,\s]+\))")


@cache
def _all() -> dict[str, str]:
    """Return every statement by its name."""
    text = (_HERE / "journal.sql").read_text("ascii")
    found: dict[str, str] = {}
    for part in text.split("-- name:")[1:]:
        name, _, rest = part.partition("\n")
        lines = [line for line in rest.splitlines() if not line.lstrip().startswith("--")]
        if name.strip() in found:
            raise ValueError(f"two statements are named {name.strip()}")
        found[name.strip()] = "\n".join(lines).strip().rstrip(";")
    return found


def sql(name: str) -> str:
    """Return the statement of that name; a KeyError is a mistake in the program."""
    return _all()[name]


@cache
def sql_for_rows(name: str, rows: int) -> str:
    """Return an INSERT of that name for several rows: its one `VALUES (?, ?)` repeated.

    One statement for many rows is one crossing into SQLite, and the interpreter is given away once.
    """
    return _ROW.sub(lambda found: "VALUES " + ", ".join([found[1]] * rows), sql(name), count=1)


@cache
def sql_for_list(name: str, length: int) -> str:
    """Return the statement with its one `(?*)` made a list of that length."""
    return sql(name).replace("(?*)", "(" + ", ".join("?" * length) + ")", 1)


def migration_texts() -> list[tuple[int, str]]:
    """Return the migrations in order, (number, SQL): `migrations/0001_first.sql` and on."""
    files = sorted((_HERE / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return [(int(file.name[:4]), file.read_text("ascii")) for file in files]
