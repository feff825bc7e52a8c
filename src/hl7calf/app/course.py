"""From settings to what steers the service: mappings read, policy, what it allows on which day, what is kept how long.

Law: everything that can be wrong is found here, before anything is swapped; so a reload is all or nothing (R18).
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from hl7calf.calf.tables import load_tables
from hl7calf.calf.verdict import Mode, Policy
from hl7calf.calf.vetting import Options, prepare
from hl7calf.config import Settings, mode_in_force
from hl7calf.service.journal.jobs import FOR_EVER_S, Limits
from hl7calf.service.mappings import read_mappings
from hl7calf.service.steering import Course

Today = Callable[[], date]
_DAY_S = 86_400.0


def read_course(settings: Settings, today: Today) -> Course:
    """Read the mappings, once per set of languages, and return the course that these settings set.

    Raises:
        MappingError: the mappings cannot be used.
    """
    files = read_mappings(Path(settings.service.mappings))
    wanted_languages = {(), *(route.languages for route in settings.route)}
    by_languages = {languages: prepare(load_tables(files, languages)) for languages in wanted_languages}

    def allowed(wanted: Mode) -> tuple[Mode, str]:
        mode, why = mode_in_force(settings, wanted.value, today())
        return Mode(mode), why

    options = Options(settings.rule.adult_age_years, settings.rule.uncertain_to_review)
    return Course(by_languages, by_languages[()].digest, options, policy_of(settings), allowed)


def policy_of(settings: Settings) -> Policy | None:
    """Return the policy as vetting sees it; whether it is in force is decided anew each day."""
    stated = settings.policy
    if stated is None:
        return None
    return Policy(stated.id, stated.version, True, stated.sending_facilities, stated.patient_classes)


def limits_of(settings: Settings) -> Limits:
    """Return how much of the past is kept; the log for ever where no days are given."""
    service = settings.service
    return Limits(
        message_age_s=service.retention_days * _DAY_S,
        max_bytes=service.retention_max_bytes,
        log_age_s=service.retention_log_days * _DAY_S if service.retention_log_days else FOR_EVER_S,
        duplicate_age_s=service.duplicate_window_days * _DAY_S,
    )
