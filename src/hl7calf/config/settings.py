"""Every setting: its name, its default and what it is for.

Law: this is the only list. The documentation, the unknown-key hints and the checks are read from these
structs, so a setting that stands here is known everywhere and one that does not is an error. Times, sizes
and counts carry their unit or noun in the name. Nothing here touches the world.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

NackAction = Literal["retry", "park", "skip"]
USUAL_BLOCKS = (0x0B, 0x1C, 0x0D)
ON_NACK: dict[str, NackAction] = {"AE": "retry", "AR": "park", "CE": "retry", "CR": "park"}


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the settings file in which an unknown key is an error."""


class Service(Closed, frozen=True):
    """`[service]`: where things are and how the process as a whole behaves."""

    data_dir: Annotated[str, Meta(description="folder of the store; created 0700, files 0600")] = "var"
    store: Annotated[str, Meta(description='the kind of store; "sqlite" is the only one so far')] = "sqlite"
    mappings: Annotated[str, Meta(description="folder of the site's own mappings")] = "mappings"
    mode: Annotated[
        Literal["observe", "annotate", "upgrade"], Meta(description="how far to go until `hl7calf mode` says otherwise")
    ] = "observe"
    ops: Annotated[str, Meta(description='endpoint of /healthz /readyz /metrics and POST /vet; "" for none')] = (
        "tcp:9575:interface=127.0.0.1"
    )
    ops_allow: Annotated[
        tuple[str, ...], Meta(description="networks that may use the ops port; needed when it is not loopback")
    ] = ()
    node: Annotated[str, Meta(description="name of this node in the log; empty: the host's name", max_length=64)] = ""
    log_level: Annotated[
        Literal["debug", "info", "warn", "error"], Meta(description="least level that is written to stderr")
    ] = "info"
    drain_timeout_s: Annotated[float, Meta(description="time that SIGTERM leaves to work in flight", gt=0)] = 10.0
    vet_budget_ms: Annotated[float, Meta(description="vetting one message longer than this is logged", gt=0)] = 50.0
    vet_timeout_s: Annotated[
        float, Meta(description="after this the original goes on and the stuck rule is left behind", gt=0)
    ] = 1.0
    vet_failures_limit: Annotated[int, Meta(description="failures in the window that switch the rule off", ge=1)] = 5
    vet_failures_window_s: Annotated[float, Meta(description="window of vet_failures_limit", gt=0)] = 300.0
    duplicate_window_days: Annotated[
        int, Meta(description="how long a resend is recognised and not forwarded again", ge=0)
    ] = 7
    retention_days: Annotated[
        int, Meta(description="delivered messages are kept this long, then their bytes are removed", ge=1)
    ] = 30
    retention_max_bytes: Annotated[
        int, Meta(description="beyond this size of the store the oldest delivered messages go sooner", ge=1_048_576)
    ] = 21_474_836_480
    retention_log_days: Annotated[
        int, Meta(description="modification log entries are kept this long; 0: for ever", ge=0)
    ] = 0
    intake_pause_messages: Annotated[
        int, Meta(description="peers are paused while this many messages wait for the store", ge=1)
    ] = 2000
    intake_pause_bytes: Annotated[
        int, Meta(description="peers are paused while this many bytes wait for the store", ge=65536)
    ] = 67_108_864
    unfinished_frames_max_bytes: Annotated[
        int, Meta(description="all unfinished frames together; the largest is cut off beyond", ge=65536)
    ] = 134_217_728
    control_poll_ms: Annotated[
        int, Meta(description="how often mode changes and queue requests are looked for", ge=20, le=1000)
    ] = 200
    commit_stall_s: Annotated[float, Meta(description="a commit slower than this turns /readyz red", gt=0)] = 10.0
    anchor_every_s: Annotated[
        float, Meta(description="how often the end of the log is told outside: metric, and syslog with [audit]", gt=0)
    ] = 300.0
    overdue_alarm_s: Annotated[float, Meta(description="a queued message older than this raises an alarm", gt=0)] = 60.0


class PolicySettings(Closed, frozen=True):
    """`[policy]`: who authorised order changes, and for whom."""

    id: Annotated[str, Meta(description='its name; "DEMO" only while every endpoint is loopback', min_length=1)]
    version: Annotated[str, Meta(description="its version", min_length=1)]
    approved_by: Annotated[str, Meta(description="who approved it", min_length=1)]
    approved_on: Annotated[date, Meta(description="since when it holds")]
    valid_until: Annotated[date, Meta(description="last day of `upgrade`; from the next day on notes only")]
    sending_facilities: Annotated[tuple[str, ...], Meta(description="MSH-4 values in scope; empty: all")] = ()
    patient_classes: Annotated[tuple[str, ...], Meta(description="PV1-2 values in scope; empty: all")] = ()


