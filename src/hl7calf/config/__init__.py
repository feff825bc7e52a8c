"""The settings file: one TOML file, read whole, checked before anything starts.

`settings` lists every key, `loading` reads the file, `rules` holds what must be true across keys,
`endpoints` reads the endpoint strings. Only `cli` and `app` look in here.
"""

from hl7calf.config.loading import load_settings, parse_settings
from hl7calf.config.rules import mode_in_force
from hl7calf.config.settings import (
    AuditSettings,
    ForwardTls,
    ListenTls,
    PolicySettings,
    Route,
    RuleSettings,
    Service,
    Setting,
    Settings,
    every_setting,
)

__all__ = [
    "AuditSettings",
    "ForwardTls",
    "ListenTls",
    "PolicySettings",
    "Route",
    "RuleSettings",
    "Service",
    "Setting",
    "Settings",
    "every_setting",
    "load_settings",
    "mode_in_force",
    "parse_settings",
]
