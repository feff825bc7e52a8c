"""Named statements on one connection, and the two ways a value changes between Python and the file.

Law: every call reads to its end, or closes what it has not read, so nothing is left open on the connection.
"""

from collections.abc import Sequence
from typing import Any

import apsw

from hl7calf.service.journal.statements import sql, sql_for_list

Row = tuple[Any, ...]
CHUNK = 32  # rows or values in one statement: most of the gain of larger ones, and statements stay in the cache


def microseconds(at: float) -> int:
    """Return Unix seconds as the whole microseconds that the journal keeps."""
    return round(at * 1_000_000)


def seconds(at: int) -> float:
    """Undo `microseconds`."""
    return at / 1_000_000


class Query:
    """Runs named queries on a connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._cursor = connection.cursor()

    def rows(self, name: str, *values: Any) -> list[Row]:
        """Return all rows of a named query."""
        return self._cursor.execute(sql(name), values).fetchall()

    def rows_up_to(self, most_bytes: int, column: int, name: str, *values: Any) -> list[Row]:
        """Return the first rows of a named query; the one with which that column passes so many bytes is the last."""
        cursor = self._cursor.connection.cursor()
        found: list[Row] = []
        size = 0
        for row in cursor.execute(sql(name), values):
            found.append(row)
            size += len(row[column])
            if size >= most_bytes:
                break
        cursor.close()
        return found

    def row(self, name: str, *values: Any) -> Row | None:
        """Return the first row of a named query, or None."""
        found = self._cursor.execute(sql(name), values).fetchall()
        return found[0] if found else None

    def value(self, name: str, *values: Any) -> Any:
        """Return the one value of a named query that always has one."""
        return self._cursor.execute(sql(name), values).get

    def rows_in(self, name: str, values: Sequence[Any], *before: Any) -> list[Row]:
        """Return the rows of a query whose `(?*)` is this list, however long; `before` are the values ahead of it."""
        found: list[Row] = []
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            # a short list is filled with its last value, so that few different statements are kept prepared
            length = 1 if len(part) == 1 else CHUNK
            filled = [*before, *part, *[part[-1]] * (length - len(part))]
            found += self._cursor.execute(sql_for_list(name, length), filled).fetchall()
        return found
