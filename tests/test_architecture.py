"""The shape of the source, held over its syntax tree.

Each rule is a function of a module's dotted name and its source, and answers with what is wrong. The first half
of this file puts the rules to `src/hl7calf`; the second half shows each of them a bad sample, so that a rule
which sees nothing cannot pass for a rule that is kept.

Imports run one way:

    cli -> app -> service | console -> calf -> wire        errors at the bottom, config seen by cli and app alone
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "hl7calf"

Rule = Callable[[str, str], list[str]]

# What each part may import of hl7calf, besides itself and `hl7calf` (the version).
MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "wire": frozenset({"errors"}),
    "calf": frozenset({"errors", "wire"}),
    "service": frozenset({"errors", "wire", "calf"}),
    "console": frozenset({"errors", "wire", "calf"}),
    "config": frozenset({"errors", "wire", "calf"}),
    "app": frozenset({"errors", "wire", "calf", "service", "console", "config"}),
    "cli": frozenset({"errors", "wire", "calf", "service", "console", "config", "app"}),
    "__main__": frozenset({"cli"}),
    "": frozenset(),  # hl7calf/__init__.py
}

PURE = frozenset({"wire", "calf"})

# Modules of the standard library that reach a socket, a file, a clock, chance, a thread or the process.
WORLDLY = frozenset(
    """
    _thread asyncio asyncore atexit bz2 cgi code codeop concurrent ctypes curses dbm faulthandler fcntl
    fileinput ftplib getopt getpass gettext glob grp gzip http imaplib importlib io linecache locale logging
    lzma mailbox mimetypes mmap multiprocessing netrc nntplib optparse os pathlib pickle pkgutil platform poplib posix
    pty pwd queue random readline resource runpy sched secrets select selectors shelve shutil signal site smtplib
    socket socketserver sqlite3 ssl subprocess sys syslog tarfile tempfile termios threading time tty urllib uuid
    webbrowser wsgiref xmlrpc zipapp zipfile zipimport
    """.split()
)
OUTSIDE_LIBRARIES = frozenset({"hl7", "hl7apy"})
WORLDLY_SUBMODULES = frozenset({"hl7.client", "hl7.mllp", "hl7apy.mllp"})  # sockets
WORLDLY_CALLS = frozenset({"open", "input", "print", "breakpoint", "exec", "eval", "__import__"})
WORLDLY_METHODS = frozenset(
    {"open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir"}
)  # a path handed in
CLOCK_CALLS = frozenset({"now", "today", "utcnow"})  # datetime is there for its types

EMPTY_WORDS = frozenset({"manager", "handler", "processor", "engine", "helper", "util", "misc", "common", "models"})

MODULE_LINES = 300
FUNCTION_LINES = 45
TESTED_PARTS = frozenset({"wire", "calf", "service", "console"})


# ------------------------------------------------------------------------------------------ reading


def part_of(name: str) -> str:
    """Return `wire` for `hl7calf.wire.mllp`, and the empty string for `hl7calf` itself."""
    return name.split(".")[1] if "." in name else ""


def imports(name: str, source: str) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything imported, also within functions and for the type checker.

    `from hl7calf import config` yields `hl7calf.config`; `from a import b` elsewhere yields `a` and `a.b`, as
    the tree does not tell whether `b` is a module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = name.split(".")[: -node.level]
                base = ".".join([*above, base] if base else above)
            yield node.lineno, base
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


# -------------------------------------------------------------------------------------------- rules


def imports_follow_the_arrow(name: str, source: str) -> list[str]:
    """No part imports one that stands above or beside it."""
    part = part_of(name)
    if part not in MAY_IMPORT:
        return [f"{name}: `{part}` has no place in the tree; give it one in MAY_IMPORT"]
    found = set()
    for line, imported in imports(name, source):
        target = part_of(imported)
        known = imported.split(".")[0] == "hl7calf" and target in MAY_IMPORT
        if known and target and target != part and target not in MAY_IMPORT[part]:
            found.add(f"{name}:{line}: `{part or 'hl7calf'}` imports `{target}`")
    return sorted(found)


def pure_parts_import_only_what_is_pure(name: str, source: str) -> list[str]:
    """`wire` and `calf` know the standard library without the world, hl7, hl7apy and each other."""
    if part_of(name) not in PURE:
        return []
    found = []
    for line, imported in imports(name, source):
        top = imported.split(".")[0]
        allowed = top == "hl7calf" or top in OUTSIDE_LIBRARIES or (top in sys.stdlib_module_names - WORLDLY)
        if imported in WORLDLY_SUBMODULES or not allowed:
            found.append(f"{name}:{line}: a pure part imports `{imported}`")
    return found


def pure_parts_do_not_touch_the_world(name: str, source: str) -> list[str]:
    """`wire` and `calf` open nothing, print nothing and ask no clock: time is an argument."""
    if part_of(name) not in PURE:
        return []
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in WORLDLY_CALLS:
            found.append(f"{name}:{node.lineno}: a pure part calls {called.id}()")
        elif isinstance(called, ast.Attribute) and called.attr in WORLDLY_METHODS:
            found.append(f"{name}:{node.lineno}: a pure part reaches a file with .{called.attr}()")
        elif isinstance(called, ast.Attribute) and called.attr in CLOCK_CALLS:
            found.append(f"{name}:{node.lineno}: a pure part asks the clock with .{called.attr}()")
    return found


def names_say_something(name: str, source: str) -> list[str]:
    """No module and no class is named with a word that fits everything."""
    found = []
    for part in name.split(".")[1:]:
        for word in part.split("_"):
            if is_empty_word(word):
                found.append(f"{name}: `{word}` in a module's name says nothing")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and is_empty_word(last_word(node.name)):
            found.append(f"{name}:{node.lineno}: class {node.name}: `{last_word(node.name)}` says nothing")
    return found


def is_empty_word(word: str) -> bool:
    """Tell whether a word, in either number, is on the list."""
    return word.lower() in EMPTY_WORDS or word.lower().removesuffix("s") in EMPTY_WORDS


def last_word(class_name: str) -> str:
    """Return `Handler` for `MessageHandler`."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", class_name)
    return words[-1] if words else class_name


