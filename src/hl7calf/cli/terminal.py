"""What stands on the screen: colour, width, tables, and text made safe to print.

Law: colour only on a terminal and never under NO_COLOR; nothing from a message reaches the screen
before `clean`, because it may carry terminal escapes ([Promises] S8). Windows of 40 columns stay
readable: a table that does not fit becomes one short block per row.
"""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

import click

# C0 and C1 controls, DEL, line and paragraph separators, byte order mark, lone surrogates, and the
# bidirectional and zero-width marks that make a line read otherwise than it is (Unicode TR36 §2.4).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
NARROWEST = 24


def clean(text: str, keep: str = "") -> str:
    r"""Return text with every control, bidirectional and invisible character written out (`\x1b`).

    Args:
        keep: characters that may stay, such as a newline in our own text.
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _written_out(found[0]), text)


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


@dataclass(frozen=True, slots=True)
class Terminal:
    """How to write to one stream: with colour or not, and how wide it is (None: not a window, do not fold)."""

    colour: bool = False
    width: int | None = None

    def paint(
        self, text: str, *, fg: str | None = None, bold: bool = False, dim: bool = False, reverse: bool = False
    ) -> str:
        """Return the text in colour, or as it is where colour is off."""
        if not self.colour:
            return text
        return click.style(text, fg=fg, bold=bold or None, dim=dim or None, reverse=reverse or None)

    def fold(self, text: str, indent: str = "", hang: str | None = None) -> str:
        """Return text (no colour in it) folded to the window, continued lines indented by `hang`."""
        if self.width is None:
            return indent + text
        hang = indent if hang is None else hang
        width = max(self.width, NARROWEST)
        lines = textwrap.wrap(
            text,
            width,
            initial_indent=indent,
            subsequent_indent=hang,
            break_on_hyphens=False,
            replace_whitespace=False,
            drop_whitespace=True,
        )
        return "\n".join(lines or [indent])


def terminal(stream: TextIO | None = None) -> Terminal:
    """Return how to write to a stream (default stdout), by what it is and by NO_COLOR and COLUMNS."""
    stream = sys.stdout if stream is None else stream
    window = _is_window(stream)
    forced = os.environ.get("FORCE_COLOR", "") not in ("", "0")
    colour = (window or forced) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    asked = os.environ.get("COLUMNS", "")
    if asked.isdigit() and int(asked) > 0:
        return Terminal(colour, max(int(asked), NARROWEST))
    return Terminal(colour, max(shutil.get_terminal_size().columns, NARROWEST) if window else None)


def _is_window(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # a closed stream
        return False


def say(text: str = "", *, err: bool = False) -> None:
    """Write one line; colour was decided when it was painted, so it is never stripped here."""
    click.echo(text, err=err, color=True)


def say_err(text: str) -> None:
    """Write one line for people to stderr, folded to the window."""
    say(terminal(sys.stderr).fold(clean(text)), err=True)


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    term: Terminal,
    right: Sequence[int] = (),
    last_below: bool = False,
) -> str:
    """Return rows under headings; in a narrower window closer together, and at last one block per row.

    Args:
        rows: cells as text; cleaned here.
        right: columns (0-based) that align right, such as counts.
        last_below: before it comes to blocks, the last column may stand under its row, for it is the long one.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max([len(heading), *(len(row[i]) for row in cells)]) for i, heading in enumerate(headings)]
    places = [(gap, below) for below in ((False, True) if last_below else (False,)) for gap in (2, 1)]
    for gap, below in places:
        count = len(widths) - below
        if term.width is None or sum(widths[:count]) + gap * (count - 1) <= term.width:
            return _columns(headings, cells, _Layout(widths[:count], gap, frozenset(right), below), term)
    return "\n\n".join(_block(headings, row, term) for row in cells)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a table is set: widths of its columns, blanks between them, which align right, whether the last is below."""

    widths: Sequence[int]
    gap: int
    right: frozenset[int]
    below: bool


def _columns(headings: Sequence[str], cells: Sequence[Sequence[str]], layout: _Layout, term: Terminal) -> str:
    def line(row: Sequence[str]) -> str:
        parts = [
            cell.rjust(width) if i in layout.right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, layout.widths, strict=False))
        ]
        return (" " * layout.gap).join(parts).rstrip()

    lines = [term.paint(line(headings), dim=True)]
    for row in cells:
        lines.append(line(row))
        if layout.below and row[-1]:
            lines.append(term.fold(row[-1], " " * (layout.widths[0] + layout.gap)))
    return "\n".join(lines)


def _block(headings: Sequence[str], row: Sequence[str], term: Terminal) -> str:
    """Return one row as `heading  value` lines; empty cells are left out."""
    widest = max(len(heading) for heading in headings) + 2
    return "\n".join(
        term.fold(cell, heading.ljust(widest), " " * widest)
        for heading, cell in zip(headings, row, strict=True)
        if cell
    )
