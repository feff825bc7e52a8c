"""Row F15 in a network namespace of its own: `unshare -n python -m tests.service.cable FOLDER` (as root).

There a cable can be cut as a firewall does it that lost its state: packets vanish, nobody is told. Everything is on
the loopback of that namespace, so nothing outside of it is touched, and it is gone when this process ends.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.service.doubles import message
from tests.service.served import Served, parts, serving
from tests.service.stage import until

LISTEN = "keepalive_s = 1\nack_timeout_s = 1.0\nconnect_timeout_s = 1.0"
DEAD = "forward_dead_after_s = 1.0\nconnect_timeout_s = 1.0"  # its ack_timeout_s is 30


def shell(*command: str) -> None:
    subprocess.run(command, check=True)


@contextmanager
def cut(port: int) -> Iterator[None]:
    """Drop every packet to and from a port, without a word."""
    shell("nft", "add table inet cable; add chain inet cable in { type filter hook input priority 0; }")
    shell("nft", f"add rule inet cable in tcp dport {port} drop; add rule inet cable in tcp sport {port} drop")
    try:
        yield
    finally:
        shell("nft", "delete table inet cable")


def a_silent_peer_is_noticed_and_may_come_back(served: Served) -> None:
    with served.row() as row:
        peer, torn = served.peer(), served.peer()
        assert parts(peer.exchange(message("F15-IN"))) == (b"AA", b"F15-IN")
        torn.socket.sendall(b"\x0b" + message("F15-TORN")[:50])
        until(lambda: served.stage.metric("connections") == 2)
        time.sleep(0.1)  # so that the half frame is read before nothing comes any more
        with cut(served.ports["orders"]):
            until(lambda: len([e for e in row.events if e["event"] == "C_DEAD_PEER"]) == 2, "both are noticed")
            assert served.stage.metric("connections") == 0
        again = served.peer()
        assert parts(again.exchange(message("F15-BACK"))) == (b"AA", b"F15-BACK")
        assert row.quarantined(3) == [("F_TORN", message("F15-TORN")[:50])], "and it got no answer"
        assert row.forwarded(2) == [message("F15-IN"), message("F15-BACK")]


def a_dead_line_to_the_destination_loses_nothing(served: Served, route: str) -> None:
    """Ask it of `orders`, where the answer's time is over, and of `dead`, where the kernel gives the line up."""
    with served.row() as row:
        peer = served.peer(route)
        assert parts(peer.exchange(message(f"F15-{route}1")))[0] == b"AA"
        row.forwarded(1)
        began = time.monotonic()
        with cut(served.stage.forward):
            assert parts(peer.exchange(message(f"F15-{route}2")))[0] == b"AA", "taken all the same"
            told = row.event("D_UNANSWERED", route=route)
            assert time.monotonic() - began < 15, "not after the kernel's quarter of an hour"
            row.event("D_UNREACHABLE", route=route)
            assert parts(peer.exchange(message(f"F15-{route}3")))[0] == b"AA"
            assert told["step"] == "retry"
        assert row.forwarded(3) == [message(f"F15-{route}{n}") for n in (1, 2, 3)], "each once, in order"


def main(folder: Path) -> None:
    shell("ip", "link", "set", "lo", "up")
    with serving(folder, {"dead": DEAD}, first=LISTEN) as served:
        a_silent_peer_is_noticed_and_may_come_back(served)
        a_dead_line_to_the_destination_loses_nothing(served, "orders")
        a_dead_line_to_the_destination_loses_nothing(served, "dead")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
