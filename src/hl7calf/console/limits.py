"""A request that keeps its body small and unread until the door has looked at its head.

Law: a body without a length, or one longer than any form of ours, is refused before it is taken. Nothing parses a
body here; the door does, after login (docs/promises.md S7; CVE-2023-43208 is what happens otherwise).
"""

from typing import Any

from twisted.web.server import Request

LONGEST_BODY = 65_536
_REFUSED = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\nServer: hl7calf\r\n\r\n"


class SmallRequest(Request):
    """A request whose body has at most 64 kB."""

    too_large = False

    def gotLength(self, length: int | None) -> None:
        """Refuse a long or endless body as soon as its head is there."""
        if length is None or length > LONGEST_BODY:
            self.too_large = True
            transport: Any = self.channel.transport
            transport.write(_REFUSED)
            transport.loseConnection()
            length = 0
        super().gotLength(length)  # type: ignore[no-untyped-call]  # Twisted has no types here

    def handleContentChunk(self, data: bytes) -> None:
        """Keep what belongs to an accepted body."""
        if not self.too_large:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Go on only with an accepted body."""
        if not self.too_large:
            super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]
