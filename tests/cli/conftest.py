"""What the command tests share: the group run in this process, and as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hl7calf.cli import hl7calf

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "HL7CALF_CONFIG", "HL7CALF_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    yield


@pytest.fixture
def run() -> Run:
    """Run a command in this process; stdout and stderr apart."""

    def _run(*args: object, stdin: bytes | str | None = None) -> Result:
        return CliRunner().invoke(hl7calf, [str(arg) for arg in args], input=stdin, prog_name="hl7calf")

    return _run


def environment(**more: str) -> dict[str, str]:
    """Return the environment for a child process."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return {**kept, "PYTHONPATH": str(SOURCE), **more}


@pytest.fixture
def process() -> Process:
    """Run a command as a process of its own."""

    def _process(*args: object, stdin: str | None = None, timeout: float = 30, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "hl7calf", *map(str, args)], input=stdin, capture_output=True, text=True,
            timeout=timeout, env=environment(**env), check=False,
        )

    return _process


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a command as a process of its own; it is ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def _start(*args: object, **env: str) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [sys.executable, "-m", "hl7calf", *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment(**env),
        )
        started.append(child)
        return child

    yield _start
    for child in started:
        if child.poll() is None:
            child.terminate()
        child.communicate(timeout=20)
