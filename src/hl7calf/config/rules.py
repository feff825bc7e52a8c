"""What must be true across settings before anything starts, and which mode the policy allows today.

Law: pure. A breach is a SettingsError that names the key to change.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date

from hl7calf.config.endpoints import Endpoint, read_connect, read_listen
from hl7calf.config.settings import Route, Settings
from hl7calf.errors import SettingsError

DEMO = "DEMO"
_ORDER_KEY = re.compile(r"[A-Z][A-Z0-9]{2}-[1-9][0-9]?(\.[1-9][0-9]?){0,2}")
_NO_BLOCK = b"\t\n\r\x1b\x06\x15"
_NACK_KEY = re.compile(r"AE|AR|CE|CR|[0-9A-Za-z]{1,20}")


def check_rules(settings: Settings) -> None:
    """Check what no single key can show.

    Raises:
        SettingsError: with the first key that is wrong, counted from 1 as in `route[2].listen`.
    """
    _check_names(settings)
    endpoints = list(_endpoints(settings))
    for number, route in enumerate(settings.route, 1):
        _check_route(route, f"route[{number}]")
    _check_exposure(settings)
    _check_policy(settings, endpoints)
    if settings.service.store != "sqlite":  # taken silently, it would look like a store that several nodes share
        raise SettingsError("service.store", 'this version has one kind of store, "sqlite"; leave the line out')


def mode_in_force(settings: Settings, mode: str, today: date) -> tuple[str, str]:
    """Return the mode that the policy allows today, and why it is lower than `mode` ("" when it is not)."""
    if mode != "upgrade":
        return mode, ""
    policy = settings.policy
    if policy is None:
        return "annotate", "no policy authorises order changes"
    if today > policy.valid_until:
        return "annotate", f"the policy was valid until {policy.valid_until.isoformat()}"
    if today < policy.approved_on:
        return "annotate", f"the policy is approved from {policy.approved_on.isoformat()} on"
    return mode, ""


def _endpoints(settings: Settings) -> Iterator[tuple[str, Endpoint]]:
    if settings.service.ops:
        yield "service.ops", _read(read_listen, settings.service.ops, "service.ops")
    if settings.audit is not None:
        yield "audit.syslog", _read(read_connect, settings.audit.syslog, "audit.syslog")
    for number, route in enumerate(settings.route, 1):
        yield f"route[{number}].listen", _read(read_listen, route.listen, f"route[{number}].listen")
        yield f"route[{number}].forward", _read(read_connect, route.forward, f"route[{number}].forward")


def _read(reader: Callable[[str], Endpoint], text: str, key: str) -> Endpoint:
    try:
        return reader(text)
    except ValueError as wrong:
        raise SettingsError(key, str(wrong)) from None


def _check_names(settings: Settings) -> None:
    names: set[str] = set()
    for number, route in enumerate(settings.route, 1):
        if route.name in names:
            raise SettingsError(f"route[{number}].name", "is the name of an earlier route as well")
        names.add(route.name)


def _check_route(route: Route, key: str) -> None:
    _check_networks(route.allow, f"{key}.allow")
    for path in route.order_by:
        if not _ORDER_KEY.fullmatch(path):
            raise SettingsError(f"{key}.order_by", "is not a field", 'write it as "ORC-2" or "PID-3.1"')
    for code in route.on_nack:
        if not _NACK_KEY.fullmatch(code):
            raise SettingsError(f"{key}.on_nack", "has a key that is neither AE AR CE CR nor a code of ERR-3 or ERR-4")
    if route.retry_initial_s > route.retry_max_s:
        raise SettingsError(f"{key}.retry_initial_s", "is longer than retry_max_s")
    if route.forward_unreadable and route.ack != "relay":
        raise SettingsError(f"{key}.forward_unreadable", 'needs ack = "relay": what is refused is not forwarded')
    for name in ("block_characters", "forward_block_characters"):
        _check_blocks(getattr(route, name), f"{key}.{name}")
    for name in ("mllp_release", "forward_mllp_release"):
        if getattr(route, name) == 2 and route.ack == "relay":
            raise SettingsError(f"{key}.{name}", '2 needs ack = "stored": a commit block is no answer to pass on')
    if route.tls is not None and not route.tls.client_ca and (route.tls.revoked or route.tls.clients):
        raise SettingsError(f"{key}.tls.client_ca", "is needed for revoked and clients: no certificate is asked for")
    if route.forward_tls is not None and bool(route.forward_tls.certificate) != bool(route.forward_tls.key):
        raise SettingsError(f"{key}.forward_tls", "needs certificate and key together")


def _check_blocks(blocks: tuple[int, int, int], key: str) -> None:
    """Ask for three control characters that can be told from each other, from text and from segment ends."""
    if len(set(blocks)) < 3 or not all(0 < block < 0x20 for block in blocks):
        raise SettingsError(key, "needs three different control characters, 0x01 to 0x1F")
    if any(block in _NO_BLOCK for block in blocks[:2]):
        raise SettingsError(key, "begins or ends a frame with TAB, LF, CR, ESC, or a commit byte (0x06, 0x15)")


def _check_networks(networks: Iterable[str], key: str) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise SettingsError(key, "is not a network", 'write it as "192.0.2.0/24" or "192.0.2.7/32"') from None


def _check_exposure(settings: Settings) -> None:
    service = settings.service
    _check_networks(service.ops_allow, "service.ops_allow")
    if service.ops and not read_listen(service.ops).loopback and not service.ops_allow:
        raise SettingsError("service.ops_allow", "is needed because the ops port is not on loopback")
    for number, route in enumerate(settings.route, 1):
        guarded = route.allow or (route.tls is not None and route.tls.client_ca)
        if not read_listen(route.listen).loopback and not guarded:
            raise SettingsError(
                f"route[{number}].allow", "or tls.client_ca is needed because the listener is not on loopback"
            )


def _check_policy(settings: Settings, endpoints: list[tuple[str, Endpoint]]) -> None:
    policy = settings.policy
    if policy is None:
        if settings.service.mode == "upgrade":
            raise SettingsError("policy", "is needed for mode upgrade", "or start with mode observe or annotate")
        return
    if policy.valid_until < policy.approved_on:
        raise SettingsError("policy.valid_until", "is before approved_on")
    if policy.id == DEMO:
        outside = next((key for key, endpoint in endpoints if not endpoint.loopback), None)
        if outside is not None:
            raise SettingsError("policy.id", f"DEMO needs loopback, and {outside} is not", "name the site's policy")
