"""Vetting without a service: which mappings, mode and policy, and the memory of orders seen in this run.

Law: the same `vet` as the service calls, through the same tables; nothing is sent or stored. A later XO
or CA in the same run carries the code that an earlier order of the run was given.
"""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from hl7calf.calf.tables import Tables, load_tables
from hl7calf.calf.verdict import Mode, Policy, Recall, Remembered, Verdict, nothing_remembered
from hl7calf.calf.vetting import Options, vet
from hl7calf.cli.failures import Unusable
from hl7calf.config import Settings, load_settings, mode_in_force
from hl7calf.service.mappings import read_mappings, shipped_mappings


@dataclass(slots=True)
class DryRun:
    """One run over many payloads. `before` is asked for orders that this run has not seen."""

    tables: Tables
    mappings: Path
    mode: Mode = Mode.UPGRADE
    policy: Policy | None = None
    options: Options = field(default_factory=Options)
    before: Recall = nothing_remembered
    _seen: dict[bytes, Remembered | None] = field(default_factory=dict, init=False)

    def vet(self, payload: bytes, reviewed: frozenset[int] = frozenset()) -> Verdict:
        """Return the verdict on one payload and remember what it did to its orders.

        Args:
            reviewed: orders of which a reviewer said that the complete study is wanted.
        """
        verdict = vet(
            payload,
            self.tables,
            recall=self._recall,
            mode=self.mode,
            policy=self.policy,
            thorough=True,
            options=self.options,
            reviewed=reviewed,
        )
        self._seen.update({remembered.placer_key: remembered for remembered in verdict.remember})
        self._seen.update(dict.fromkeys(verdict.forget))
        return verdict

    def forget_all(self) -> None:
        """Forget the orders of this run, so that the next payload is vetted as the first."""
        self._seen.clear()

    def _recall(self, placer_key: bytes) -> Remembered | None:
        if placer_key in self._seen:
            return self._seen[placer_key]
        return self.before(placer_key)


def prepare(config: Path | None, mappings: Path | None, mode: str | None) -> DryRun:
    """Return a run as the command line asks for it.

    Raises:
        SettingsError, MappingError, Unusable: what cannot be used, and why.
    """
    settings = load_settings(config) if config is not None else None
    folder = choose_mappings(settings, mappings)
    tables = load_tables(read_mappings(folder))
    if settings is None:
        return DryRun(tables, folder, Mode(mode or Mode.UPGRADE))
    chosen = Mode(mode or settings.service.mode)
    return DryRun(tables, folder, chosen, policy_of(settings), options_of(settings))


def choose_mappings(settings: Settings | None, mappings: Path | None) -> Path:
    """Return the folder to read: the one named, else the settings', else ./mappings, else the shipped ones."""
    if mappings is not None:
        folder = mappings
    elif settings is not None:
        folder = Path(settings.service.mappings)
    else:
        here = Path("mappings")
        folder = here if here.is_dir() else shipped_mappings()
    if not folder.is_dir():
        raise Unusable(f"{folder}: no such folder of mappings; `hl7calf init DIR` writes one.")
    return folder


def policy_of(settings: Settings) -> Policy | None:
    """Return the policy as vetting sees it, in force or not today."""
    stated = settings.policy
    if stated is None:
        return None
    today = date.today()  # noqa: DTZ011 - a policy's dates are the site's own calendar days
    in_force = mode_in_force(settings, Mode.UPGRADE, today)[0] == Mode.UPGRADE
    return Policy(stated.id, stated.version, in_force, stated.sending_facilities, stated.patient_classes)


def options_of(settings: Settings) -> Options:
    """Return the site's choices of the clinical rule."""
    return Options(settings.rule.adult_age_years, settings.rule.uncertain_to_review)
