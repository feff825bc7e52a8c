"""Reading the documents of this repository: code spans, tables, links, headings, citations."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OPERATIONS = ROOT / "docs" / "operations.md"
SOURCES = ROOT / "docs" / "sources.md"

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_KEY = re.compile(r"(?<![\w\]`])\[([A-Z][A-Za-z0-9-]+)(?: §?[0-9][0-9.]*)?\](?![(\w])")
_NUMBER = re.compile(r"(?<![\w.^-])([PFHARS])([1-9][0-9]?)(?![\w^])")


def documents() -> list[Path]:
    """Every document a reader may open, README first."""
    found = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("mappings/*.md"),
        *ROOT.glob("sample_messages/*.md"),
    ]
    return sorted(found, key=lambda path: (path.name != "README.md" or path.parent != ROOT, str(path)))


def blocks(text: str, language: str = "") -> list[str]:
    """The fenced blocks of one language, or of all."""
    return [body for kind, body in _FENCE.findall(text) if not language or kind == language]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """Inline code."""
    return _SPAN.findall(prose(text))


def code_lines(text: str) -> Iterator[str]:
    """Every line of code: inline, fenced, or indented by four."""
    yield from spans(text)
    for body in blocks(text):
        yield from body.splitlines()
    yield from (line[4:] for line in prose(text).splitlines() if line.startswith("    "))


def links(text: str) -> list[str]:
    """The addresses of all links and pictures."""
    return _LINK.findall(prose(text))


def slugs(text: str) -> set[str]:
    """The anchors of all headings, as GitHub makes them."""
    found = set()
    for heading in _HEADING.findall(prose(text)):
        plain = _LINK.sub("", heading).replace("`", "").lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of the same or a higher level."""
    match = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,6}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match, f"there is no heading {heading!r}"
    level = len(match[1])
    whole = re.search(
        rf"^{match[1]} {re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert whole
    return whole[1]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row whose first cell is one or more code spans."""
    found = []
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.append(cells)
    return found


def first_cells(text: str) -> list[str]:
    """The code spans of every row's first cell."""
    return [span for cells in rows(text) for span in _SPAN.findall(cells[0])]


@cache
def said_in_code(path: Path) -> tuple[str, ...]:
    """Docstrings and comments of a Python file."""
    return tuple(_said(path.read_text("utf-8")))


def _said(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def keys_cited(text: str) -> set[str]:
    """The keys of `[Needleman2018]` and `[ClinicalNotes 3.5]`."""
    return {key for key in _KEY.findall(text) if key not in NO_KEYS}


NO_KEYS = frozenset({"IPv6", "ORC-2", "PID-3", "Unit", "Service", "Install", "Keep", "Unreleased", "Any"})


def keys_listed() -> set[str]:
    """The keys that docs/sources.md explains."""
    return set(re.findall(r"^\| \[([A-Za-z0-9-]+)\] \|", SOURCES.read_text("utf-8"), re.MULTILINE))


def numbers_cited(text: str) -> set[str]:
    """Numbers such as P8, R14 and S21 in parentheses or behind `[Promises]`."""
    found = set()
    for part in re.findall(r"\(([^()]*)\)|\[Promises\]([^.;)]*)", text):
        inside = "".join(part)
        if re.fullmatch(r"[\s,A-Za-z0-9\[\]]*", inside):
            found |= {letter + number for letter, number in _NUMBER.findall(inside)}
    return found
