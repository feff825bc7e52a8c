"""`twist hl7calf -c FILE`: the same service as `hl7calf serve`, under Twisted's own runner.

Law: nothing is built here that `serve` builds otherwise; logging is the runner's (`twist --log-format json`).
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import IService, IServiceMaker
from twisted.plugin import IPlugin
from twisted.python import usage
from zope.interface import implementer


class Options(usage.Options):
    """Options of the plugin."""

    optParameters = [["config", "c", "hl7calf.toml", "Settings file."]]  # noqa: RUF012  # Twisted's own shape


@implementer(IServiceMaker, IPlugin)
class Hl7calfMaker:
    """Makes the service for twist and twistd."""

    tapname = "hl7calf"
    description = "Raises limited venous ultrasound orders for calf calcification, inside the HL7 v2 feed"
    options: Callable[[], Any] = Options

    def makeService(self, options: Any) -> IService:
        """Build the service from the settings file."""
        from twisted.internet import reactor as installed

        from hl7calf.app import build
        from hl7calf.app.foreground import SWITCH_INTERVAL_S, go_by_monotonic_time, reload_at_sighup
        from hl7calf.config import load_settings

        reactor: Any = installed
        path = Path(options["config"])
        go_by_monotonic_time(reactor)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        service = build(load_settings(path), reactor, halt=os._exit, reread=lambda: load_settings(path))
        reload_at_sighup(service, reactor)
        return service


serviceMaker = Hl7calfMaker()
