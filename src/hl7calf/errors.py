"""What can go wrong, sorted by who must act.

    Hl7calfError
    |- WireError      the sender: its message cannot be read; carries the acknowledgment code
    |- MappingError   the analyst: the tables are wrong; carries every defect found
    |- SettingsError  the operator: the settings are wrong; carries the key
    `- JournalError   the disk: nothing was stored, so nothing is acknowledged
       |- JournalFull     no room; clears by itself when there is room again
       |- JournalBroken   a sync failed or the file is damaged: the process stops
       |- JournalLocked   another process owns this store
       `- JournalTooNew   a newer hl7calf wrote this store

Law: a message here never holds text from a payload. Codes, offsets, paths and keys only.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class Hl7calfError(Exception):
    """Anything hl7calf raises on purpose."""


class WireError(Hl7calfError):
    """The sender must correct this message: it cannot be read as HL7 v2.

    Args:
        code: stable fault code, such as `H_NO_MSH`.
        why: one sentence for a person; no payload text.
        ack: what MSA-1 answers in original mode, `AR` for content and `AE` for passing faults.
    """

    def __init__(self, code: str, why: str, ack: str = "AR") -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why
        self.ack = ack


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing an analyst must mend: where it is, what it is, what to do about it.

    `line` and `column` are 1-based; 0 means the file as a whole. `file` is relative to the
    mappings folder.
    """

    file: str
    line: int
    column: int
    code: str
    why: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "") + (f":{self.column}" if self.column else "")
        return f"{place}: {self.code}: {self.why}" + (f" ({self.hint})" if self.hint else "")


class MappingError(Hl7calfError):
    """The analyst must mend the mappings; nothing was loaded. Every defect is listed."""

    def __init__(self, defects: Sequence[Defect]) -> None:
        self.defects = tuple(defects)
        super().__init__("; ".join(str(d) for d in self.defects[:5]) + ("; ..." if len(self.defects) > 5 else ""))


class SettingsError(Hl7calfError):
    """The operator must mend the settings file: the key named is wrong or missing."""

    def __init__(self, key: str, why: str, hint: str = "") -> None:
        self.key = key
        self.why = why
        self.hint = hint
        super().__init__(f"{key}: {why}" + (f" ({hint})" if hint else ""))


class JournalError(Hl7calfError):
    """The store could not take it: nothing is acknowledged, the sender keeps the message."""


class JournalFull(JournalError):
    """There is no room for the store. Make room; intake resumes by itself."""


class JournalBroken(JournalError):
    """A sync failed or the store is damaged. The process stops; start it again after a look at the disk."""


class JournalLocked(JournalError):
    """Another hl7calf runs on this data_dir. Stop it first, or choose another data_dir."""


class JournalTooNew(JournalError):
    """A newer hl7calf wrote this store. Install that version again, or restore a backup."""
