"""What arrived at the other end of a replay: at a receiver of our own, or in a folder that one writes to."""

from pathlib import Path
from typing import Any, Protocol

from twisted.internet.task import deferLater

from hl7calf.cli.endpoints import Address, AddressType, server_endpoint
from hl7calf.cli.failures import Unusable
from hl7calf.cli.reactor import cannot_listen
from hl7calf.cli.receiver import Arrived, Manners, Receiver

LOOK_EVERY_S = 0.05
QUIET_S = 0.3  # after the last expected message, this long for one that nobody expects


class Gathered(Protocol):
    """Payloads in order of arrival."""

    def payloads(self) -> list[bytes]:
        """Return what has arrived so far."""


class OwnReceiver:
    """Keeps what a receiver in this process got."""

    def __init__(self) -> None:
        self._payloads: list[bytes] = []

    def take(self, message: Arrived) -> None:
        """Keep one payload."""
        self._payloads.append(message.payload)

    def payloads(self) -> list[bytes]:
        """Return what has arrived so far."""
        return list(self._payloads)


class Folder:
    """Reads what `receive --store` writes; what lay there before is not counted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = set(self._files())

    def payloads(self) -> list[bytes]:
        """Return what has arrived so far."""
        return [file.read_bytes() for file in self._files() if file not in self._before]

    def _files(self) -> list[Path]:
        return sorted(self._path.glob("*.hl7"))


async def gather(reactor: Any, expect: str) -> Gathered:
    """Start gathering at `HOST:PORT` or from a folder.

    Raises:
        Unusable: it is neither.
        Stopped: the address cannot be taken.
    """
    from twisted.internet.error import CannotListenError

    if Path(expect).is_dir():
        return Folder(Path(expect))
    if "/" in expect or ":" not in expect:
        raise Unusable(f"--expect {expect}: no such folder; give a folder, or HOST:PORT to listen at.")
    address: Address = AddressType().convert(expect, None, None)
    own = OwnReceiver()
    try:
        await server_endpoint(reactor, address, None, None, None).listen(Receiver(reactor, Manners(), own.take))
    except CannotListenError as error:
        raise cannot_listen(address, error) from None
    return own


async def settled(reactor: Any, gathered: Gathered, wanted: int, timeout_s: float) -> list[bytes]:
    """Wait until as many payloads arrived as wanted and a quiet moment passed, or until none came for too long."""
    count, until = -1, 0.0
    while (arrived := len(gathered.payloads())) < wanted:
        if arrived > count:
            count, until = arrived, reactor.seconds() + timeout_s
        elif reactor.seconds() >= until:
            break
        await deferLater(reactor, LOOK_EVERY_S)
    await deferLater(reactor, QUIET_S)
    return gathered.payloads()
