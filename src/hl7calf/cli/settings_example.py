"""The commented settings file that `init` writes and `demo` runs on.

Law: it starts as it is, on loopback, under the DEMO policy; every line that a site must change says so.
A test loads it through `config`, so it cannot fall behind.
"""

from dataclasses import dataclass
from datetime import date, timedelta

DEMO_DAYS = 365


@dataclass(frozen=True, slots=True)
class Places:
    """What differs between an `init` folder and the demo's: ports and folders. Folders are relative to the file."""

    listen_port: int = 2575
    forward_port: int = 2576
    ops_port: int = 9575
    data_dir: str = "var"
    mappings: str = "mappings"


def settings_text(today: date, places: Places = Places()) -> str:
    """Return the text of a settings file; the DEMO policy is in force for a year from `today`."""
    return _TEXT.format(
        today=today.isoformat(),
        until=(today + timedelta(days=DEMO_DAYS)).isoformat(),
        listen=places.listen_port,
        forward=places.forward_port,
        ops=places.ops_port,
        data_dir=_quoted(places.data_dir),
        mappings=_quoted(places.mappings),
    )


def _quoted(text: str) -> str:
    """Return a TOML basic string (TOML 1.0, "String")."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_TEXT = """\
# Settings of hl7calf. Relative paths count from this file. An unknown key is an error that names the nearest one.
# Check with `hl7calf check -c hl7calf.toml`; start with `hl7calf serve -c hl7calf.toml`.
# SIGHUP reloads mappings, mode and policy. Every setting is described in docs/operations.md.

[service]
data_dir = {data_dir}                 # the store lives here: folder 0700, files 0600
store = "sqlite"                 # the only kind so far
mappings = {mappings}            # the site's own tables; begin with study_map.csv
mode = "upgrade"                 # observe: decide and log only; annotate: notes, never a code; upgrade: both
ops = "tcp:{ops}:interface=127.0.0.1"   # /healthz /readyz /metrics and POST /vet

# Who authorised order changes. Mode `upgrade` does not start without it, and falls back to `annotate` once
# valid_until has passed. DEMO is accepted only while every endpoint is on loopback: BEFORE REAL ORDERS, replace
# it by the site's own policy, and run in mode `observe` first.
[policy]
id = "DEMO"
version = "1"
approved_by = "nobody: demonstration only"
approved_on = {today}
valid_until = {until}
sending_facilities = []          # MSH-4 values in scope; empty = all
patient_classes = []             # PV1-2 values in scope (I, O, E ...); empty = all

# One listener, one destination, the messages between them. Repeat the table for more.
[[route]]
name = "orders"
listen = "tcp:{listen}:interface=127.0.0.1"   # where the ordering side connects
allow = ["127.0.0.1/32"]                  # its addresses; a listener beyond loopback needs this or client_ca
forward = "tcp:127.0.0.1:{forward}"           # radiology; `hl7calf receive` listens there for a trial
ack = "stored"                            # stored: AA once it is on disk; relay: radiology's own answer
order_by = []                             # []: strict order; ["ORC-2"] or ["PID-3.1"]: order per key, keys in parallel
connections = 1                           # to radiology
ack_timeout_s = 30                        # no answer for this long: close and send again
on_nack = {{AE = "retry", AR = "park", CE = "retry", CR = "park"}}   # retry, park or skip; ERR-3 codes may be keys too
max_frame_bytes = 10485760
# tls = {{certificate = "tls/own.pem", key = "tls/own.key", client_ca = "tls/senders.pem"}}
# forward_tls = {{ca = "tls/radiology.pem", certificate = "tls/own.pem", key = "tls/own.key"}}
"""
