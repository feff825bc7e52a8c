"""What hl7apy knows of the standard: segments, fields, data types, tables and message structures per version.

Law: hl7apy is loaded when first asked, never at import; an unknown name is None and never an exception. A
version it does not know is read as the usual one.

Source: the reference files of hl7apy 1.3.5, generated from the HL7 v2 standard 2.1 to 2.8.2. They hold no field
lengths (all are -1) and, for ORM^O01, no structure from version 2.7 on, where the message was withdrawn.
"""

import warnings
from functools import lru_cache
from typing import Any

from hl7calf.wire.message import PATH

USUAL_VERSION = "2.5.1"
_SMALL_WORDS = {"OF", "THE", "AND", "TO", "FOR", "OR", "IN", "BY", "FROM"}
_CAPITALS = {"ID", "SSN", "PV1", "PV2", "PID", "ORC", "OBR", "OBX", "NTE", "DG1", "HL7", "EI", "DRG", "DG", "AP"}


@lru_cache(maxsize=8192)
def reference(name: str, kind: str, version: str) -> Any:
    """Return hl7apy's reference of a `Message`, `Segment`, `Field`, `Table` or `Datatypes_Structs`; else None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import hl7apy

        try:
            return hl7apy.load_reference(name, kind, version)
        except Exception:  # ChildNotFound, UnsupportedVersion, KeyError: all mean that it does not know
            return None


@lru_cache(maxsize=64)
def known_version(version: str) -> str | None:
    """Return the version when hl7apy has its tables, else None."""
    return version if version and reference("MSH", "Segment", version) else None


@lru_cache(maxsize=4096)
def field_name(path: str, version: str = USUAL_VERSION) -> str:
    """Return the standard's name of a path, such as `Universal Service Identifier` for `OBR[2]-4`.

    With a component its name follows after a comma (`OBR-4.2` gives `Universal Service Identifier, Text`). Empty
    for a segment alone, a Z segment, or what the version does not have.
    """
    match = PATH.fullmatch(path)
    if match is None or match[3] is None:
        return ""
    version = known_version(version) or USUAL_VERSION
    field = reference(f"{match[1]}_{match[3]}", "Field", version)
    if field is None:
        return ""
    names = [field[3]]
    for part in match[5].split(".")[1:]:
        children = field[1] if field[0] == "sequence" else ()
        if not 0 < int(part) <= len(children):
            break
        field = children[int(part) - 1][1]
        names.append(field[3])
    return ", ".join(_title(name) for name in names)


def _title(name: str) -> str:
    words = name.replace("_", " ").split()
    return " ".join(
        word if word in _CAPITALS else word.lower() if word in _SMALL_WORDS and place else word.capitalize()
        for place, word in enumerate(words)
    )
