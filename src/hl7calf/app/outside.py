"""What is told outside this machine about the modification log: its end, and audit messages."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hl7calf.app.routes import client_tls
from hl7calf.config import Settings
from hl7calf.config.endpoints import read_connect
from hl7calf.service.alarms import Alarms
from hl7calf.service.anchor import Anchoring
from hl7calf.service.audit import AuditTrail
from hl7calf.service.metrics import Metrics
from hl7calf.service.reading import ReadingThread
from hl7calf.service.sockets import client_endpoint
from hl7calf.service.syslog import Origin

CONNECT_TIMEOUT_S = 10.0


def tell_outside(
    settings: Settings,
    reactor: Any,
    reading: ReadingThread,
    alarms: Alarms,
    metrics: Metrics,
    wall: Callable[[], float],
) -> list[Callable[[], None]]:
    """Return what looks every few seconds whether something is to be told.

    Raises:
        TlsFiles: the files of `[audit]` do not fit.
    """
    every_s = settings.service.anchor_every_s
    if settings.audit is None:
        return [Anchoring(reading.read, metrics, lambda kind, text: None, reactor.seconds, every_s).look]
    target = read_connect(settings.audit.syslog)
    tls = client_tls(settings.audit.tls, target.host)
    endpoint = client_endpoint(reactor, target.host, target.port, CONNECT_TIMEOUT_S, tls)
    origin = Origin(socket.gethostname(), os.getpid())
    folder = Path(settings.service.data_dir)
    trail = AuditTrail(reading.read, endpoint.connect, folder, origin, alarms, metrics, reactor.seconds, wall)
    anchoring = Anchoring(reading.read, metrics, trail.tell, reactor.seconds, every_s)
    return [trail.look, anchoring.look]
