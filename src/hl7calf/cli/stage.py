"""The demo's processes on loopback: a receiver, the service and a sender, and the folder they work in.

Law: every process started here is ended here, also after Ctrl-C or a failure; the ports are free ones of
this machine, and nothing listens beyond it.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from hl7calf.cli.failures import Stopped
from hl7calf.cli.init import SETTINGS_NAME
from hl7calf.cli.settings_example import Places, settings_text

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 12.0  # the service drains for up to 10 s (drain_timeout_s)


def free_ports(count: int) -> list[int]:
    """Return so many different ports of loopback that nobody listens at."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


class Stage:
    """A folder with settings, and the processes that run on them. Use as a context manager."""

    def __init__(self, folder: Path, mappings: Path) -> None:
        self.folder = folder
        self.listen, self.forward, self.ops, self.echo = free_ports(4)
        self.settings = folder / SETTINGS_NAME
        self.received = folder / "received"
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.received.mkdir()
        places = Places(self.listen, self.forward, self.ops, mappings=str(mappings.resolve()))
        # The policy's dates are the site's own calendar days.
        self.settings.write_text(settings_text(date.today(), places), encoding="utf-8")  # noqa: DTZ011

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for name in reversed(self._children):
            self.stop(name)

    def start(self, name: str, args: Sequence[str], module: str = "hl7calf") -> None:
        """Start `python -m MODULE ARGS`, by default a command of hl7calf."""
        with self.output(name).open("wb") as out, self.errors(name).open("wb") as err:
            self._children[name] = subprocess.Popen(
                [sys.executable, "-m", module, *args], stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    def wait_for(self, name: str, port: int) -> None:
        """Wait until a process listens at a port.

        Raises:
            Stopped: it ended or did not listen in time; with what it said.
        """
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            if self._children[name].poll() is not None:
                raise Stopped(f"`{name}` ended with {self._children[name].returncode} at once.{self.said(name)}")
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                return
            except OSError:
                time.sleep(0.03)
        raise Stopped(f"`{name}` did not listen within {START_TIMEOUT_S:g} s.{self.said(name)}")

    def finish(self, name: str, timeout_s: float) -> int:
        """Wait until a process has ended and return its exit code.

        Raises:
            Stopped: it did not end in time.
        """
        try:
            return self._children[name].wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Stopped(f"`{name}` did not end within {timeout_s:g} s.{self.said(name)}") from None

    def stop(self, name: str) -> int:
        """Ask a process to end, insist after a while, and return its exit code."""
        child = self._children[name]
        if child.poll() is None:
            child.terminate()
        try:
            return child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()

    def said(self, name: str) -> str:
        """Return the last lines that a process wrote to stderr, to show with a failure."""
        lines = self.errors(name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return "".join(f"\n  {name}: {line}" for line in lines[-5:])

    def memory_mb(self, name: str) -> float:
        """Return the resident memory of a process in MB; 0 where the system does not tell (Linux does)."""
        try:
            status = Path(f"/proc/{self._children[name].pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0.0
        return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)

    def cpu_s(self, name: str) -> float:
        """Return the seconds of a processor that a process has used; 0 where the system does not tell (Linux does)."""
        try:
            status = Path(f"/proc/{self._children[name].pid}/stat").read_text(encoding="ascii")
        except OSError:
            return 0.0
        user, system = status.rpartition(")")[2].split()[11:13]  # proc_pid_stat(5): utime, stime
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def output(self, name: str) -> Path:
        """Return the file of a process's stdout."""
        return self.folder / f"{name}.out"

    def errors(self, name: str) -> Path:
        """Return the file of a process's stderr."""
        return self.folder / f"{name}.err"
