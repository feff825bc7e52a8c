"""Where console, journal and settings meet: what the settings file says becomes what a console is started with.

Law: the console knows neither the settings nor the service; this module knows all three and does nothing itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from hl7calf.cli.console_journal import StoredJournal
from hl7calf.cli.dry_run import options_of, policy_of
from hl7calf.cli.failures import Unusable
from hl7calf.config import Settings
from hl7calf.config.endpoints import read_listen
from hl7calf.console.app import build_desk
from hl7calf.console.desk import Desk
from hl7calf.console.options import Options, PolicyShown, Proxy, RouteShown
from hl7calf.service.journal.files import DATABASE
from hl7calf.service.mappings import read_mappings

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    listen: str
    public_urls: Sequence[str] = ()
    proxies: Sequence[str] = ()
    proxy_header: str = "X-Remote-User"
    idle_s: float = 900.0


def compose(settings: Settings, wish: Wish) -> Desk:
    """Return the desk of a console on this site's journal.

    Raises:
        Unusable: an address is none.
    """
    service = settings.service
    folder = Path(service.data_dir)
    stated = settings.policy
    options = Options(
        data_dir=folder,
        mappings=Path(service.mappings),
        origins=origins_of(wish),
        routes=tuple(RouteShown(r.name, r.listen, r.forward, r.review, r.languages) for r in settings.route),
        mode=service.mode,
        policy=policy_of(settings),
        policy_shown=PolicyShown(stated.id, stated.version, stated.approved_by, stated.valid_until) if stated else None,
        proxy=proxy_of(wish),
        idle_s=wish.idle_s,
        overdue_s=service.overdue_alarm_s,
        vet_options=options_of(settings),
        today=date.today,
    )
    return build_desk(options, lambda: StoredJournal(folder), folder / DATABASE, read_mappings)


def origins_of(wish: Wish) -> tuple[str, ...]:
    """Return the addresses that are answered: those given, else the loopback ones of the port.

    Raises:
        Unusable: no endpoint; beyond loopback without an address, or without TLS in it.
    """
    try:
        endpoint = read_listen(wish.listen)
    except ValueError as wrong:
        raise Unusable(f"--listen {wish.listen}: {wrong}. For TLS put a reverse proxy before the console.") from None
    origins = []
    for url in wish.public_urls:
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.hostname or split.path.strip("/"):
            raise Unusable(f"--public-url {url}: give scheme and host alone, such as https://calf.example.org")
        if split.scheme != "https" and split.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise Unusable(f"--public-url {url}: passwords travel there, so it must be https.")
        origins.append(f"{split.scheme}://{split.netloc}".lower())
    if not origins and not endpoint.loopback:
        raise Unusable(
            "Beyond loopback the console needs --public-url https://... and a reverse proxy with TLS before it."
        )
    return tuple(origins) or tuple(f"http://{host}:{endpoint.port}" for host in _LOOPBACK)


def proxy_of(wish: Wish) -> Proxy | None:
    """Return which peers are believed when they name a user; None when nobody is.

    Raises:
        Unusable: a network is none.
    """
    if not wish.proxies:
        return None
    try:
        networks = tuple(ip_network(network) for network in wish.proxies)
    except ValueError:
        raise Unusable("--proxy takes addresses or networks, such as 127.0.0.1 or 10.1.0.0/24.") from None
    return Proxy(networks, wish.proxy_header)
