"""Puts the service together: the only part that knows both the settings and the rooms of the service.

    build(settings, reactor, ...)   everything as one Twisted service, nothing started
    serve(path)                     builds and runs it in the foreground; returns the exit code

`course` turns settings into what steers the rule, `routes` one route's settings into its parts, `building` joins
them, `foreground` gives them a process. Parts get endpoints, limits and callables, never the settings.
"""

from hl7calf.app.building import Hl7calf, build
from hl7calf.app.foreground import BROKEN, serve

__all__ = ["BROKEN", "Hl7calf", "build", "serve"]
