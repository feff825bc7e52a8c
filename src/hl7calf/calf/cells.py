"""Where a cell of a CSV file begins: line and column of its first character.

Law: counts as editors do, both from 1; a cell in quotes begins at its quote. Only a row that has a defect is looked
at, so nothing here is on the way of a sound table.
"""

from functools import lru_cache


class Cells:
    """The cells of one file's rows, by the line the row starts at."""

    def __init__(self, content: str) -> None:
        self._lines = _lines(content)

    def place(self, line: int, cell: int) -> tuple[int, int]:
        """Return line and column where the `cell`-th cell (from 1) of the row that starts at `line` begins."""
        at, column, quoted = line, 0, False
        for _ in range(cell - 1):
            while at <= len(self._lines):
                text = self._lines[at - 1]
                while column < len(text) and (quoted or text[column] != ","):
                    quoted ^= text[column] == '"'
                    column += 1
                if column < len(text):
                    column += 1
                    break
                if not quoted:
                    return at, len(text) + 1
                at, column = at + 1, 0
        return at, column + 1


@lru_cache(maxsize=32)
def _lines(content: str) -> tuple[str, ...]:
    return tuple(content.removeprefix("\ufeff").splitlines())
