"""The servers compared, each as its own project's documentation starts it, each keeping what its application gets.

The bytes a peer's application sees are taken back to bytes by the very codec the peer decoded them with.
"""

import asyncio
import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.service.served import serving
from tests.service.stage import free_port

Running = tuple[int, Callable[[], list[bytes]]]


@contextmanager
def hl7calf(folder: Path) -> Iterator[Running]:
    """Run this project; what is delivered is what its destination receives."""
    with serving(folder, mode="observe") as served:
        yield served.stage.listen, lambda: served.receiver.payloads


@contextmanager
def python_hl7(folder: Path) -> Iterator[Running]:
    """Run python-hl7's asyncio server, as in its documentation."""
    import hl7.mllp

    port, got = free_port(), list[bytes]()
    loop = asyncio.new_event_loop()

    async def talk(reader: Any, writer: Any) -> None:
        try:
            while not writer.is_closing():
                message = await reader.readmessage()
                got.append(str(message).encode(reader.encoding))
                writer.writemessage(message.create_ack())
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def main() -> None:
        async with await hl7.mllp.start_hl7_server(talk, "127.0.0.1", port) as server:
            started.set()
            await server.serve_forever()

    started = threading.Event()
    loop.set_exception_handler(lambda _loop, _context: None)  # its failures show in the table
    running = loop.create_task(main())
    thread = threading.Thread(target=_run_until_cancelled, args=(loop, running), daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield port, lambda: got
    finally:
        loop.call_soon_threadsafe(running.cancel)
        thread.join(10)


def _run_until_cancelled(loop: asyncio.AbstractEventLoop, running: "asyncio.Task[None]") -> None:
    try:
        loop.run_until_complete(running)
    except asyncio.CancelledError:
        pass
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()


@contextmanager
def hl7apy(folder: Path) -> Iterator[Running]:
    """Run hl7apy's threading server with one handler for the kind of message the cases send."""
    import hl7
    from hl7apy.mllp import AbstractHandler, MLLPServer

    port, got = free_port(), list[bytes]()

    class Handler(AbstractHandler):  # type: ignore[misc]  # hl7apy carries no types
        def reply(self) -> str:
            got.append(self.incoming_message.encode())
            answer = str(hl7.parse(self.incoming_message.replace("\n", "\r")).create_ack())
            return f"\x0b{answer}\x1c\r"

    class Quiet(MLLPServer):  # type: ignore[misc]
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Its failures show in the table."""

    server = Quiet("127.0.0.1", port, {"ADT^A08": (Handler,), "ADT_A01": (Handler,)}, timeout=3)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield port, lambda: got
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


TXHL7 = """
import sys
from twisted.internet import reactor
from txHL7.mllp import MLLPFactory
from txHL7.receiver import AbstractHL7Receiver

class Keeps(AbstractHL7Receiver):
    def handleMessage(self, container):
        raw = container.raw_message.lstrip("\\r\\n\\x0b")  # it leaves these on; its own parsing takes them off again
        sys.stdout.write(raw.encode(self.getCodec()).hex() + "\\n")
        sys.stdout.flush()
        return container.ack()
    def getCodec(self):
        return "utf-8"

reactor.listenTCP(int(sys.argv[1]), MLLPFactory(Keeps()), interface="127.0.0.1")
print("", flush=True)
reactor.run()
"""


@contextmanager
def txhl7(folder: Path) -> Iterator[Running]:
    """Run txHL7 in a process of its own: it needs a reactor."""
    import subprocess
    import sys

    port, got = free_port(), list[bytes]()
    with subprocess.Popen(
        [sys.executable, "-c", TXHL7, str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()

        def follow() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                got.append(bytes.fromhex(line.strip()))

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield port, lambda: got
        finally:
            process.kill()
            thread.join(10)


SERVERS: dict[str, Callable[[Path], Any]] = {"hl7calf": hl7calf, "python-hl7": python_hl7, "hl7apy": hl7apy}
if importlib.util.find_spec("txHL7") is not None:  # a test extra; needs `six` beside it
    SERVERS["txHL7"] = txhl7
