"""A real console process over a staged store, and Debian's Chromium to look at it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hl7calf.calf.raising import raise_orders
from hl7calf.service.journal.jobs import CarryOut
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.views import Request
from hl7calf.service.mappings import shipped_mappings
from tests.console.stage import PASSWORD, POLICY, shipped_tables

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 390, "height": 844}}
SETTINGS = """
[service]
data_dir = {data_dir}
mappings = {mappings}
mode = "upgrade"
ops = ""

[policy]
id = "RAD-US-017"
version = "1"
approved_by = "Chief of Radiology"
approved_on = 2026-01-15
valid_until = 2036-01-15

[[route]]
name = "orders"
listen = "tcp:2575:interface=127.0.0.1"
forward = "tcp:127.0.0.1:2576"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def console_process(folder: Path, *options: str, mappings: Path | None = None) -> Iterator[str]:
    """Run `hl7calf console` over the store in `folder/var` and yield its address."""
    settings = folder / "hl7calf.toml"
    settings.write_text(
        SETTINGS.format(
            data_dir=json.dumps(str(folder / "var")), mappings=json.dumps(str(mappings or shipped_mappings()))
        )
    )
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "hl7calf",
        "console",
        "-c",
        str(settings),
        "--listen",
        f"tcp:{port}:interface=127.0.0.1",
    ]
    errors = (folder / "console.stderr").open("wb")
    process = subprocess.Popen(command, stderr=errors, stdout=errors, env=os.environ)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/sign-in", process, folder / "console.stderr")
        yield address
    finally:
        process.terminate()
        process.wait(10)
        errors.close()


def _wait_for(url: str, process: "subprocess.Popen[bytes]", errors: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the console did not start: " + errors.read_text(errors="replace")[-2000:])


def _carrying(request: Request, reader: Reader) -> CarryOut:
    """Vet again what a reviewer wants raised, as the service does."""
    message = reader.message(request.message_id or 0) if request.kind == "raise" else None
    if message is None:
        return CarryOut(request.request_id, time.time())
    wanted = frozenset(int(part) for part in request.value.split(",") if part)
    verdict, why = raise_orders(message.inbound, shipped_tables(), policy=POLICY, wanted=wanted)
    return CarryOut(request.request_id, time.time(), not why, why, None if why else verdict)


@contextmanager
def answering(store: Store) -> Iterator[None]:
    """Carry out what the console asks for, as the running service does."""
    done = threading.Event()

    def look() -> None:
        with Reader(store.data_dir) as reader:
            while not done.wait(0.05):
                for request in reader.requests():
                    store.run([_carrying(request, reader)])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def browser() -> Iterator[Any]:
    """Yield a Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()


def sign_in(page: Any, address: str, name: str = "otto") -> None:
    page.goto(f"{address}/sign-in")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", PASSWORD)
    page.click("button.main")
    page.wait_for_url(f"{address}/")