def modules_and_functions_are_short(name: str, source: str) -> list[str]:
    """A module fits into one reading, a function onto one screen."""
    found = []
    lines = len(source.splitlines())
    if lines > MODULE_LINES:
        found.append(f"{name}: {lines} lines, more than {MODULE_LINES}")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{name}:{node.lineno}: {node.name}() has {length} lines, more than {FUNCTION_LINES}")
    return found


def modules_open_with_their_law(name: str, source: str) -> list[str]:
    """Each module says in its head what it knows."""
    return [] if ast.get_docstring(ast.parse(source)) else [f"{name}: no docstring at the head"]


def modules_have_their_own_test_file(
    name: str, source: str, is_file: Callable[[Path], bool] = Path.is_file
) -> list[str]:
    """`service/journal/writer.py` is tested by `tests/service/journal/test_writer.py`; `__init__.py` needs none."""
    *folders, module = name.split(".")[1:] or [""]
    if part_of(name) not in TESTED_PARTS or module == "__init__":
        return []
    wanted = Path("tests", *folders, f"test_{module}.py")
    return [] if is_file(ROOT / wanted) else [f"{name}: {wanted.as_posix()} is missing"]


RULES: list[Rule] = [
    imports_follow_the_arrow,
    pure_parts_import_only_what_is_pure,
    pure_parts_do_not_touch_the_world,
    names_say_something,
    modules_and_functions_are_short,
    modules_open_with_their_law,
    modules_have_their_own_test_file,
]


# ------------------------------------------------------------------------------- the source as it is


