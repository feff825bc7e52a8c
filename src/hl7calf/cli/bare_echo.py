"""The yardstick of `bench`: a bare Twisted server that answers AA and does nothing else.

Law: it stores nothing, checks nothing and knows one layout only, that of `load.message`; it is what the
reactor alone can do on this machine. Run as `python -m hl7calf.cli.bare_echo PORT`.
"""

import sys
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.protocol import Factory, Protocol

_START, _END = b"\x0b", b"\x1c\r"


class BareEcho(Protocol):
    """Answers each frame with an AA that echoes MSH-10."""

    def connectionMade(self) -> None:
        """Begin with nothing received."""
        self._rest = b""

    def dataReceived(self, data: bytes) -> None:
        """Answer all whole frames with one write."""
        *frames, self._rest = (self._rest + data).split(_END)
        answers = b"".join(
            b"\x0bMSH|^~\\&|B|B|A|A|20260101||ACK|1|P|2.5.1\rMSA|AA|" + frame.split(b"|", 10)[9] + b"\r" + _END
            for frame in frames
        )
        if answers and self.transport is not None:
            self.transport.write(answers)


def main(port: int) -> None:
    """Listen on loopback until the process is ended."""
    reactor: Any = installed
    reactor.listenTCP(port, Factory.forProtocol(BareEcho), interface="127.0.0.1", backlog=1024)
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
