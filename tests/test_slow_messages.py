"""P20 and R14: no message can hold Python's lock. What runs in C cannot be interrupted, so it must be linear.

A regular expression is the one call of the standard library that can take for ever inside C. Each that may meet
text of a message is looked at here, and none may be ambiguous: no repeat within a repeat, and no two repeats that
could share one character with nothing fixed between them.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hl7calf.calf import passages
from hl7calf.calf.vetting import vet
from tests.fuzz.target import shipped_tables
from tests.service.served import target

PARSER: Any = re._parser  # type: ignore[attr-defined]  # the standard library's own reading of a pattern
CODES: Any = re._constants  # type: ignore[attr-defined]
SRC = Path(__file__).resolve().parents[1] / "src" / "hl7calf"
MANY = 16  # a repeat with a smaller bound costs a constant
EVERY = frozenset(range(256))


def patterns_in(path: Path) -> Iterator[tuple[int, str | bytes]]:
    """Yield line and text of each constant pattern of a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        named = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
        if named and node.func.attr != "escape" and node.args and isinstance(node.args[0], ast.Constant):
            yield node.lineno, node.args[0].value


def characters(items: Any) -> frozenset[int]:
    """Return the Latin-1 characters that single steps of these items can take."""
    found: set[int] = set()
    for code, argument in items:
        if code in (CODES.LITERAL, CODES.NOT_LITERAL, CODES.IN, CODES.ANY):
            one = PARSER.SubPattern(PARSER.State(), [(code, argument)])
            found |= {n for n in EVERY if matches(one.data[0], n)}
        elif code in (CODES.MAX_REPEAT, CODES.MIN_REPEAT, CODES.POSSESSIVE_REPEAT):
            found |= characters(argument[2])
        elif code is CODES.SUBPATTERN:
            found |= characters(argument[3])
        elif code is CODES.BRANCH:
            for branch in argument[1]:
                found |= characters(branch)
        elif code is CODES.ATOMIC_GROUP:
            found |= characters(argument)
    return frozenset(found)


def matches(item: tuple[Any, Any], number: int) -> bool:
    code, argument = item
    if code is CODES.LITERAL:
        return bool(argument == number)
    if code is CODES.NOT_LITERAL:
        return bool(argument != number)
    if code is CODES.ANY:
        return True
    negated = bool(argument) and argument[0][0] is CODES.NEGATE
    inside = any(in_set(one, number) for one in argument)
    return inside is not negated


def in_set(one: tuple[Any, Any], number: int) -> bool:
    code, argument = one
    if code is CODES.LITERAL:
        return bool(argument == number)
    if code is CODES.RANGE:
        return bool(argument[0] <= number <= argument[1])
    if code is CODES.CATEGORY:
        name = str(argument).rsplit("_", 1)[1]
        letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[name]
        letter = letter.upper() if "NOT" in str(argument) else letter
        return re.match(rf"\{letter}", chr(number)) is not None
    return False


def ambiguity(items: Any, within: bool = False) -> str:
    """Return why a pattern may take more than linear time, "" when it cannot."""
    open_ended: frozenset[int] = frozenset()  # what an earlier repeat could still give back
    for code, argument in items:
        if code in (CODES.MAX_REPEAT, CODES.MIN_REPEAT):
            _, most, inner = argument
            long = most > MANY
            if long and within:
                return "a repeat within a repeat"
            if why := ambiguity(inner, within or long):
                return why
            taken = characters(inner)
            if long and taken & open_ended:
                return "two repeats that can share a character"
            open_ended = open_ended | taken if long else open_ended
            if not argument[0]:
                continue  # it may be absent, so what stood before is still open
            open_ended = taken if long else frozenset(n for n in open_ended if n in taken)
        elif code is CODES.SUBPATTERN:
            if why := ambiguity(argument[3], within):
                return why
            open_ended |= trailing(argument[3])
        elif code is CODES.BRANCH:
            for branch in argument[1]:
                if why := ambiguity(branch, within):
                    return why
        elif code in (CODES.LITERAL, CODES.NOT_LITERAL, CODES.IN, CODES.ANY):
            taken = characters([(code, argument)])
            open_ended = open_ended if taken & open_ended else frozenset()
    return ""


def trailing(items: Any) -> frozenset[int]:
    """Return what the last repeat of a group could give back."""
    last = items[-1] if len(items) else None
    if last is not None and last[0] in (CODES.MAX_REPEAT, CODES.MIN_REPEAT) and last[1][1] > MANY:
        return characters(last[1][2])
    return frozenset()


def why_slow(pattern: str | bytes) -> str:
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    return ambiguity(PARSER.parse(text))


MODULES = sorted(path for part in ("wire", "calf", "service", "console") for path in (SRC / part).rglob("*.py"))


def test_no_pattern_that_meets_a_message_can_hold_the_lock() -> None:
    found = [(path, line, pattern) for path in MODULES for line, pattern in patterns_in(path)]
    assert len(found) > 12
    slow = [f"{path.name}:{line}: {why}" for path, line, pattern in found if (why := why_slow(pattern))]
    assert slow == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"[0-9]*\.?[0-9]+",
        r"(a+)+b",
        r"(a|b)*c*d*a*x",
        r"\s*\s+$",
        r"x[\W_]*\?[\W_]*y",
        r"(?:a*)*",
        rb"[+-]?[0-9]*[0-9]+",
    ],
)
def test_the_look_sees_what_is_slow(pattern: str | bytes) -> None:
    assert why_slow(pattern)


@pytest.mark.parametrize(
    "pattern", [r"[0-9]++(?:\.[0-9]++)?+", r"[A-Z][0-9]{1,9}-(\d+)", r"a*b+c*", r"(\d)\.(\d{1,2})"]
)
def test_and_lets_pass_what_is_not(pattern: str) -> None:
    assert why_slow(pattern) == ""


def tokenized(monkeypatch: pytest.MonkeyPatch, payload: bytes) -> int:
    """Return how many characters the rule cuts into words for one payload."""
    count = [0]
    real = passages.tokenize

    def counting(value: str, *rest: Any) -> Sequence[Any]:
        count[0] += len(value)
        return real(value, *rest)

    monkeypatch.setattr(passages, "tokenize", counting)
    vet(payload, shipped_tables())
    monkeypatch.undo()
    return count[0]


@pytest.mark.parametrize(
    "row", ["OBX|1|TX|A||left calf calcification on x-ray\r", "NTE|1||" + "left calf pain " * 4 + "\r"]
)
def test_rows_that_run_on_are_read_once_each(monkeypatch: pytest.MonkeyPatch, row: str) -> None:
    few, many = (tokenized(monkeypatch, target("SLOW") + row.encode() * count) for count in (20, 80))
    assert few < many < 6 * few