def modules() -> dict[str, str]:
    """Return every module's source by its dotted name; a package's own code is `hl7calf.wire.__init__`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("hl7calf", *path.relative_to(PACKAGE).with_suffix("").parts)
        found["hl7calf" if parts == ("hl7calf", "__init__") else ".".join(parts)] = path.read_text("utf-8")
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Rule) -> None:
    found = [finding for name, source in modules().items() for finding in rule(name, source)]
    assert not found, f"{rule.__doc__}\n" + "\n".join(found)


def test_every_part_of_the_tree_was_read() -> None:
    assert {"wire", "calf", "service", "console", "cli", "errors"} <= {part_of(name) for name in modules()}


# ----------------------------------------------------------------------- each rule sees a bad sample

BAD: list[tuple[Rule, str, str, str]] = [
    (imports_follow_the_arrow, "hl7calf.wire.mllp", "import hl7calf.calf.gates", "`wire` imports `calf`"),
    (imports_follow_the_arrow, "hl7calf.wire.mllp", "from hl7calf.calf import gates", "`wire` imports `calf`"),
    (imports_follow_the_arrow, "hl7calf.wire.mllp", "from hl7calf import calf", "`wire` imports `calf`"),
    (imports_follow_the_arrow, "hl7calf.wire.mllp", "from ..calf import gates", "`wire` imports `calf`"),
    (imports_follow_the_arrow, "hl7calf.wire.mllp", "from .. import calf", "`wire` imports `calf`"),
    (imports_follow_the_arrow, "hl7calf.wire.__init__", "from ..calf import gates", "`wire` imports `calf`"),
    (imports_follow_the_arrow, "hl7calf.calf.gates", "def f():\n    from hl7calf.service import journal", "`service`"),
    (imports_follow_the_arrow, "hl7calf.calf.gates", "from hl7calf.config import Settings", "`calf` imports `config`"),
    (
        imports_follow_the_arrow,
        "hl7calf.service.ops",
        "from hl7calf.config import Settings",
        "`service` imports `config`",
    ),
    (
        imports_follow_the_arrow,
        "hl7calf.service.ops",
        "from hl7calf.console import site",
        "`service` imports `console`",
    ),
    (
        imports_follow_the_arrow,
        "hl7calf.console.site",
        "from hl7calf.service import ops",
        "`console` imports `service`",
    ),
    (imports_follow_the_arrow, "hl7calf.console.site", "from hl7calf import app", "`console` imports `app`"),
    (imports_follow_the_arrow, "hl7calf.config", "from hl7calf.service import ops", "`config` imports `service`"),
    (imports_follow_the_arrow, "hl7calf.app", "from hl7calf.cli import main", "`app` imports `cli`"),
    (imports_follow_the_arrow, "hl7calf.errors", "from hl7calf.wire import mllp", "`errors` imports `wire`"),
    (imports_follow_the_arrow, "hl7calf", "from hl7calf.cli import main", "`hl7calf` imports `cli`"),
    (imports_follow_the_arrow, "hl7calf.plugins.x", "", "`plugins` has no place"),
    (pure_parts_import_only_what_is_pure, "hl7calf.wire.mllp", "import socket", "`socket`"),
    (pure_parts_import_only_what_is_pure, "hl7calf.wire.mllp", "import os.path", "`os.path`"),
    (pure_parts_import_only_what_is_pure, "hl7calf.wire.mllp", "from time import monotonic", "`time`"),
    (pure_parts_import_only_what_is_pure, "hl7calf.calf.tables", "from pathlib import Path", "`pathlib`"),
    (pure_parts_import_only_what_is_pure, "hl7calf.calf.tables", "def f():\n    import random", "`random`"),
    (pure_parts_import_only_what_is_pure, "hl7calf.calf.tables", "import twisted.logger", "`twisted.logger`"),
    (pure_parts_import_only_what_is_pure, "hl7calf.wire.mllp", "from hl7 import client", "`hl7.client`"),
    (pure_parts_import_only_what_is_pure, "hl7calf.wire.mllp", "import importlib.resources", "`importlib.resources`"),
    (pure_parts_do_not_touch_the_world, "hl7calf.calf.tables", "x = open('a')", "open()"),
    (pure_parts_do_not_touch_the_world, "hl7calf.calf.tables", "def f():\n    print(1)", "print()"),
    (pure_parts_do_not_touch_the_world, "hl7calf.calf.tables", "def f(path):\n    path.read_text()", ".read_text()"),
    (pure_parts_do_not_touch_the_world, "hl7calf.calf.note", "import datetime\ndatetime.datetime.now()", ".now()"),
    (pure_parts_do_not_touch_the_world, "hl7calf.calf.note", "from datetime import date\ndate.today()", ".today()"),
    (pure_parts_do_not_touch_the_world, "hl7calf.wire.mllp", "__import__('os')", "__import__()"),
    (names_say_something, "hl7calf.service.queue_manager", "", "`manager`"),
    (names_say_something, "hl7calf.wire.utils", "", "`utils`"),
    (names_say_something, "hl7calf.service.helpers.text", "", "`helpers`"),
    (names_say_something, "hl7calf.wire.mllp", "class MessageHandler: pass", "`Handler`"),
    (names_say_something, "hl7calf.wire.mllp", "def f():\n    class HL7Engine: pass", "`Engine`"),
    (modules_and_functions_are_short, "hl7calf.wire.mllp", "x = 1\n" * 301, "301 lines"),
    (modules_and_functions_are_short, "hl7calf.wire.mllp", "def f():\n" + "    x = 1\n" * 45, "f() has 46 lines"),
    (
        modules_and_functions_are_short,
        "hl7calf.wire.mllp",
        "class A:\n async def g(a):\n" + "  x = 1\n" * 45,
        "g() has 46",
    ),
    (modules_open_with_their_law, "hl7calf.wire.mllp", "x = 1", "no docstring"),
    (modules_open_with_their_law, "hl7calf.wire.mllp", "# a comment is not one\n", "no docstring"),
    (modules_have_their_own_test_file, "hl7calf.wire.none_such", "", "tests/wire/test_none_such.py"),
    (modules_have_their_own_test_file, "hl7calf.service.journal.none", "", "tests/service/journal/test_none.py"),
]


@pytest.mark.parametrize(("rule", "name", "source", "said"), BAD)
def test_the_rule_sees_a_bad_sample(rule: Rule, name: str, source: str, said: str) -> None:
    found = rule(name, source)
    assert any(said in finding for finding in found), found


def test_every_rule_has_a_bad_sample() -> None:
    assert {rule for rule, *_ in BAD} == set(RULES)


GOOD: list[tuple[Rule, str, str]] = [
    (
        imports_follow_the_arrow,
        "hl7calf.cli.serve",
        "from hl7calf import __version__, app, config\nimport hl7calf.service.ops",
    ),
    (imports_follow_the_arrow, "hl7calf.service.ops", "from . import journal\nfrom hl7calf.calf.vetting import vet"),
    (imports_follow_the_arrow, "hl7calf.wire.ack", "from hl7calf.errors import WireError\nfrom .mllp import Deframer"),
    (imports_follow_the_arrow, "hl7calf.service.ops", "import hl7\nfrom twisted.web import server"),
    (
        pure_parts_import_only_what_is_pure,
        "hl7calf.calf.tables",
        "import csv, re, enum\nimport hl7, hl7apy.parser\nimport hl7calf.wire",
    ),
    (pure_parts_import_only_what_is_pure, "hl7calf.wire.ack", "from datetime import UTC, datetime"),
    (pure_parts_import_only_what_is_pure, "hl7calf.service.ops", "import os, socket, time"),
    (pure_parts_do_not_touch_the_world, "hl7calf.calf.tables", "def read(lines, reopen):\n    return reopen(lines)"),
    (pure_parts_do_not_touch_the_world, "hl7calf.service.ops", "x = open('a')"),
    (names_say_something, "hl7calf.calf.mentions", "class Mention: pass\nclass HandlerlessThing: pass"),
    (modules_and_functions_are_short, "hl7calf.wire.mllp", "def f():\n" + "    x = 1\n" * 44 + "x = 1\n" * 255),
    (modules_open_with_their_law, "hl7calf.wire.mllp", '"""MLLP."""\nx = 1'),
    (modules_have_their_own_test_file, "hl7calf.wire.__init__", ""),
    (modules_have_their_own_test_file, "hl7calf.errors", ""),
]


@pytest.mark.parametrize(("rule", "name", "source"), GOOD)
def test_the_rule_leaves_a_good_sample_alone(rule: Rule, name: str, source: str) -> None:
    assert rule(name, source) == []


def test_a_test_file_that_exists_is_found() -> None:
    asked: list[Path] = []
    assert modules_have_their_own_test_file("hl7calf.wire.mllp", "", lambda path: not asked.append(path)) == []
    assert asked == [ROOT / "tests" / "wire" / "test_mllp.py"]
