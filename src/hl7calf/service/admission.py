"""Who may connect, how many at a time, and for how long they may be silent.

Law: nobody is turned away or cut off silently; each has a code. Pure: addresses and times are handed in.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class ListenLimits:
    """The limits of one listener.

    Precedents: [Promises] P17; Mirth's 10 connections without a receive timeout let 10 idle sockets block it (F14).

    Attributes:
        stale_s: as long as a reader of the same peer may be silent before its place is given to a new connection.
        keepalive_s: the kernel asks a silent peer after this, thrice, and gives it up after half as long again (F15).
    """

    connections_per_listener: int = 64
    connections_per_address: int = 8
    first_byte_timeout_s: float = 60.0
    frame_timeout_s: float = 60.0
    idle_timeout_s: float = 300.0
    stale_s: float = 30.0
    keepalive_s: int = 60


class AllowList:
    """Networks that may connect; without any, loopback alone (F15, S1)."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)
        self.permits = lru_cache(maxsize=4096)(self._permits)

    def _permits(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        address = mapped or address
        if not self._networks:
            return address.is_loopback
        return any(address in network for network in self._networks if network.version == address.version)


class Door:
    """Counts who is in.

    Args:
        allow: None when client certificates decide instead.
    """

    def __init__(self, limits: ListenLimits, allow: AllowList | None) -> None:
        self.limits = limits
        self._allow = allow
        self._inside: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many are in."""
        return self._inside.total()

    def refusal(self, host: str) -> str:
        """Return why a peer may not come in, "" when it may."""
        if self._allow is not None and not self._allow.permits(host):
            return "C_NOT_ALLOWED"
        if self._inside[host] >= self.limits.connections_per_address:
            return "C_TOO_MANY_FROM_ADDRESS"
        if self.count >= self.limits.connections_per_listener:
            return "C_TOO_MANY"
        return ""

    def enter(self, host: str) -> None:
        """Count a peer in."""
        self._inside[host] += 1

    def leave(self, host: str) -> None:
        """Count a peer out."""
        self._inside[host] -= 1
        if self._inside[host] <= 0:
            del self._inside[host]


@dataclass(slots=True)
class Silence:
    """When a connection last showed life; seconds of a monotonic clock."""

    opened_at: float
    heard_at: float = -1.0
    frame_since: float | None = None

    def verdict(self, now: float, limits: ListenLimits, outstanding: int) -> str:
        """Return why the connection should end now, "" when it may stay."""
        if self.frame_since is not None:
            return "F_SLOW" if now - self.frame_since >= limits.frame_timeout_s else ""
        if self.heard_at < 0:
            return "C_NO_FIRST_BYTE" if now - self.opened_at >= limits.first_byte_timeout_s else ""
        if outstanding:  # it waits for us
            return ""
        return "C_IDLE" if now - self.heard_at >= limits.idle_timeout_s else ""