class RuleSettings(Closed, frozen=True):
    """`[rule]`: what the site decides about the clinical rule."""

    adult_age_years: Annotated[
        int, Meta(description="below this age an order goes to review, never to upgrade (X17)", ge=0, le=130)
    ] = 18
    uncertain_to_review: Annotated[
        bool, Meta(description="a calcification only suspected goes to review instead of being upgraded (X27)")
    ] = False


class AuditSettings(Closed, frozen=True):
    """`[audit]`: where audit messages and the anchor of the log go; without this table nowhere."""

    syslog: Annotated[str, Meta(description="syslog server (RFC 5424), as a Twisted endpoint string: tcp:HOST:PORT")]
    tls: Annotated["ForwardTls | None", Meta(description="TLS to it (RFC 5425), as forward_tls of a route")] = None


class ListenTls(Closed, frozen=True):
    """`tls = {...}` of a route: the listening side."""

    certificate: Annotated[str, Meta(description="PEM file of the certificate, chain behind it", min_length=1)]
    key: Annotated[str, Meta(description="PEM file of the private key", min_length=1)]
    client_ca: Annotated[
        str, Meta(description="PEM file of the authorities whose client certificates are let in; empty: none asked")
    ] = ""
    revoked: Annotated[
        str, Meta(description="PEM file of those authorities' revocation lists; empty: revocation is not looked at")
    ] = ""
    clients: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description='names let in, each with the "MSH-3|MSH-4" it may send, [] for any; {}: every certificate'),
    ] = {}


class ForwardTls(Closed, frozen=True):
    """`forward_tls = {...}` of a route: the destination's side; its name is always checked."""

    ca: Annotated[str, Meta(description="PEM file of the authorities trusted; empty: the system's")] = ""
    name: Annotated[str, Meta(description="name in the destination's certificate; empty: the host in `forward`")] = ""
    certificate: Annotated[str, Meta(description="PEM file of our own client certificate; empty: none")] = ""
    key: Annotated[str, Meta(description="PEM file of its private key")] = ""


class Route(Closed, frozen=True):
    """`[[route]]`: one listener, one destination, the messages between them."""

    name: Annotated[
        str, Meta(description="name in logs and metrics", min_length=1, max_length=40, pattern="^[A-Za-z0-9_.-]+$")
    ]
    listen: Annotated[str, Meta(description="where peers connect, as a Twisted endpoint string")]
    forward: Annotated[str, Meta(description="where messages go, as a Twisted endpoint string")]
    allow: Annotated[
        tuple[str, ...], Meta(description="networks of the peers; needed, or client certificates, beyond loopback")
    ] = ()
    direction: Annotated[
        Literal["orders", "results"],
        Meta(description="orders: toward radiology; results: back to the placer, whose own code is put back"),
    ] = "orders"
    languages: Annotated[
        tuple[Literal["es", "fr", "de", "pt"], ...],
        Meta(description="lexicons read beside English on this route: es, fr, de, pt"),
    ] = ()
    ack: Annotated[
        Literal["stored", "relay"],
        Meta(description="stored: AA once durable; relay: the destination's answer, byte for byte"),
    ] = "stored"
    order_by: Annotated[
        tuple[str, ...], Meta(description='[]: strict order; ["ORC-2"] or ["PID-3.1"]: order per key, keys in parallel')
    ] = ()
    connections: Annotated[int, Meta(description="connections to the destination", ge=1, le=256)] = 1
    ack_timeout_s: Annotated[float, Meta(description="no answer for this long: close, send again", gt=0)] = 30.0
    connect_timeout_s: Annotated[float, Meta(description="a connection must stand within this time", gt=0)] = 10.0
    retry_initial_s: Annotated[float, Meta(description="first pause before another attempt", gt=0)] = 1.0
    retry_max_s: Annotated[float, Meta(description="longest pause between attempts", gt=0)] = 60.0
    max_attempts: Annotated[
        int, Meta(description="attempts until a message is parked; 0: never. Lost connections do not count", ge=0)
    ] = 5
    unanswered_parks_in_a_row: Annotated[
        int, Meta(description="unanswered messages parked without a delivery between; then the lane waits", ge=0)
    ] = 3
    on_nack: Annotated[
        dict[str, NackAction], Meta(description="what a refusal does, by MSA-1, ERR-3 or ERR-4: retry, park or skip")
    ] = {}
    match_control_id: Annotated[
        Literal["strict", "tolerant"], Meta(description="tolerant takes an answer whose MSA-2 is empty")
    ] = "strict"
    relay_hold_s: Annotated[
        float, Meta(description="ack = relay: the sender is held this long, then relay_late is done", gt=0)
    ] = 60.0
    relay_late: Annotated[
        Literal["close", "AE", "AA"],
        Meta(description="ack = relay: close the sender's connection, or answer AE (send again) or AA (it is stored)"),
    ] = "close"
    review: Annotated[
        Literal["forward", "hold"], Meta(description="an order for review goes on with an alarm, or waits for a person")
    ] = "forward"
    review_hold_limit_s: Annotated[
        float, Meta(description="review = hold: after this long it goes on unchanged, alarmed", gt=0)
    ] = 900.0
    forward_unreadable: Annotated[bool, Meta(description="ack = relay: pass on what has no readable MSH as well")] = (
        False
    )
    training: Annotated[
        Literal["vet", "pass"],
        Meta(description="messages for training or debugging (MSH-11 T, D): like any other, or passed on unchanged"),
    ] = "vet"
    batches: Annotated[
        Literal["forward", "refuse"], Meta(description="FHS/BHS batches go on whole, or are answered AR")
    ] = "forward"
    max_frame_bytes: Annotated[int, Meta(description="longest message taken", ge=1024, le=1_073_741_824)] = 10_485_760
    first_byte_timeout_s: Annotated[float, Meta(description="a new connection must send within this time", gt=0)] = 60.0
    frame_timeout_s: Annotated[float, Meta(description="a message begun must end within this time", gt=0)] = 60.0
    idle_timeout_s: Annotated[float, Meta(description="a silent connection is closed after this", gt=0)] = 300.0
    connections_per_listener: Annotated[int, Meta(description="peers at a time", ge=1, le=10_000)] = 64
    connections_per_address: Annotated[int, Meta(description="connections at a time from one address", ge=1)] = 8
    stale_connection_s: Annotated[
        float, Meta(description="at the limit a peer's connection silent for this long makes room for its next", gt=0)
    ] = 30.0
    keepalive_s: Annotated[
        int, Meta(description="a silent peer is probed after this, given up after half as long again", ge=1, le=7200)
    ] = 60
    forward_dead_after_s: Annotated[
        float, Meta(description="bytes the destination's machine does not take in this time: the line is dead", gt=0)
    ] = 30.0
    strict_framing: Annotated[
        bool, Meta(description="refuse the framing oddities that are otherwise tolerated and counted")
    ] = False
    lenient_start: Annotated[bool, Meta(description="take a message that starts with MSH, without start block")] = False
    block_characters: Annotated[
        tuple[int, int, int], Meta(description="start block, end block and the byte behind it, on the listening side")
    ] = USUAL_BLOCKS
    forward_block_characters: Annotated[tuple[int, int, int], Meta(description="toward the destination")] = USUAL_BLOCKS
    mllp_release: Annotated[
        int, Meta(description="2: a commit block (0x06 stored, 0x15 refused) goes before the answers", ge=1, le=2)
    ] = 1
    forward_mllp_release: Annotated[int, Meta(description="2: its commit block is the answer", ge=1, le=2)] = 1
    tls: Annotated[ListenTls | None, Meta(description="TLS on the listening side")] = None
    forward_tls: Annotated[ForwardTls | None, Meta(description="TLS to the destination")] = None

    def nack_actions(self) -> dict[str, NackAction]:
        """Return the defaults of `on_nack` with the site's own over them."""
        return ON_NACK | self.on_nack


class Settings(Closed, frozen=True):
    """The whole file."""

    route: Annotated[tuple[Route, ...], Meta(description="the routes", min_length=1)]
    service: Annotated[Service, Meta(description="the process")] = Service()
    policy: Annotated[PolicySettings | None, Meta(description="who authorised order changes")] = None
    rule: Annotated[RuleSettings, Meta(description="site choices of the clinical rule")] = RuleSettings()
    audit: Annotated[AuditSettings | None, Meta(description="where audit messages go")] = None


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the documentation shows it; `default` is TOML-like text, or None when it must be given."""

    table: str
    key: str
    default: str | None
    doc: str


def tables() -> dict[str, type[msgspec.Struct]]:
    """Return the struct behind each table, by the name it has in the file."""
    return {
        "service": Service,
        "policy": PolicySettings,
        "rule": RuleSettings,
        "audit": AuditSettings,
        "route": Route,
        "route.tls": ListenTls,
        "route.forward_tls": ForwardTls,
    }


def every_setting() -> Iterator[Setting]:
    """Yield each setting with default and meaning, in the order of the structs."""
    for table, struct in tables().items():
        hints = get_type_hints(struct, include_extras=True)
        for field in msgspec.structs.fields(struct):
            doc = next((m.description for m in get_args(hints[field.name])[1:] if m.description), "")
            yield Setting(table, field.name, _default(field), doc)


def _default(field: msgspec.structs.FieldInfo) -> str | None:
    if field.default_factory is not msgspec.NODEFAULT:
        return "{}"
    return None if field.required else _as_toml(field.default)


def _as_toml(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_as_toml(v) for v in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
